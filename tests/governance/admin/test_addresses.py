"""Every address, for every person, by every method."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.urls import URLPattern, URLResolver

from governance.middleware import POLICY
from tests.governance.admin.addresses import OPEN, READERS, addresses
from tests.governance.admin.conftest import Browser
from tests.governance.admin.office import Office


def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def test_no_address_of_the_admin_is_missing_from_the_table(at_work: Office) -> None:
    assert set(names(admin.site.get_urls())) == set(addresses(at_work)) | OPEN


@pytest.mark.slow
@pytest.mark.parametrize("role", READERS)
def test_each_person_gets_what_the_table_says(role: str, at_work: Office, browser: Browser) -> None:
    client, wrong = browser(role), {}
    for name, address in addresses(at_work).items():
        expected = 200 if role in address.may else 403
        got = client.get(address.path).status_code
        if got != expected:
            wrong[f"GET {name}"] = (got, expected)
        wanted = address.posts if address.posts != 302 or role in address.may else 403
        got = client.post(address.path, {}).status_code
        if got != wanted:
            wrong[f"POST {name}"] = (got, wanted)
        for method in ("put", "patch", "delete"):
            got = getattr(client, method)(address.path).status_code
            if got != 405 and name != "index":
                wrong[f"{method} {name}"] = (got, 405)
    assert wrong == {}


def test_a_stranger_sees_nothing_but_which_role_to_ask_for(at_work: Office, browser: Browser) -> None:
    client = browser("stranger")
    for address in addresses(at_work).values():
        for response in (client.get(address.path), client.post(address.path, {})):
            assert response.status_code == 403
            text = response.content.decode()
            assert "You have no role yet" in text
            assert "scoring" not in text
            assert "Olivia" not in text


def test_nobody_signed_in_is_led_to_the_door(at_work: Office, browser: Browser) -> None:
    client = browser("")
    for address in addresses(at_work).values():
        for response in (client.get(address.path), client.post(address.path, {})):
            assert response.status_code == 302
            assert response["Location"].startswith("/admin/login/")


def test_every_page_carries_the_policy_and_no_script_or_style_of_its_own(at_work: Office, browser: Browser) -> None:
    client = browser("validator")
    for name, address in addresses(at_work).items():
        response = client.get(address.path)
        if name == "audits_evidence_figure":
            continue
        assert response["Content-Security-Policy"] == POLICY, name
        if not response["Content-Type"].startswith("text/html"):
            continue
        text = response.content.decode().lower()
        for inline in ("<script", "<style", " style=", " onclick=", " onload=", "javascript:"):
            assert inline not in text, (name, inline)


def test_a_figure_can_run_nothing(at_work: Office, browser: Browser) -> None:
    response = browser("auditor").get(f"/admin/audits/evidence/{at_work.evidence}/figures/figure/")
    assert response["Content-Type"] == "image/svg+xml"
    policy = response["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert response.content.startswith(b"<svg")


def test_an_address_of_nothing_is_not_found(at_work: Office, browser: Browser) -> None:
    client = browser("auditor")
    for path in (
        "/admin/registry/modelversion/no-such-id/",
        "/admin/registry/modelversion/00000000-0000-0000-0000-000000000000/",
        "/admin/audits/entry/99999999/",
        "/admin/audits/entry/-1/",
        "/admin/audits/entry/99999999999999999999999/",
        f"/admin/registry/modelversion/{at_work.ready}/sign/no-such-section/",
        f"/admin/audits/evidence/{at_work.evidence}/figures/no-such-figure/",
        "/admin/auth/group/",
        "/admin/jsi18n/",
    ):
        assert client.get(path).status_code == 404, path
