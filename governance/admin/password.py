"""One's own password, changed by the service: Django's view would write outside an act.

Never lets a session that was left open take over the account: the old password is asked for.
"""

from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from audits.errors import DomainError
from audits.models import User
from audits.trail import Actor
from governance.services.people import change_password


def _password(label: str, autocomplete: str, help_text: str = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete, "size": 30})
    return forms.CharField(label=label, strip=False, widget=widget, help_text=help_text)


class PasswordForm(forms.Form):
    old = _password("Your password now", "current-password")
    new = _password("New password", "new-password", "At least twelve characters, and not one of the common ones.")
    again = _password("New password again", "new-password")

    def __init__(self, account: User, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self._account = account

    def clean_old(self) -> str:
        old: str = self.cleaned_data["old"]
        if not self._account.check_password(old):
            raise forms.ValidationError("This is not your password; nothing was changed.")
        return old

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("new", again):
            raise forms.ValidationError("The two are not the same; nothing was changed.")
        return again


@sensitive_post_parameters()
def change_own_password(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """GET shows the form, POST changes the password and keeps this session."""
    account = cast(User, request.user)
    form = PasswordForm(account, request.POST if request.method == "POST" else None)
    status, problem = 200, ""
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                change_password(
                    actor=Actor.person(account, via="admin"), account=account, password=form.cleaned_data["new"]
                )
            except DomainError as error:
                status, problem = error.status, error.message
            else:
                update_session_auth_hash(request, account)
                messages.success(request, "Your password is changed.")
                return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **site.each_context(request),
        "title": "Change your password",
        "form": form,
        "problem": problem,
        "back_url": reverse("admin:index"),
        "verb": {"submit": "Change password", "weight": "primary"},
        "consequences": ("Other sessions of yours end. The change is in the trail; the password is not.",),
    }
    return TemplateResponse(request, "countersign/verb.html", context, status=status)
