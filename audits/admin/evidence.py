"""Evidence in the admin: the record as it was stored, re-hashed when shown, with its figures.

A figure is served as an image that can run nothing, and only to who may read evidence.
"""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from audits.admin.audited import AuditedAdmin
from audits.admin.panels import Panel, code, digest, fact, prose, time
from audits.admin.records import ReadRecord, read_record
from audits.admin.tags import digest as digest_mark
from audits.admin.tags import mark, utc
from audits.artifacts import store
from audits.errors import DomainError
from audits.models import Evidence

# An SVG may style itself and nothing else: no script, no request, no frame of ours around it.
FIGURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


@admin.register(Evidence)
class EvidenceAdmin(AuditedAdmin):
    view_permission = "governance.view"
    detail_template = "countersign/evidence.html"
    list_display = ("title", "about", "flagged", "data", "digest_shown", "measured")
    list_filter = ("measurement", "measured_at")
    search_fields = ("title", "digest", "subject_id", "subject_digest", "dataset_digest")
    search_help_text = "Title, or a digest: of the evidence, of the artifact, of the data"

    @admin.display(description="About")
    def about(self, row: Evidence) -> SafeString:
        return digest_mark(row.subject_digest)  # type: ignore[return-value]

    @admin.display(description="Data")
    def data(self, row: Evidence) -> SafeString:
        return digest_mark(row.dataset_digest)  # type: ignore[return-value]

    @admin.display(description="Flags")
    def flagged(self, row: Evidence) -> SafeString | str:
        return mark("warning", f"{len(row.flags)} to read") if row.flags else mark("met", "none")

    @admin.display(description="SHA-256", ordering="digest")
    def digest_shown(self, row: Evidence) -> SafeString:
        return digest_mark(row.digest)  # type: ignore[return-value]

    @admin.display(description="Measured", ordering="measured_at")
    def measured(self, row: Evidence) -> SafeString | str:
        return utc(row.measured_at)

    def more_urls(self) -> list[URLPattern]:
        return [
            path(
                "<str:object_id>/figures/<str:figure>/",
                self.page(require_safe(self.figure_view)),
                name=self.url_name("figure"),
            ),
            path(
                "<str:object_id>/record/",
                self.page(require_safe(self.record_view)),
                name=self.url_name("record"),
            ),
        ]

    def detail_title(self, row: Evidence) -> str:
        return f"Evidence: {row.title}"

    def detail_context(self, request: HttpRequest, row: Evidence) -> dict[str, Any]:
        record = read_record(row)
        return {"panels": _panels(row, record), "record": record}

    def figure_view(self, request: HttpRequest, object_id: str, figure: str) -> HttpResponse:
        row = self.find(request, object_id)
        found = next((kept for kept in row.figures if kept["name"] == figure), None)
        if found is None:
            raise Http404("This evidence has no figure of that name.")
        return _content(found["sha256"], "image/svg+xml", {"Content-Security-Policy": FIGURE_POLICY})

    def record_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)
        name = f"{row.measurement}-{row.digest[:12]}.json"
        return _content(
            row.record_digest,
            "application/json",
            {"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _content(sha256: str, media_type: str, headers: dict[str, str]) -> HttpResponse:
    try:
        data = store.read(sha256)
    except DomainError as error:
        raise Http404(error.message) from error
    return HttpResponse(data, content_type=media_type, headers=headers)


def _panels(row: Evidence, record: ReadRecord) -> list[Panel]:
    about = [
        fact("Measurement", row.measurement),
        fact("Evidence, SHA-256", digest(row.digest)),
        fact("Stored record, SHA-256", digest(row.record_digest, url=_record_url(row))),
        fact("About", code(f"{row.subject_kind}:{row.subject_id}")),
        fact("Artifact, SHA-256", digest(row.subject_digest)),
        fact("Data, SHA-256", digest(row.dataset_digest)),
        fact("Measured", time(row.measured_at)),
        fact("Asked for by", code(row.origin)),
    ]
    panels = [Panel(title="What was measured, on what", facts=about)]
    if not record.problem:
        versions = ", ".join(f"{name} {version}" for name, version in (record.versions or {}).items())
        again = [
            fact("Seed", code(record.seed)),
            fact("Parameters", prose(_plain(record.parameters or {}))),
            fact("Made with", prose(versions)),
        ]
        panels.append(Panel(title="To do it again", facts=again))
    return panels


def _record_url(row: Evidence) -> str:
    return reverse("admin:audits_evidence_record", args=[row.pk])


def _plain(parameters: "dict[str, object] | Any") -> str:
    return "; ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in parameters.items() if value not in (None, [], {})
    )
