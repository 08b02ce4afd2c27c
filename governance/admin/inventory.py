"""Registered models in the admin: who owns them, how their versions stand, and the verbs on the model itself."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from audits.admin.exporting import ExportList
from audits.admin.forms import ReasonForm
from audits.admin.panels import Panel, Table, digest, fact, mark, prose, text, time
from audits.admin.tags import mark as mark_tag
from audits.admin.tags import utc
from audits.admin.verbs import Done, Occasion, Verb, VerbAdmin
from audits.models import User
from governance.admin.refusals import lacking
from governance.admin.standing_view import production_marks
from governance.roles import roles
from registry.models import ModelVersion, RegisteredModel
from registry.services.inventory import reassign_model, retire_model


def may_own() -> "forms.ModelChoiceField[User]":
    """A choice of the people whose role lets them own a model."""
    names = [role.name for role in roles().values() if "registry.register_version" in role.permissions]
    people = User.objects.filter(groups__name__in=names, is_active=True).distinct().order_by("last_name", "username")
    field = forms.ModelChoiceField(label="New owner", queryset=people)
    field.label_from_instance = lambda obj: f"{obj.name} ({obj.username})"  # type: ignore[method-assign]
    return field


class ReassignForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"] = may_own()
        self.order_fields(["owner", "reason"])


class Reassign(Verb):
    name = "reassign"
    title = "Give to another owner"
    form_class = ReassignForm
    submit = "Reassign"

    def refusal(self, occasion: Occasion) -> str:
        return lacking(occasion, "registry.register_model")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            f"{occasion.row.owner.name} no longer answers for {occasion.row.name}; the new owner does.",
            "The new owner can approve none of its versions; approvals that they gave no longer count.",
        )

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        reassign_model(actor=occasion.actor, model=occasion.row, owner=given["owner"], reason=given["reason"])
        return Done(sentence=f"{given['owner'].name} owns {occasion.row.name} now.")


class Retire(Verb):
    name = "retire"
    title = "Retire"
    form_class = ReasonForm
    weight = "danger"
    submit = "Retire the model"

    def refusal(self, occasion: Occasion) -> str:
        if occasion.row.retired_at is not None:
            return f"It is retired since {occasion.row.retired_at:%Y-%m-%d}."
        return lacking(occasion, "registry.register_model")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            f"No version of {occasion.row.name} may run from now on, and none can be registered.",
            "What was recorded stays.",
        )

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        retire_model(actor=occasion.actor, model=occasion.row, reason=form.cleaned_data["reason"])
        return Done(sentence=f"{occasion.row.name} is retired.")


@admin.register(RegisteredModel)
class RegisteredModelAdmin(VerbAdmin):
    view_permission = "governance.view"
    detail_related = ("owner",)
    list_display = ("name", "title", "latest", "production", "tier", "owner_name", "business_unit", "registered")
    list_filter = ("risk_tier", "business_unit", ("retired_at", admin.EmptyFieldListFilter))
    list_select_related: ClassVar = ("owner",)
    search_fields = ("name", "title", "business_unit", "owner__username", "owner__last_name")
    search_help_text = "Name, title, business unit or owner"
    verbs: ClassVar = (Reassign(), Retire(), ExportList("models"))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        newest = (
            ModelVersion.objects.filter(model__in=[model.pk for model in changes.result_list])
            .order_by("model_id", "-number")
            .distinct("model_id")
        )
        latest = {version.model_id: version for version in newest}
        marks = production_marks([version.pk for version in latest.values()])
        for model in changes.result_list:
            model.latest_version = latest.get(model.pk)
            model.latest_mark = marks.get(model.latest_version.pk) if model.latest_version else None
        return changes

    @admin.display(description="Newest version")
    def latest(self, row: Any) -> str:
        return f"{row.latest_version.number}" if row.latest_version else "none"

    @admin.display(description="It, in production")
    def production(self, row: Any) -> SafeString | str:
        if row.retired_at is not None:
            return mark_tag("unmet", "Retired")
        return mark_tag(*(row.latest_mark or ("unmet", "May not run"))) if row.latest_version else ""

    @admin.display(description="Risk tier", ordering="risk_tier")
    def tier(self, row: RegisteredModel) -> str:
        return row.get_risk_tier_display()

    @admin.display(description="Owner", ordering="owner__last_name")
    def owner_name(self, row: RegisteredModel) -> str:
        return row.owner.name

    @admin.display(description="Registered", ordering="registered_at")
    def registered(self, row: RegisteredModel) -> SafeString | str:
        return utc(row.registered_at)

    def detail_title(self, row: RegisteredModel) -> str:
        return row.title

    def panels(self, request: HttpRequest, row: RegisteredModel) -> list[Panel]:
        versions = list(row.versions.select_related("registered_by").order_by("-number"))
        for version in versions:
            version.model = row
        marks = production_marks([version.pk for version in versions])
        rows = [
            (
                text(version.number, url=reverse("admin:registry_modelversion_change", args=[version.pk])),
                mark(*marks.get(version.pk, ("unmet", "May not run"))),
                digest(version.artifact_digest),
                text(f"{version.framework} {version.framework_version}".strip()),
                text(version.registered_by.name),
                time(version.registered_at),
            )
            for version in versions
        ]
        retired = [fact("Retired", time(row.retired_at))] if row.retired_at else []
        return [
            Panel(
                title="The model",
                facts=[
                    *retired,
                    fact("Name", row.name),
                    fact("Owner", row.owner.name),
                    fact("Business unit", row.business_unit),
                    fact("Risk tier", row.get_risk_tier_display()),
                    fact("Intended purpose", prose(row.intended_purpose)),
                    fact("Registered", time(row.registered_at)),
                ],
            ),
            Panel(
                title="Versions",
                table=Table(
                    head=("Version", "In production", "Artifact, SHA-256", "Framework", "Registered by", "Registered"),
                    rows=rows,
                    empty="No version is registered yet: the owner registers one through the API.",
                ),
            ),
        ]
