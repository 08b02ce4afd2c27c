"""Dossiers in the admin: ordered by a verb, printed by a worker, handed out as files. Each hand-out is an act."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from audits.admin.audited import AuditedAdmin
from audits.admin.panels import Panel, digest, fact, number, size, text, time
from audits.admin.tags import digest as digest_mark
from audits.admin.tags import utc
from audits.admin.verbs import Done, Occasion, Verb
from audits.errors import DomainError
from audits.models import User
from audits.trail import Actor
from governance.admin.refusals import lacking
from governance.models import Dossier
from governance.services.dossier_orders import download_dossier, order_dossier
from registry.models import Environment


class PrintForm(forms.Form):
    environment = forms.ModelChoiceField(
        label="For the environment", queryset=Environment.objects.order_by("-rank"), empty_label=None
    )


class PrintDossier(Verb):
    name = "print-dossier"
    title = "Print the dossier"
    form_class = PrintForm
    submit = "Print"

    def refusal(self, occasion: Occasion) -> str:
        return lacking(occasion, "governance.export_dossier")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "A worker prints a PDF of everything recorded about this version: decision, evidence, checklist, "
            "approvals, lineage, trail, with how to verify it. What is missing is printed as missing.",
            "The PDF is kept under its digest, and the digest is in the trail.",
        )

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        order_dossier(actor=occasion.actor, version=occasion.row, environment=form.cleaned_data["environment"])
        return Done(sentence="The dossier is ordered: a worker prints it, and this page links it under Dossiers.")


@admin.register(Dossier)
class DossierAdmin(AuditedAdmin):
    view_permission = "governance.view"
    detail_template = "countersign/dossier.html"
    detail_related = ("version__model", "environment", "printed_by")
    list_display = ("of", "environment", "status", "pdf", "printed_by", "printed")
    list_filter = ("environment", "status", "printed_at")
    list_select_related: ClassVar = ("version__model", "environment", "printed_by")
    search_fields = ("version__model__name", "digest")
    search_help_text = "Model, or the PDF's SHA-256: find the dossier that somebody holds"

    @admin.display(description="Dossier of", ordering="version__model__name")
    def of(self, row: Dossier) -> str:
        return str(row.version)

    @admin.display(description="PDF, SHA-256")
    def pdf(self, row: Dossier) -> SafeString | str:
        return digest_mark(row.digest)

    @admin.display(description="Printed", ordering="printed_at")
    def printed(self, row: Dossier) -> SafeString | str:
        return utc(row.printed_at)

    def more_urls(self) -> list[URLPattern]:
        return [
            path(
                "<str:object_id>/download/",
                self.page(require_GET(self.download_view)),
                name=self.url_name("download"),
            )
        ]

    def detail_title(self, row: Dossier) -> str:
        return f"Dossier of {row.version} for {row.environment}"

    def panels(self, request: HttpRequest, row: Dossier) -> list[Panel]:
        version_url = reverse("admin:registry_modelversion_change", args=[row.version_id])
        return [
            Panel(
                title="The PDF",
                facts=[
                    fact("Version", text(row.version, url=version_url)),
                    fact("Environment", text(row.environment.title)),
                    fact("Status on the cover", text(row.status)),
                    fact("PDF, SHA-256", digest(row.digest)),
                    fact("Size", size(row.size)),
                    fact("Trail up to", number(row.checkpoint_size)),
                    fact("Printed by", text(row.printed_by.name)),
                    fact("Printed", time(row.printed_at)),
                ],
            )
        ]

    def detail_context(self, request: HttpRequest, row: Dossier) -> dict[str, Any]:
        may = request.user.has_perm("governance.export_dossier")
        return {**super().detail_context(request, row), "may_download": may}

    def download_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The PDF. That it was handed out, and to whom, is an act of the service: it commits before a byte leaves."""
        row: Dossier = self.find(request, object_id)
        try:
            data = download_dossier(actor=Actor.person(cast(User, request.user), via="admin"), dossier=row)
        except DomainError as error:
            return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
        name = f"{row.version.model.name}-{row.version.number}-dossier.pdf"
        return HttpResponse(
            data,
            content_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
