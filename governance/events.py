"""What happens on the top floor, as the trail names it. Listed in the README of governance."""

from dataclasses import dataclass

from audits.retention import OPERATION, RECORDS, keep
from audits.trail import event


@event("governance.token.issued")
@dataclass(frozen=True, kw_only=True)
class TokenIssued:
    scopes: list[str]


@event("governance.token.revoked")
@dataclass(frozen=True, kw_only=True)
class TokenRevoked:
    pass


@event("governance.account.created")
@dataclass(frozen=True, kw_only=True)
class AccountCreated:
    roles: list[str]


@event("governance.account.closed")
@dataclass(frozen=True, kw_only=True)
class AccountClosed:
    pass


@event("governance.roles.loaded")
@dataclass(frozen=True, kw_only=True)
class RolesLoaded:
    """The roles of this release were made known to the database."""

    roles: list[str]


@event("governance.roles.assigned")
@dataclass(frozen=True, kw_only=True)
class RolesAssigned:
    roles: list[str]


@event("governance.password.changed")
@dataclass(frozen=True, kw_only=True)
class PasswordChanged:
    pass


@event("governance.session.opened")
@dataclass(frozen=True, kw_only=True)
class SessionOpened:
    """Somebody signed in to the admin."""

    roles: list[str]


@event("governance.session.refused")
@dataclass(frozen=True, kw_only=True)
class SessionRefused:
    """A wrong password at the door."""


@event("governance.password.refused")
@dataclass(frozen=True, kw_only=True)
class PasswordRefused:
    """A wrong password where a signature was to be given."""


@event("governance.policy.adopted")
@dataclass(frozen=True, kw_only=True)
class PolicyAdopted:
    digest: str


@event("governance.checklist.adopted")
@dataclass(frozen=True, kw_only=True)
class ChecklistAdopted:
    digest: str


@event("governance.policy.assigned")
@dataclass(frozen=True, kw_only=True)
class PolicyAssigned:
    environment: str
    policy_digest: str
    checklist_digest: str


@event("governance.questions.answered")
@dataclass(frozen=True, kw_only=True)
class QuestionsAnswered:
    """Questions of the checklist were answered, or answered anew; choices and evidence are in the changes."""

    questions: list[str]


@event("governance.section.signed")
@dataclass(frozen=True, kw_only=True)
class SectionSigned:
    section: str
    signed_digest: str


@event("governance.approval.granted")
@dataclass(frozen=True, kw_only=True)
class ApprovalGranted:
    role: str
    signed_digest: str


@event("governance.approval.refused")
@dataclass(frozen=True, kw_only=True)
class ApprovalRefused:
    """Somebody who may approve rejected the version."""

    role: str
    signed_digest: str


@event("governance.signing.denied")
@dataclass(frozen=True, kw_only=True)
class SigningDenied:
    """An attempt to sign was turned away: own work, wrong role, stale authentication."""

    role: str
    code: str


@event("governance.risk.accepted")
@dataclass(frozen=True, kw_only=True)
class RiskAccepted:
    topic: str
    signed_digest: str


@event("governance.standing.computed")
@dataclass(frozen=True, kw_only=True)
class StandingComputed:
    """Standings of a version were computed anew although nobody changed anything: files hashed, ends reached."""


@event("governance.decision.made")
@dataclass(frozen=True, kw_only=True)
class DecisionMade:
    """The gate was asked and answered; written by the gate's own statement."""

    allowed: bool
    code: str
    environment: str


@event("governance.dossier.printed")
@dataclass(frozen=True, kw_only=True)
class DossierPrinted:
    digest: str
    status: str


@event("governance.dossier.downloaded")
@dataclass(frozen=True, kw_only=True)
class DossierDownloaded:
    digest: str


@event("governance.bundle.exported")
@dataclass(frozen=True, kw_only=True)
class BundleExported:
    entries: int
    checkpoint_size: int


@event("governance.dossier.ordered")
@dataclass(frozen=True, kw_only=True)
class DossierOrdered:
    """Somebody asked for a dossier; a worker prints it."""

    environment: str


@event("governance.order.finished")
@dataclass(frozen=True, kw_only=True)
class DossierOrderFinished:
    digest: str


@event("governance.order.failed")
@dataclass(frozen=True, kw_only=True)
class DossierOrderFailed:
    code: str


# How long what happens here is kept (audits.retention); the rest as documentation, the longest.
keep(OPERATION, "governance.session.opened", "governance.session.refused", "governance.password.refused")
keep(
    RECORDS,
    "governance.token.issued",
    "governance.token.revoked",
    "governance.account.created",
    "governance.account.closed",
    "governance.roles.assigned",
    "governance.password.changed",
)
