"""Which lists of governance can be exported, and their columns. Never a free text that people wrote."""

from audits.services.exporting import Inventory, offer
from governance.models import Approval, Decision


def offer_lists() -> None:
    offer(
        Inventory(
            name="approvals",
            title="Approvals",
            permission="governance.view",
            rows=lambda: Approval.objects.select_related("version__model").order_by("signed_at"),
            columns={
                "id": lambda row: row.pk,
                "model": lambda row: row.version.model.name,
                "version": lambda row: row.version.number,
                "verdict": lambda row: row.verdict,
                "role": lambda row: row.role,
                "signer": lambda row: f"user:{row.signer_id}",
                "signer_name": lambda row: row.signer_name,
                "meaning": lambda row: row.meaning,
                "method": lambda row: row.method,
                "signed_digest": lambda row: row.signed_digest,
                "signed_at": lambda row: row.signed_at,
            },
        )
    )
    offer(
        Inventory(
            name="decisions",
            title="Decisions",
            permission="governance.view",
            rows=lambda: Decision.objects.select_related("version__model", "environment").order_by("decided_at"),
            columns={
                "id": lambda row: row.pk,
                "model": lambda row: row.version.model.name if row.version else None,
                "version": lambda row: row.version.number if row.version else None,
                "environment": lambda row: row.environment.name if row.environment else None,
                "action": lambda row: row.action,
                "allowed": lambda row: row.allowed,
                "status": lambda row: row.status,
                "policy_digest": lambda row: row.policy_digest,
                "actor": lambda row: row.actor,
                "decided_at": lambda row: row.decided_at,
            },
        )
    )
