"""The dossier's part on what serving and monitoring reported.

Must never leave out a report because it is unwelcome.
"""

from audits.documents.formatting import format_number
from governance.dossiers.blocks import Fact
from governance.dossiers.content import DeploymentContent, MonitoringReport
from governance.services.dossier_content.reading import Reading


def deployment_contents(reading: Reading) -> tuple[DeploymentContent, ...]:
    """Every report of a deployment of this version, oldest first."""
    rows = list(reading.version.deployments.select_related("environment").order_by("reported_at"))
    entries = reading.trail.entries_of(rows)
    return tuple(
        DeploymentContent(
            environment=row.environment.name,
            status=f"{row.status.capitalize()}{f' ({row.reference})' if row.reference else ''}",
            digest=row.digest,
            reported_by=reading.names.get(row.reported_by_id, f"account {row.reported_by_id}"),
            reported_at=row.reported_at,
            entry=entries.get(row.pk),
        )
        for row in rows
    )


def monitoring_contents(reading: Reading) -> tuple[MonitoringReport, ...]:
    """Every batch of predictions, oldest first."""
    rows = list(reading.version.prediction_batches.select_related("environment").order_by("reported_at"))
    entries = reading.trail.entries_of(rows)
    return tuple(
        MonitoringReport(
            period=f"Batch {number}: predictions in {row.environment.name}",
            received_at=row.reported_at,
            source=reading.names.get(row.reported_by_id, f"account {row.reported_by_id}"),
            rows=row.rows,
            digest=row.digest,
            findings=(
                Fact(
                    label="Outcomes known",
                    value=f"{format_number(row.rows_with_outcome)} of {format_number(row.rows)} rows",
                ),
                Fact(label="Columns", value=", ".join(str(name) for name in row.columns)),
            ),
            entry=entries.get(row.pk),
        )
        for number, row in enumerate(rows, start=1)
    )
