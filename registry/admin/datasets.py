"""Datasets in the admin: what a table is, where it comes from, who is in it. The rows themselves are not shown."""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits.admin.audited import AuditedAdmin
from audits.admin.panels import Panel, Table, Value, digest, fact, mark, number, prose, size, text, time
from audits.admin.tags import digest as digest_mark
from audits.admin.tags import utc
from audits.documents.formatting import format_number
from registry.models import DatasetVersion


@admin.register(DatasetVersion)
class DatasetVersionAdmin(AuditedAdmin):
    view_permission = "registry.view"
    list_title = "Datasets"
    detail_related = ("registered_by",)
    list_display = ("dataset", "rows", "sensitive", "target_column", "digest_shown", "registered")
    list_filter = ("registered_at",)
    list_select_related: ClassVar = ("registered_by",)
    search_fields = ("name", "digest", "source")
    search_help_text = "Name, SHA-256, or where the rows come from"
    ordering = ("name", "-number")

    @admin.display(description="Dataset", ordering="name")
    def dataset(self, row: DatasetVersion) -> str:
        return str(row)

    @admin.display(description="Rows", ordering="row_count")
    def rows(self, row: DatasetVersion) -> str:
        return format_number(row.row_count)

    @admin.display(description="Sensitive columns")
    def sensitive(self, row: DatasetVersion) -> str:
        return ", ".join(row.sensitive_columns) or "none named"

    @admin.display(description="SHA-256", ordering="digest")
    def digest_shown(self, row: DatasetVersion) -> SafeString | str:
        return digest_mark(row.digest)

    @admin.display(description="Registered", ordering="registered_at")
    def registered(self, row: DatasetVersion) -> SafeString | str:
        return utc(row.registered_at)

    def detail_title(self, row: DatasetVersion) -> str:
        return f"Dataset {row}"

    def panels(self, request: HttpRequest, row: DatasetVersion) -> list[Panel]:
        columns = [
            (
                text(column["name"]),
                text(column.get("type", "")),
                number(column.get("missing")),
                number(column.get("distinct")),
                _part(row, column["name"]),
            )
            for column in row.columns
        ]
        return [
            Panel(
                title="The table",
                facts=[
                    fact("SHA-256", digest(row.digest)),
                    fact("File", text(f"{row.file_name} ({row.media_type})")),
                    fact("Size", size(row.size)),
                    fact("Rows", number(row.row_count)),
                    fact("Target", text(row.target_column or "not stated")),
                    fact("Source", prose(row.source)),
                    fact("Registered by", text(row.registered_by.name)),
                    fact("Registered", time(row.registered_at)),
                ],
            ),
            Panel(
                title="Columns",
                table=Table(
                    head=("Column", "Type", "Missing", "Distinct", ""), rows=columns, empty="No columns are described."
                ),
            ),
        ]


def _part(row: DatasetVersion, column: str) -> Value:
    if column in row.sensitive_columns:
        return mark("warning", "sensitive")
    return text("target" if column == row.target_column else "")
