"""Uploads in the admin: what was sent in, and what a worker made of it or why not."""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits.admin.audited import AuditedAdmin
from audits.admin.panels import Panel, code, digest, fact, mark, prose, size, text, time
from audits.admin.tags import mark as mark_tag
from audits.admin.tags import utc
from registry.models import Intake, IntakeStatus

_MARKS = {IntakeStatus.QUEUED: "open", IntakeStatus.SUCCEEDED: "met", IntakeStatus.FAILED: "unmet"}


@admin.register(Intake)
class IntakeAdmin(AuditedAdmin):
    view_permission = "registry.view"
    list_title = "Uploads"
    detail_related = ("requested_by",)
    list_display = ("file_name", "state", "purpose", "requested_by", "requested", "finished")
    list_filter = ("status", "purpose", "requested_at")
    list_select_related: ClassVar = ("requested_by",)
    search_fields = ("file_name", "digest")
    search_help_text = "File or SHA-256"

    @admin.display(description="State", ordering="status")
    def state(self, row: Intake) -> SafeString:
        return mark_tag(_MARKS[IntakeStatus(row.status)], row.get_status_display())

    @admin.display(description="Sent", ordering="requested_at")
    def requested(self, row: Intake) -> SafeString | str:
        return utc(row.requested_at)

    @admin.display(description="Finished", ordering="finished_at")
    def finished(self, row: Intake) -> SafeString | str:
        return utc(row.finished_at)

    def detail_title(self, row: Intake) -> str:
        return f"Upload {row.file_name}"

    def panels(self, request: HttpRequest, row: Intake) -> list[Panel]:
        stated = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.details.items() if value)
        facts = [
            fact("State", mark(_MARKS[IntakeStatus(row.status)], row.get_status_display())),
            fact("Sent as", text(row.get_purpose_display())),
            fact("SHA-256", digest(row.digest)),
            fact("Size", size(row.size)),
            fact("Form", text(row.media_type)),
            fact("Stated by the sender", prose(stated)),
            fact("Became", code(row.result) if row.result else text("nothing yet")),
            fact("Sent by", text(row.requested_by.name)),
            fact("Sent", time(row.requested_at)),
            fact("Finished", time(row.finished_at)),
        ]
        if row.problem:
            facts.insert(1, fact("What is wrong", prose(row.problem)))
        return [Panel(title="The upload", facts=facts)]
