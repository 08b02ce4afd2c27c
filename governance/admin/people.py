"""People and services that act, with their roles. Made, changed and given passwords by verbs only.

Never shows a password nor its hash.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits.admin.erasing import PROOFS_STAY, planned_panel
from audits.admin.forms import ReasonForm
from audits.admin.panels import Panel, Table, code, fact, mark, prose, text, time
from audits.admin.tags import mark as mark_tag
from audits.admin.verbs import Done, Occasion, Verb, VerbAdmin
from audits.models import User
from audits.services.erasure import PERMISSION, account_texts, erase_account, plan_erasure
from governance.admin.refusals import lacking
from governance.roles import roles
from governance.services.people import assign_roles, change_password, close_account, create_account


def _roles_field() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label="Roles",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[(role.name, f"{role.title}: {role.description}") for role in roles().values()],
        help_text="Without a role a person sees nothing.",
    )


class AccountForm(ReasonForm):
    username = forms.CharField(label="User name", max_length=150)
    full_name = forms.CharField(label="Full name", max_length=200, help_text="As it is printed beside signatures.")
    email = forms.EmailField(required=False)
    roles = _roles_field()
    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "size": 30}),
        help_text="At least twelve characters. Leave it empty for a service: it holds tokens and cannot sign in.",
    )
    field_order = ["username", "full_name", "email", "roles", "password", "reason"]


class CreateAccount(Verb):
    name = "create"
    title = "Create an account"
    form_class = AccountForm
    on_list = True
    weight = "primary"
    submit = "Create"

    def refusal(self, occasion: Occasion) -> str:
        return lacking(occasion, "governance.manage_people")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return ("The person can sign in and do what the roles allow. The trail knows them by number, not by name.",)

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        account = create_account(
            actor=occasion.actor,
            username=given["username"],
            full_name=given["full_name"],
            email=given["email"],
            roles=given["roles"],
            password=given["password"] or None,
            reason=given["reason"],
        )
        return Done(sentence=f"{account.name} has an account.")


class RolesForm(ReasonForm):
    roles = _roles_field()
    field_order = ["roles", "reason"]


class AssignRoles(Verb):
    name = "assign-roles"
    title = "Assign roles"
    form_class = RolesForm
    submit = "Assign"

    def heading(self, occasion: Occasion) -> str:
        return f"Assign roles to {occasion.row.name}"

    def refusal(self, occasion: Occasion) -> str:
        if occasion.row.pk == occasion.account.pk:
            return "Nobody assigns roles to themselves: ask another compliance officer."
        return lacking(occasion, "governance.manage_people")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "The account has exactly these roles from its next click on; tokens of the account lose what the roles no "
            "longer allow.",
        )

    def form(self, occasion: Occasion, data: Any = None) -> forms.Form:
        mine = [group.name for group in occasion.row.groups.all()]
        return RolesForm(data, initial={"roles": mine})

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        assign_roles(actor=occasion.actor, account=occasion.row, roles=given["roles"], reason=given["reason"])
        return Done(sentence=f"{occasion.row.name}'s roles are assigned.")


class NewPasswordForm(forms.Form):
    password = forms.CharField(
        label="New password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "size": 30}),
        help_text="At least twelve characters. Tell it to the person by another way, and let them change it.",
    )


class SetPassword(Verb):
    name = "set-password"
    title = "Set a new password"
    form_class = NewPasswordForm
    submit = "Set the password"

    def heading(self, occasion: Occasion) -> str:
        return f"Set a new password for {occasion.row.name}"

    def refusal(self, occasion: Occasion) -> str:
        if occasion.row.pk == occasion.account.pk:
            return "Change your own password at the top of the page: it asks for the old one."
        return lacking(occasion, "governance.manage_people")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "The person's sessions end. The act is in the trail with your number: with this password you could sign in "
            "their place, so both of you will want it changed again.",
        )

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        change_password(actor=occasion.actor, account=occasion.row, password=form.cleaned_data["password"])
        return Done(sentence=f"{occasion.row.name} has a new password.")


class CloseAccount(Verb):
    name = "close"
    title = "Close the account"
    form_class = ReasonForm
    weight = "danger"
    submit = "Close it"

    def refusal(self, occasion: Occasion) -> str:
        if occasion.row.pk == occasion.account.pk:
            return "Nobody closes their own account: ask another compliance officer."
        if not occasion.row.is_active:
            return "It is closed."
        return lacking(occasion, "governance.manage_people")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return ("No sign-in, no token and no signature from now on; what the person approved no longer counts.",)

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        close_account(actor=occasion.actor, account=occasion.row, reason=form.cleaned_data["reason"])
        return Done(sentence=f"The account of {occasion.row.name} is closed.")


class EraseAccount(Verb):
    name = "erase"
    title = "Erase name and address"
    form_class = ReasonForm
    weight = "danger"
    submit = "Erase them for good"

    def heading(self, occasion: Occasion) -> str:
        return f"Erase name and address of {occasion.row.name}"

    def refusal(self, occasion: Occasion) -> str:
        if occasion.row.pk == occasion.account.pk:
            return "Nobody erases their own account: ask another compliance officer."
        if occasion.row.is_active:
            return "Close the account first: whoever still acts must be known by name."
        return lacking(occasion, PERMISSION)

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            f"The account stays as user:{occasion.row.pk}, so that what it did stays attributed to one person.",
            *PROOFS_STAY,
        )

    def panels(self, occasion: Occasion) -> Sequence[Panel]:
        if self.refusal(occasion):
            return ()
        return (planned_panel(plan_erasure(actor=occasion.actor, rows=[account_texts(occasion.row)])),)

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        done = erase_account(actor=occasion.actor, account=occasion.row, reason=form.cleaned_data["reason"])
        return Done(sentence=f"{done.texts} texts about user:{occasion.row.pk} are erased.")


@admin.register(User)
class PeopleAdmin(VerbAdmin):
    view_permission = "governance.view"
    list_title = "People and services"
    list_display = ("username", "full_name", "roles_shown", "way_in")
    list_filter = ("groups", "is_active")
    search_fields = ("username", "first_name", "last_name")
    search_help_text = "User name or name"
    ordering = ("username",)
    verbs: ClassVar = (CreateAccount(), AssignRoles(), SetPassword(), CloseAccount(), EraseAccount())

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Name", ordering="last_name")
    def full_name(self, row: User) -> str:
        return row.name

    @admin.display(description="Roles")
    def roles_shown(self, row: User) -> str:
        return _roles_of(row) or "none: sees nothing"

    @admin.display(description="Way in")
    def way_in(self, row: User) -> SafeString:
        return mark_tag(*_way_in(row))

    def detail_title(self, row: User) -> str:
        return row.name

    def panels(self, request: HttpRequest, row: User) -> list[Panel]:
        facts = [
            fact("User name", row.username),
            fact("Name", row.name),
            fact("Electronic mail", row.email or "not stated"),
            fact("Number in the trail", code(f"user:{row.pk}")),
            fact("Way in", mark(*_way_in(row))),
            fact("Since", time(row.date_joined)),
        ]
        held = [
            (text(role.title), prose(role.description))
            for group in row.groups.all()
            if (role := roles().get(group.name)) is not None
        ]
        return [
            Panel(title="The account", facts=facts),
            Panel(
                title="Roles",
                table=Table(head=("Role", "What it may do"), rows=held, empty="No role: this account sees nothing."),
            ),
        ]


def _roles_of(row: User) -> str:
    known = roles()
    return ", ".join(known[group.name].title for group in row.groups.all() if group.name in known)


def _way_in(row: User) -> tuple[str, str]:
    if not row.is_active:
        return "unmet", "Closed"
    return ("met", "Signs in") if row.is_staff else ("note", "Tokens only")
