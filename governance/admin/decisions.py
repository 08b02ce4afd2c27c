"""Decisions of the gate in the admin: what was asked, what was answered, why. They are facts, never edited."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from audits.admin.exporting import ExportList
from audits.admin.history import names_of
from audits.admin.panels import Panel, Table, code, digest, fact, mark, prose, text, time
from audits.admin.tags import mark as mark_tag
from audits.admin.tags import utc
from audits.admin.verbs import VerbAdmin
from governance.admin.standing_view import clauses_of
from governance.models import Decision


@admin.register(Decision)
class DecisionAdmin(VerbAdmin):
    view_permission = "governance.view"
    detail_related = ("version__model__owner", "environment")
    list_display = ("decided", "answer", "about", "environment_name", "action", "who")
    list_display_links = ("decided", "answer")
    list_filter = ("allowed", "status", "environment", "decided_at")
    list_select_related: ClassVar = ("version__model", "environment")
    search_fields = ("id", "version__model__name", "policy_digest", "actor")
    search_help_text = "Model, decision, policy's SHA-256, or actor (user:7)"
    verbs: ClassVar = (ExportList("decisions"),)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        names = names_of(decision.actor for decision in changes.result_list)
        for decision in changes.result_list:
            decision.who_name = names.get(decision.actor, decision.actor)
        return changes

    @admin.display(description="Decided", ordering="decided_at")
    def decided(self, row: Decision) -> SafeString | str:
        return utc(row.decided_at)

    @admin.display(description="Answer", ordering="status")
    def answer(self, row: Decision) -> SafeString:
        return mark_tag("met" if row.allowed else "unmet", row.status.capitalize())

    @admin.display(description="About")
    def about(self, row: Decision) -> str:
        return _about(row)

    @admin.display(description="Environment", ordering="environment")
    def environment_name(self, row: Decision) -> str:
        return row.environment.title if row.environment else str(row.asked.get("environment", ""))

    @admin.display(description="Asked by")
    def who(self, row: Any) -> str:
        return str(row.who_name)

    def detail_title(self, row: Decision) -> str:
        return f"Decision: {row.status.lower()}, {_about(row)}"

    def panels(self, request: HttpRequest, row: Decision) -> list[Panel]:
        asked = row.asked
        version = row.version
        url = reverse("admin:registry_modelversion_change", args=[version.pk]) if version else ""
        owner = version.model.owner.name if version else ""
        rows = [
            (
                mark(clause.mark, clause.word),
                text(clause.title),
                prose(clause.explain),
                prose(f"{clause.next_step} ({clause.owner})" if clause.next_step else ""),
            )
            for clause in clauses_of(row.reasons, owner)
        ]
        return [
            Panel(
                title="The answer",
                facts=[
                    fact("Answer", mark("met" if row.allowed else "unmet", row.status.capitalize())),
                    fact("About", text(_about(row), url=url)),
                    fact("Environment", text(self.environment_name(row))),
                    fact("Action", text(row.action)),
                    fact("Asked by", f"{names_of([row.actor]).get(row.actor, row.actor)} ({row.actor})"),
                    fact("Decided", time(row.decided_at)),
                    fact("Policy, SHA-256", digest(row.policy_digest)),
                    fact("Decision", code(row.pk)),
                ],
            ),
            Panel(
                title="Why",
                table=Table(head=("", "Clause", "Why", "Next step"), rows=rows, empty="No reasons were recorded."),
            ),
            Panel(
                title="As it was asked",
                facts=[
                    fact("Model", text(asked.get("model") or "not named")),
                    fact("Version", text(asked.get("version") or "not named")),
                    fact("Digest", digest(str(asked.get("digest") or ""))),
                    fact(
                        "Context", prose("; ".join(f"{k} {v}" for k, v in asked.get("context", {}).items()) or "none")
                    ),
                ],
            ),
        ]


def _about(row: Decision) -> str:
    if row.version is not None:
        return str(row.version)
    asked = row.asked
    if asked.get("model"):
        return f"{asked['model']} {asked.get('version') or ''}".strip()
    return f"artifact {str(asked.get('digest', ''))[:12]}"
