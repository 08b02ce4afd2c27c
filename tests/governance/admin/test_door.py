"""The door: signing in is an act, the page says what it leads to, passwords change by a service."""

from django.test import Client

from audits.models import Act
from tests.database import Database
from tests.governance.admin.conftest import Browser
from tests.governance.admin.office import Office
from tests.people import PASSWORD, person


def browser_of_nobody() -> Client:
    return Client(headers={"host": "localhost"})


def test_the_door_says_what_it_is(office: Database) -> None:
    text = browser_of_nobody().get("/admin/login/").content.decode()
    assert "No model runs unless someone answerable has countersigned it" in text
    assert "Django" not in text


def test_signing_in_is_an_act(office: Database) -> None:
    client = browser_of_nobody()
    response = client.post("/admin/login/", {"username": "aron", "password": PASSWORD, "next": "/admin/"})
    assert response.status_code == 302
    act = Act.objects.get(kind="governance.session.opened")
    assert act.actor == f"user:{person('auditor').pk}"
    assert client.get("/admin/").status_code == 200


def test_a_wrong_password_opens_nothing(office: Database) -> None:
    client = browser_of_nobody()
    response = client.post("/admin/login/", {"username": "aron", "password": "wrong", "next": "/admin/"})
    assert response.status_code == 200
    assert "do not belong together" in response.content.decode()
    assert client.get("/admin/").status_code == 302


def test_the_door_leads_to_no_other_site(office: Database) -> None:
    given = {"username": "aron", "password": PASSWORD, "next": "https://example.org/"}
    response = browser_of_nobody().post("/admin/login/", given)
    assert not response["Location"].startswith("https://example.org")


def test_an_account_without_a_password_cannot_sign_in(office: Database) -> None:
    response = browser_of_nobody().post("/admin/login/", {"username": "deploy-bot", "password": "", "next": "/admin/"})
    assert response.status_code == 200


def test_ones_own_password_changes_with_the_old_one_only(at_work: Office, browser: Browser) -> None:
    client, new = browser("owner"), "another long password"
    given = {"old": PASSWORD, "new": new, "again": new}
    assert client.post("/admin/password_change/", {**given, "old": "wrong"}).status_code == 400
    assert client.post("/admin/password_change/", {**given, "again": "different"}).status_code == 400
    assert client.post("/admin/password_change/", {**given, "new": "short", "again": "short"}).status_code == 400
    assert not Act.objects.filter(kind="governance.password.changed").exists()
    assert client.post("/admin/password_change/", given).status_code == 302
    assert client.get("/admin/").status_code == 200, "this session goes on"
    assert person("owner").check_password(new)


def test_a_person_without_a_role_can_still_change_the_password_and_leave(at_work: Office, browser: Browser) -> None:
    client = browser("stranger")
    assert client.get("/admin/password_change/").status_code == 200
    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/").status_code == 302
