"""Which lists of the registry can be exported, and their columns. Never a free text that people wrote."""

from audits.services.exporting import Inventory, offer
from registry.models import ModelVersion, RegisteredModel


def offer_lists() -> None:
    offer(
        Inventory(
            name="models",
            title="Models",
            permission="registry.view",
            rows=lambda: RegisteredModel.objects.select_related("owner").order_by("name"),
            columns={
                "id": lambda row: row.pk,
                "name": lambda row: row.name,
                "title": lambda row: row.title,
                "owner": lambda row: f"user:{row.owner_id}",
                "owner_name": lambda row: row.owner.name,
                "business_unit": lambda row: row.business_unit,
                "risk_tier": lambda row: row.risk_tier,
                "registered_at": lambda row: row.registered_at,
                "retired_at": lambda row: row.retired_at,
            },
        )
    )
    offer(
        Inventory(
            name="versions",
            title="Versions",
            permission="registry.view",
            rows=lambda: ModelVersion.objects.select_related("model").order_by("model__name", "number"),
            columns={
                "id": lambda row: row.pk,
                "model": lambda row: row.model.name,
                "number": lambda row: row.number,
                "artifact_digest": lambda row: row.artifact_digest,
                "artifact_format": lambda row: row.artifact_format,
                "framework": lambda row: row.framework,
                "framework_version": lambda row: row.framework_version,
                "source_commit": lambda row: row.source_commit,
                "registered_by": lambda row: f"user:{row.registered_by_id}",
                "registered_at": lambda row: row.registered_at,
            },
        )
    )
