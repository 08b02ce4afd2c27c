"""Tokens of API clients in the admin: issued with their secret shown once, revoked for ever."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from audits.admin.forms import ReasonForm
from audits.admin.panels import Panel, code, fact, mark, text, time
from audits.admin.tags import mark as mark_tag
from audits.admin.tags import utc
from audits.admin.verbs import Done, Occasion, Verb, VerbAdmin
from audits.models import User
from governance.admin.refusals import lacking
from governance.models import ApiToken
from governance.roles import roles
from governance.services.tokens import issue_token, revoke_token


class IssueForm(ReasonForm):
    name = forms.CharField(max_length=100, help_text="What it is for, for example: deployment pipeline.")
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="What the token may do; never more than the account's roles allow.",
    )
    days = forms.IntegerField(label="Expires after days", min_value=1, max_value=365, initial=90)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True, groups__isnull=False).distinct().order_by("username")
        account = forms.ModelChoiceField(label="Account", queryset=people)
        account.label_from_instance = lambda obj: f"{obj.username}: {obj.name}"  # type: ignore[method-assign]
        self.fields["account"] = account
        every = sorted({permission for role in roles().values() for permission in role.permissions})
        self.fields["scopes"].choices = [(name, name) for name in every]  # type: ignore[attr-defined]
        self.order_fields(["account", "name", "scopes", "days", "reason"])


class IssueToken(Verb):
    name = "issue"
    title = "Issue a token"
    form_class = IssueForm
    on_list = True
    weight = "primary"
    submit = "Issue"

    def refusal(self, occasion: Occasion) -> str:
        return lacking(occasion, "governance.manage_tokens")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "The secret is shown once, on the next page. Only its SHA-256 is kept: nobody can show it again.",
            "Whoever has the secret acts as the account, within the scopes, until the token expires or is revoked.",
        )

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        issued = issue_token(
            actor=occasion.actor,
            account=given["account"],
            name=given["name"],
            scopes=given["scopes"],
            expires_at=timezone.now() + timedelta(days=given["days"]),
            reason=given["reason"],
        )
        return Done(sentence="The token is issued.", page="countersign/token_issued.html", context={"issued": issued})


class RevokeToken(Verb):
    name = "revoke"
    title = "Revoke"
    form_class = ReasonForm
    weight = "danger"
    submit = "Revoke the token"

    def refusal(self, occasion: Occasion) -> str:
        if occasion.row.revoked_at is not None:
            return "It is revoked already."
        return lacking(occasion, "governance.manage_tokens")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return ("From now on the token opens nothing. It cannot be made valid again.",)

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        revoke_token(actor=occasion.actor, token=occasion.row, reason=form.cleaned_data["reason"])
        return Done(sentence=f"“{occasion.row.name}” is revoked.")


@admin.register(ApiToken)
class ApiTokenAdmin(VerbAdmin):
    view_permission = "governance.view"
    list_title = "Tokens"
    detail_related = ("account",)
    list_display = ("name", "state", "account_name", "scopes_shown", "created", "expires")
    list_filter = ("expires_at", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related: ClassVar = ("account",)
    search_fields = ("name", "account__username")
    search_help_text = "Name of the token or of its account"
    verbs: ClassVar = (IssueToken(), RevokeToken())

    @admin.display(description="State")
    def state(self, row: ApiToken) -> SafeString:
        return mark_tag(*_state(row))

    @admin.display(description="Account", ordering="account__username")
    def account_name(self, row: ApiToken) -> str:
        return f"{row.account.username}: {row.account.name}"

    @admin.display(description="May")
    def scopes_shown(self, row: ApiToken) -> str:
        return ", ".join(row.scopes)

    @admin.display(description="Issued", ordering="created_at")
    def created(self, row: ApiToken) -> SafeString | str:
        return utc(row.created_at)

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, row: ApiToken) -> SafeString | str:
        return utc(row.expires_at)

    def detail_title(self, row: ApiToken) -> str:
        return f"Token “{row.name}”"

    def panels(self, request: HttpRequest, row: ApiToken) -> list[Panel]:
        return [
            Panel(
                title="The token",
                facts=[
                    fact("State", mark(*_state(row))),
                    fact("Account", text(self.account_name(row))),
                    fact("May", code(", ".join(row.scopes))),
                    fact("Issued", time(row.created_at)),
                    fact("Expires", time(row.expires_at)),
                    fact("Revoked", time(row.revoked_at)),
                ],
            )
        ]


def _state(row: ApiToken) -> tuple[str, str]:
    if row.revoked_at is not None:
        return "unmet", "Revoked"
    if row.expires_at <= timezone.now():
        return "stale", "Expired"
    return "met", "Valid"
