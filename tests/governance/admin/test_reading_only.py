"""No page adds, changes or deletes a governed row: not for anybody, not for a superuser."""

from django.apps import apps
from django.contrib import admin
from django.test import RequestFactory

from audits.admin.audited import AuditedAdmin
from audits.models import Governed, User
from audits.trail import Actor, act
from governance import events
from registry.models import ModelVersion
from tests.governance.admin.addresses import addresses
from tests.governance.admin.conftest import Browser
from tests.governance.admin.office import Office
from tests.people import person

# Governed tables without a page of their own, and where they are shown instead.
SHOWN_ELSEWHERE = {
    "audits.User_groups": "on the person's page, as roles",
    "audits.User_user_permissions": "never used: permissions come from roles",
    "governance.Standing": "on the version's page, and on the environment's",
    "governance.PolicyAssignment": "on the environment's page",
    "governance.ChecklistAnswer": "on the version's page, in the checklist",
    "governance.SignOff": "on the version's page, in the checklist",
    "governance.Approval": "on the version's page, under signatures",
    "governance.RiskAcceptance": "on the version's page, under signatures",
    "governance.DossierOrder": "on the version's page, until it is printed",
}


def make_superuser(role: str) -> User:
    account = person(role)
    account.is_superuser = True
    with act(events.RolesAssigned(roles=[]), actor=Actor.system("attack"), subject=account):
        account.save(update_fields=["is_superuser"])
    return account


def test_every_page_of_the_site_is_an_audited_one() -> None:
    for model, pages in admin.site._registry.items():
        assert isinstance(pages, AuditedAdmin), model._meta.label


def test_every_governed_table_is_shown_somewhere() -> None:
    governed = {
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if issubclass(model, Governed) or issubclass(getattr(model._meta, "auto_created", None) or object, Governed)
    }
    shown = {model._meta.label for model in admin.site._registry}
    assert governed - shown - set(SHOWN_ELSEWHERE) == set()
    assert set(SHOWN_ELSEWHERE) <= governed


def test_no_permission_to_write_exists_not_even_for_a_superuser(at_work: Office) -> None:
    request = RequestFactory().get("/")
    request.user = make_superuser("owner")
    for pages in admin.site._registry.values():
        assert not pages.has_add_permission(request)
        assert not pages.has_change_permission(request)
        assert not pages.has_delete_permission(request)
        assert pages.get_actions(request) == {}


def test_the_addresses_by_which_django_would_write_do_not_exist(at_work: Office, browser: Browser) -> None:
    make_superuser("validator")
    client = browser("validator")
    for name, address in addresses(at_work).items():
        if not name.endswith("_change"):
            continue
        base = address.path.rstrip("/").rpartition("/")[0]
        for path in (f"{base}/add/", f"{address.path}change/", f"{address.path}delete/", f"{address.path}history/"):
            assert client.get(path).status_code == 404, path
            assert client.post(path, {"post": "yes", "name": "x", "title": "x"}).status_code in (404, 405), path
        for path in (f"{base}/", address.path):
            assert client.post(path, {"action": "delete_selected", "_selected_action": "1"}).status_code == 405, path
    assert ModelVersion.objects.count() == 2


def test_being_a_superuser_opens_nothing_to_a_stranger(at_work: Office, browser: Browser) -> None:
    make_superuser("stranger")
    client = browser("stranger")
    assert client.get("/admin/").status_code == 403
    assert client.get(f"/admin/registry/modelversion/{at_work.ready}/").status_code == 403
    assert client.post("/admin/audits/user/create/", {"username": "x"}).status_code == 403


def test_names_that_are_markup_are_shown_as_text(at_work: Office, browser: Browser) -> None:
    client = browser("validator")
    for address in addresses(at_work).values():
        response = client.get(address.path)
        if response["Content-Type"].startswith("text/html"):
            for markup in (
                b"<script>alert",
                b"<b>lending",
                b"<i>applications",
                b"<u>pod",
                b"<b>notes",
                b"<b>warehouse",
            ):
                assert markup not in response.content, (address.path, markup)
    assert b"&lt;script&gt;alert" in client.get(f"/admin/registry/registeredmodel/{at_work.model}/").content
