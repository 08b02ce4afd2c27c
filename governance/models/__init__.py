"""The top floor's tables: what must be true, who says so, and what follows."""

from governance.models.decisions import ApiToken, Decision, Dossier, DossierOrder, OrderStatus, Standing
from governance.models.rules import Checklist, Policy, PolicyAssignment
from governance.models.signatures import (
    AnswerChoice,
    Approval,
    ChecklistAnswer,
    RiskAcceptance,
    Signature,
    SignOff,
    Verdict,
)

__all__ = [
    "AnswerChoice",
    "ApiToken",
    "Approval",
    "Checklist",
    "ChecklistAnswer",
    "Decision",
    "Dossier",
    "DossierOrder",
    "OrderStatus",
    "Policy",
    "PolicyAssignment",
    "RiskAcceptance",
    "SignOff",
    "Signature",
    "Standing",
    "Verdict",
]
