"""Environments, policies and checklists in the admin: what must be true where, readable in full."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from audits.admin.audited import AuditedAdmin
from audits.admin.forms import ReasonForm
from audits.admin.panels import Panel, Table, code, digest, fact, mark, number, prose, text, time
from audits.admin.tags import digest as digest_mark
from audits.admin.tags import utc
from audits.admin.verbs import Done, Occasion, Verb, VerbAdmin
from governance.admin.refusals import lacking
from governance.admin.running_panel import running_panel
from governance.models import Checklist, Policy
from governance.policies.rendering import render
from governance.roles import roles
from governance.services.rules import assign_policy
from registry.models import Environment


class AssignForm(ReasonForm):
    policy = forms.ModelChoiceField(queryset=Policy.objects.order_by("title", "-adopted_at"), empty_label=None)
    checklist = forms.ModelChoiceField(queryset=Checklist.objects.order_by("title", "-adopted_at"), empty_label=None)
    field_order = ["policy", "checklist", "reason"]


class AssignPolicy(Verb):
    name = "assign-policy"
    title = "Put under another policy"
    form_class = AssignForm
    submit = "Assign"

    def refusal(self, occasion: Occasion) -> str:
        return lacking(occasion, "governance.set_policy")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        said = ["Where every version stands in this environment is computed anew at once."]
        if occasion.row.name == "production":
            said.append("Approvals are given under production's policy: with another one, all of them go stale.")
        return said

    def form(self, occasion: Occasion, data: Any = None) -> forms.Form:
        assignment = getattr(occasion.row, "assignment", None)
        initial = {"policy": assignment.policy_id, "checklist": assignment.checklist_id} if assignment else {}
        return AssignForm(data, initial=initial)

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        assign_policy(
            actor=occasion.actor,
            environment=occasion.row,
            policy=given["policy"],
            checklist=given["checklist"],
            reason=given["reason"],
        )
        return Done(sentence=f"{occasion.row.title} is under {given['policy']} now.")


@admin.register(Environment)
class EnvironmentAdmin(VerbAdmin):
    view_permission = "governance.view"
    detail_template = "countersign/environment.html"
    detail_related = ("assignment__policy", "assignment__checklist")
    list_display = ("title", "name", "policy", "checklist")
    list_select_related: ClassVar = ("assignment__policy", "assignment__checklist")
    ordering = ("-rank",)
    verbs: ClassVar = (AssignPolicy(),)

    @admin.display(description="Policy")
    def policy(self, row: Any) -> str:
        assignment = getattr(row, "assignment", None)
        return str(assignment.policy) if assignment else "none: everything is denied"

    @admin.display(description="Checklist")
    def checklist(self, row: Any) -> str:
        assignment = getattr(row, "assignment", None)
        return str(assignment.checklist) if assignment else "none"

    def detail_title(self, row: Environment) -> str:
        return f"Environment {row.title}"

    def panels(self, request: HttpRequest, row: Any) -> list[Panel]:
        assignment = getattr(row, "assignment", None)
        if assignment is None:
            facts = [fact("Policy", mark("unmet", "none: the gate denies everything here"))]
        else:
            policy, checklist = assignment.policy, assignment.checklist
            facts = [
                fact("Policy", text(policy, url=reverse("admin:governance_policy_change", args=[policy.pk]))),
                fact("Policy, SHA-256", digest(policy.digest)),
                fact(
                    "Checklist", text(checklist, url=reverse("admin:governance_checklist_change", args=[checklist.pk]))
                ),
                fact("Checklist, SHA-256", digest(checklist.digest)),
            ]
        standings = row.standings.select_related("version__model").order_by("version__model__name", "-version__number")
        rows = [
            (
                text(standing.version, url=reverse("admin:registry_modelversion_change", args=[standing.version_id])),
                mark("met" if standing.allowed else "unmet", "May run" if standing.allowed else "May not run"),
                time(standing.computed_at),
                time(standing.valid_until),
            )
            for standing in standings[:100]
        ]
        return [
            Panel(title="The rules here", facts=facts),
            *([running_panel(request, row)] if request.user.has_perm("audits.view_trail") else []),
            Panel(
                title="How versions stood when last computed",
                table=Table(
                    head=("Version", "Standing", "Computed", "Ends"), rows=rows, empty="No version is registered yet."
                ),
            ),
        ]


class _DocumentAdmin(AuditedAdmin):
    view_permission = "governance.view"
    list_display = ("title", "version", "digest_shown", "adopted")
    search_fields = ("title", "key", "digest")

    @admin.display(description="SHA-256")
    def digest_shown(self, row: Any) -> SafeString | str:
        return digest_mark(row.digest)

    @admin.display(description="Adopted", ordering="adopted_at")
    def adopted(self, row: Any) -> SafeString | str:
        return utc(row.adopted_at)

    def document_panel(self, row: Any, *, parts: int, noun: str) -> Panel:
        environments = ", ".join(
            assignment.environment.title for assignment in row.assignments.select_related("environment")
        )
        return Panel(
            title="The document",
            facts=[
                fact("Version", text(row.version)),
                fact("Key", code(row.key)),
                fact("SHA-256", digest(row.digest)),
                fact("Adopted", time(row.adopted_at)),
                fact("In force in", text(environments or "no environment")),
                fact(noun, number(parts)),
            ],
        )


@admin.register(Policy)
class PolicyAdmin(_DocumentAdmin):
    def panels(self, request: HttpRequest, row: Policy) -> list[Panel]:
        rules = row.rules
        rows = [
            (
                text(clause.title),
                code(render(clause.requires)),
                prose(clause.message),
                text(_role(clause.owner)),
                prose(", ".join(clause.reference)),
            )
            for clause in rules.clauses
        ]
        head = ("Clause", "Must hold", "What it means when it does not", "Next step is for", "Rests on")
        return [
            self.document_panel(row, parts=len(rules.clauses), noun="Clauses"),
            Panel(title="Clauses", table=Table(head=head, rows=rows, empty="The policy has no clauses.")),
        ]


@admin.register(Checklist)
class ChecklistAdmin(_DocumentAdmin):
    def panels(self, request: HttpRequest, row: Checklist) -> list[Panel]:
        template = row.template
        panels = [self.document_panel(row, parts=len(template.questions), noun="Questions")]
        for section in template.sections:
            rows = [
                (
                    prose(question.text),
                    prose(question.help),
                    text(_role(question.answered_by)),
                    text(", ".join(question.evidence)),
                    mark("warning", "blocks") if question.blocking else text(""),
                    prose(", ".join(question.references)),
                )
                for question in section.questions
            ]
            head = ("Question", "A good answer holds", "Answered by", "Evidence", "", "Rests on")
            panels.append(
                Panel(
                    title=f"{section.title}, signed by the {_role(section.signed_by).lower()}",
                    note=section.purpose,
                    table=Table(head=head, rows=rows, empty=""),
                )
            )
        return panels


def _role(name: str) -> str:
    known = roles().get(name)
    return known.title if known is not None else name.replace("_", " ")
