"""Assessments, deployments and batches of predictions in the admin: reports as they came."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from audits.admin.audited import AuditedAdmin
from audits.admin.panels import Panel, Table, Value, code, digest, fact, mark, number, prose, size, text, time
from audits.admin.tags import digest as digest_mark
from audits.admin.tags import mark as mark_tag
from audits.admin.tags import utc
from audits.documents.formatting import format_number
from audits.models import Evidence
from registry.models import Assessment, AssessmentStatus, Deployment, PredictionBatch

_MARKS = {
    AssessmentStatus.QUEUED: "open",
    AssessmentStatus.RUNNING: "open",
    AssessmentStatus.SUCCEEDED: "met",
    AssessmentStatus.FAILED: "unmet",
}


@admin.register(Assessment)
class AssessmentAdmin(AuditedAdmin):
    view_permission = "registry.view"
    detail_related = ("version__model", "dataset", "requested_by")
    list_display = ("version", "state", "dataset", "asked_for", "requested_by", "requested", "finished")
    list_filter = ("status", "requested_at")
    list_select_related: ClassVar = ("version__model", "dataset", "requested_by")
    search_fields = ("version__model__name", "dataset__name")
    search_help_text = "Model or dataset"

    @admin.display(description="State", ordering="status")
    def state(self, row: Assessment) -> SafeString:
        return mark_tag(_MARKS[AssessmentStatus(row.status)], row.get_status_display())

    @admin.display(description="Measurements")
    def asked_for(self, row: Assessment) -> str:
        return ", ".join(row.measurements)

    @admin.display(description="Asked for", ordering="requested_at")
    def requested(self, row: Assessment) -> SafeString | str:
        return utc(row.requested_at)

    @admin.display(description="Finished", ordering="finished_at")
    def finished(self, row: Assessment) -> SafeString | str:
        return utc(row.finished_at)

    def detail_title(self, row: Assessment) -> str:
        return f"Assessment of {row.version}"

    def panels(self, request: HttpRequest, row: Assessment) -> list[Panel]:
        parameters = "; ".join(f"{name} {value}" for name, value in row.parameters.items())
        facts = [
            fact("State", mark(_MARKS[AssessmentStatus(row.status)], row.get_status_display())),
            fact("Version", _link("registry_modelversion", row.version)),
            fact("On", _link("registry_datasetversion", row.dataset)),
            fact("Measurements", ", ".join(row.measurements)),
            fact("Parameters", prose(parameters or "none")),
            fact("Asked for by", row.requested_by.name),
            fact("Asked for", time(row.requested_at)),
            fact("Finished", time(row.finished_at)),
        ]
        if row.problem:
            facts.insert(1, fact("What went wrong", prose(row.problem)))
        evidence = [
            (_link("audits_evidence", kept, kept.title), digest(kept.digest), time(kept.measured_at))
            for kept in Evidence.objects.filter(digest__in=row.evidence)
        ]
        table = Table(head=("Evidence", "SHA-256", "Measured"), rows=evidence, empty="It has yielded no evidence.")
        return [Panel(title="The assessment", facts=facts), Panel(title="What it yielded", table=table)]


@admin.register(Deployment)
class DeploymentAdmin(AuditedAdmin):
    view_permission = "registry.view"
    detail_related = ("version__model", "environment", "reported_by")
    list_display = ("reported", "status", "what_runs", "environment", "known", "digest_shown", "reported_by")
    list_filter = ("environment", "status", "recognized", "reported_at")
    list_select_related: ClassVar = ("version__model", "environment", "reported_by")
    search_fields = ("digest", "reference", "version__model__name")
    search_help_text = "Model, SHA-256, or serving's own name for it"

    @admin.display(description="Reported", ordering="reported_at")
    def reported(self, row: Deployment) -> SafeString | str:
        return utc(row.reported_at)

    @admin.display(description="What runs")
    def what_runs(self, row: Deployment) -> str:
        return str(row.version or "unknown artifact")

    @admin.display(description="Registered?", ordering="recognized")
    def known(self, row: Deployment) -> SafeString:
        return mark_tag("met", "Registered") if row.recognized else mark_tag("unmet", "Not registered")

    @admin.display(description="Artifact, SHA-256")
    def digest_shown(self, row: Deployment) -> SafeString | str:
        return digest_mark(row.digest)

    def detail_title(self, row: Deployment) -> str:
        return f"Deployment of {self.what_runs(row)}"

    def panels(self, request: HttpRequest, row: Deployment) -> list[Panel]:
        known = mark("met", "a registered version") if row.recognized else mark("unmet", "of no registered version")
        what = _link("registry_modelversion", row.version) if row.version else text("unknown artifact")
        return [
            Panel(
                title="As serving reported it",
                facts=[
                    fact("Status", row.status),
                    fact("Artifact, SHA-256", digest(row.digest)),
                    fact("The digest is", known),
                    fact("Version", what),
                    fact("Environment", row.environment.title),
                    fact("Serving's name for it", row.reference or "not stated"),
                    fact("Under decision", _decision(row.decision)),
                    fact("Reported by", row.reported_by.name),
                    fact("Reported", time(row.reported_at)),
                ],
            )
        ]


@admin.register(PredictionBatch)
class PredictionBatchAdmin(AuditedAdmin):
    view_permission = "registry.view"
    detail_related = ("version__model", "environment", "reported_by")
    list_display = ("reported", "version", "environment", "rows_shown", "outcomes", "digest_shown", "reported_by")
    list_filter = ("environment", "reported_at")
    list_select_related: ClassVar = ("version__model", "environment", "reported_by")
    search_fields = ("digest", "version__model__name")
    search_help_text = "Model, or SHA-256 of the batch"

    @admin.display(description="Reported", ordering="reported_at")
    def reported(self, row: PredictionBatch) -> SafeString | str:
        return utc(row.reported_at)

    @admin.display(description="Rows", ordering="rows")
    def rows_shown(self, row: PredictionBatch) -> str:
        return format_number(row.rows)

    @admin.display(description="With outcome", ordering="rows_with_outcome")
    def outcomes(self, row: PredictionBatch) -> str:
        return format_number(row.rows_with_outcome)

    @admin.display(description="SHA-256")
    def digest_shown(self, row: PredictionBatch) -> SafeString | str:
        return digest_mark(row.digest)

    def detail_title(self, row: PredictionBatch) -> str:
        return f"Predictions of {row.version}"

    def panels(self, request: HttpRequest, row: PredictionBatch) -> list[Panel]:
        return [
            Panel(
                title="As monitoring sent it",
                facts=[
                    fact("Version", _link("registry_modelversion", row.version)),
                    fact("Environment", row.environment.title),
                    fact("SHA-256", digest(row.digest)),
                    fact("Size", size(row.size)),
                    fact("Form", row.media_type),
                    fact("Rows", number(row.rows)),
                    fact("Rows with outcome", number(row.rows_with_outcome)),
                    fact("Columns", ", ".join(map(str, row.columns)) or "not stated"),
                    fact("Reported by", row.reported_by.name),
                    fact("Reported", time(row.reported_at)),
                ],
            )
        ]


def _link(admin_name: str, row: Any, words: str = "") -> Value:
    """A row as a link to its page; pages of other floors are addressed by name."""
    return text(words or row, url=reverse(f"admin:{admin_name}_change", args=[row.pk]))


def _decision(identifier: str) -> Value:
    return code(identifier) if identifier else text("not stated")
