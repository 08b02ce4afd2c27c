"""Verifications in the admin: each result with its report, and how one that is at work comes on.

Shows what was kept; a result is never changed, and the report's file is re-hashed when it is read.
"""

from typing import Any
from uuid import UUID

import orjson
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from audits.admin.audited import AuditedAdmin
from audits.admin.tags import mark, utc
from audits.artifacts import store
from audits.errors import DomainError
from audits.models import Verification, VerificationRun


@admin.register(Verification)
class VerificationAdmin(AuditedAdmin):
    view_permission = "audits.view_trail"
    list_title = "Verifications"
    detail_template = "countersign/verification.html"
    list_display = ("finished", "outcome", "entries", "differences")
    list_filter = ("ok", "finished_at")
    ordering = ("-finished_at",)

    @admin.display(description="Verified", ordering="finished_at")
    def finished(self, row: Verification) -> SafeString | str:
        return utc(row.finished_at)

    @admin.display(description="Result", ordering="ok")
    def outcome(self, row: Verification) -> SafeString:
        return mark("met", "everything holds") if row.ok else mark("unmet", "something differs")

    def more_urls(self) -> list[URLPattern]:
        return [path("runs/<uuid:run_id>/", self.page(require_safe(self.run_view)), name=self.url_name("run"))]

    def detail_title(self, row: Verification) -> str:
        return f"Verification of {row}"

    def detail_context(self, request: HttpRequest, row: Verification) -> dict[str, Any]:
        try:
            return {"report": orjson.loads(store.read(row.report_digest)), "result": row}
        except DomainError as error:
            return {"report": None, "result": row, "problem": error.message}

    def run_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """How it comes on; the page asks again by itself, and leads to the result once that is there."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = VerificationRun.objects.filter(pk=run_id).first()
        if run is None:
            raise Http404("There is no such verification.")
        if run.result_id is not None:
            return HttpResponseRedirect(reverse("admin:audits_verification_change", args=[run.result_id]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Verifying the trail",
            "list_title": self.called(),
            "list_url": f"admin:{self.url_name('changelist')}",
            "run": run,
        }
        return TemplateResponse(request, "countersign/verification_run.html", context)
