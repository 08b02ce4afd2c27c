"""Model versions in the admin: the list, the officer's page, and the verbs of review."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits.admin.exporting import ExportList
from audits.admin.tags import digest as digest_mark
from audits.admin.tags import mark, utc
from audits.admin.verbs import VerbAdmin
from governance.admin.acceptance import AcceptRisk
from governance.admin.answering import AnswerSection
from governance.admin.dossiers import PrintDossier
from governance.admin.signing_verbs import Approve, Reject, SignSection
from governance.admin.standing_view import production_marks
from governance.admin.version_page import page_of
from governance.admin.version_verbs import ExportBundle, RequestAssessment
from registry.models import ModelVersion


@admin.register(ModelVersion)
class ModelVersionAdmin(VerbAdmin):
    view_permission = "governance.view"
    list_title = "Versions"
    detail_template = "countersign/version.html"
    detail_related = ("model__owner", "registered_by", "training_data")
    list_display = ("name", "production", "tier", "owner", "artifact", "framework", "registered")
    list_filter = ("model__risk_tier", "artifact_format", "registered_at")
    list_select_related = ("model__owner",)
    search_fields = ("model__name", "model__title", "artifact_digest", "source_commit")
    search_help_text = "Model, artifact's SHA-256, or source commit"
    ordering = ("-registered_at",)
    verbs: ClassVar = (
        Approve(),
        Reject(),
        AcceptRisk(),
        RequestAssessment(),
        PrintDossier(),
        ExportBundle(),
        AnswerSection(),
        SignSection(),
        ExportList("versions"),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        marks = production_marks([version.pk for version in changes.result_list])
        for version in changes.result_list:
            version.production_mark = marks.get(version.pk)
        return changes

    @admin.display(description="Version", ordering="model__name")
    def name(self, row: ModelVersion) -> str:
        return str(row)

    @admin.display(description="In production")
    def production(self, row: Any) -> SafeString:
        return mark(*(row.production_mark or ("unmet", "May not run")))

    @admin.display(description="Risk tier", ordering="model__risk_tier")
    def tier(self, row: ModelVersion) -> str:
        return row.model.get_risk_tier_display()

    @admin.display(description="Owner", ordering="model__owner__last_name")
    def owner(self, row: ModelVersion) -> str:
        return row.model.owner.name

    @admin.display(description="Artifact, SHA-256")
    def artifact(self, row: ModelVersion) -> SafeString | str:
        return digest_mark(row.artifact_digest)

    @admin.display(description="Registered", ordering="registered_at")
    def registered(self, row: ModelVersion) -> SafeString | str:
        return utc(row.registered_at)

    def detail_title(self, row: ModelVersion) -> str:
        return str(row)

    def detail_context(self, request: HttpRequest, row: ModelVersion) -> dict[str, Any]:
        occasion = self.occasion(request, row)
        return {**page_of(request, occasion), "offers": self.offers_on(occasion)}
