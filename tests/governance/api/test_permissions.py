"""Who may do what over HTTP: one table for every address of the API, and nothing outside of it."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from governance.models import ApiToken
from governance.services.tokens import digest_of, revoke_token
from tests.clients import ApiClient, client_of, expire, make_version, nobody, token_of
from tests.database import Database
from tests.people import acting, person

OWNER, VALIDATOR, RISK, COMPLIANCE, AUDITOR, SERVICE = (
    "owner",
    "validator",
    "risk_officer",
    "compliance_officer",
    "auditor",
    "service",
)
ALL = {OWNER, VALIDATOR, RISK, COMPLIANCE, AUDITOR, SERVICE}
PEOPLE = ALL - {SERVICE}
REVIEWERS = {OWNER, VALIDATOR, RISK, COMPLIANCE}

VERSION = "models/<str:name>/versions/<int:number>"
# Method, address, who may, and what those who may are answered to an empty request: nothing is written by any of it.
TABLE: list[tuple[str, str, set[str], int]] = [
    ("GET", "models", ALL, 200),
    ("POST", "models", {OWNER}, 400),
    ("GET", "models/<str:name>", ALL, 200),
    ("GET", "models/<str:name>/versions", ALL, 200),
    ("POST", "models/<str:name>/versions", {OWNER}, 415),
    ("GET", VERSION, ALL, 200),
    ("GET", f"{VERSION}/assessments", ALL, 200),
    ("POST", f"{VERSION}/assessments", {OWNER, VALIDATOR}, 400),
    ("GET", f"{VERSION}/evidence", ALL, 200),
    ("GET", f"{VERSION}/predictions", ALL, 200),
    ("POST", f"{VERSION}/predictions", {OWNER, SERVICE}, 400),
    ("GET", "datasets", ALL, 200),
    ("POST", "datasets", {OWNER}, 415),
    ("GET", "datasets/<str:name>/versions/<int:number>", ALL, 404),
    ("GET", "intakes/<uuid:pk>", ALL, 404),
    ("GET", "environments", ALL, 200),
    ("GET", "assessments/<uuid:pk>", ALL, 404),
    ("GET", "evidence/<str:digest>", ALL, 404),
    ("GET", "evidence/<str:digest>/record", ALL, 404),
    ("GET", "evidence/<str:digest>/figures/<str:figure>", ALL, 404),
    ("GET", "deployments", ALL, 200),
    ("POST", "deployments", {OWNER, SERVICE}, 400),
    ("GET", "decisions", ALL, 200),
    ("POST", "decisions", {OWNER, VALIDATOR, RISK, COMPLIANCE, SERVICE}, 200),
    ("GET", "decisions/latest", ALL, 200),
    ("GET", "decisions/<uuid:pk>", ALL, 404),
    ("GET", "decisions/<uuid:pk>/permit", ALL, 404),
    ("GET", "policies/<str:digest>", ALL, 404),
    ("GET", f"{VERSION}/standing", ALL, 200),
    ("GET", "environments/<str:name>/running", PEOPLE, 404),
    ("GET", "models/<str:name>/everything", PEOPLE, 200),
    ("GET", f"{VERSION}/checklist", PEOPLE, 200),
    ("PUT", f"{VERSION}/answers/<str:question>", REVIEWERS, 400),
    ("POST", f"{VERSION}/sign-offs", REVIEWERS, 400),
    ("GET", f"{VERSION}/approvals", PEOPLE, 200),
    # Anybody who looks may try to sign: the service refuses, and the refusal is kept (test_review.py).
    ("POST", f"{VERSION}/approvals", PEOPLE, 400),
    ("POST", f"{VERSION}/risk-acceptances", PEOPLE, 400),
    ("GET", f"{VERSION}/dossiers", PEOPLE, 200),
    ("POST", f"{VERSION}/dossiers", PEOPLE, 400),
    ("GET", f"{VERSION}/bundle", PEOPLE, 200),
    ("GET", "dossier-orders/<uuid:pk>", PEOPLE, 404),
    ("GET", "dossiers/<uuid:pk>", PEOPLE, 404),
    ("GET", "dossiers/<uuid:pk>/pdf", PEOPLE, 404),
    ("GET", "tokens", {COMPLIANCE}, 200),
    ("POST", "tokens", {COMPLIANCE}, 400),
    ("POST", "tokens/<uuid:pk>/revoke", {COMPLIANCE}, 404),
    ("GET", "trail/bundle", PEOPLE, 400),
    ("POST", "trail/bundle", PEOPLE, 400),
    ("GET", "trail/entries", PEOPLE, 200),
    ("GET", "trail/entries/<int:index>", PEOPLE, 200),
    ("GET", "trail/entries/<int:index>/proof", PEOPLE, 200),
    ("GET", "trail/receipts/<uuid:act_id>", PEOPLE, 404),
    ("GET", "trail/receipts/<uuid:act_id>/proof", PEOPLE, 404),
    ("GET", "trail/checkpoint", PEOPLE, 200),
    ("GET", "trail/feed", {COMPLIANCE, AUDITOR}, 200),
    ("POST", "trail/erasures", {COMPLIANCE}, 400),
    ("GET", "exports/<str:name>", ALL, 404),
]
# Without any token.
OPEN = {
    "verify.html",
    "verify.pyz",
    "api/schema/",
    ".well-known/countersign/keys.json",
    ".well-known/countersign/trail-policy",
}
NARROWED_TO = "governance.sign_section"
MAY_NARROWED = {f"{VERSION}/sign-offs"}


def addresses() -> Iterator[tuple[str, str]]:
    """Method and pattern of every address under /api/v1/."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif route.startswith("api/v1/"):
                for method in pattern.callback.cls.needs:
                    yield method, route.removeprefix("api/v1/")

    yield from walk(get_resolver().url_patterns, "")


def test_no_address_of_the_api_is_missing_from_the_table() -> None:
    assert sorted(addresses()) == sorted((method, route) for method, route, _, _ in TABLE)


def test_everybody_gets_exactly_what_the_table_says(office: Database) -> None:
    make_version()
    office.sequencer().drain()
    clients = _clients()
    wrong = {}
    for method, route, may, status in TABLE:
        for who, client in clients.items():
            if who in {"nobody", "expired", "revoked", "forged"}:
                expected = 401
            elif who == "narrowed":
                expected = status if route in MAY_NARROWED else 403
            else:
                expected = status if who in may else 403
            path = _path(route)
            if route.endswith("/bundle"):
                office.sequencer().drain()  # Else it waits for what was recorded just now.
            body = b'{"model":"churn","version":1,"environment":"production"}' if route == "decisions" else b"{}"
            got = client.send(method, path, b"" if method == "GET" else body)
            if got.status_code != expected:
                wrong[method, path, who] = (got.status_code, expected, got.content[:300])
    assert wrong == {}


@pytest.mark.parametrize("path", sorted(OPEN))
def test_keys_and_schema_are_open_to_all(office: Database, path: str) -> None:
    assert nobody().get(f"/{path}").status_code == 200


def test_methods_that_an_address_does_not_take_are_refused(office: Database) -> None:
    client = client_of("owner")
    for path in ("/api/v1/models", "/api/v1/deployments", "/api/v1/decisions"):
        for method in ("PUT", "PATCH", "DELETE"):
            assert client.send(method, path).status_code == 405, (method, path)


def _clients() -> dict[str, ApiClient]:
    clients = {key: client_of(key) for key in ALL}
    clients["narrowed"] = client_of(COMPLIANCE, [NARROWED_TO])
    clients["nobody"] = nobody()
    clients["forged"] = ApiClient(secret="cs_" + "x" * 43)
    # An account that had a role when its token was issued, and has none now.
    stranger = person("stranger")
    clients["stranger"] = ApiClient(secret=_token_of_former_owner(stranger.username))
    expired, revoked = token_of(person(OWNER)), token_of(person(OWNER))
    expire(expired, at=timezone.now() - timedelta(seconds=1))
    revoke_token(
        actor=acting(person(COMPLIANCE)), token=ApiToken.objects.get(digest=digest_of(revoked)), reason="Lost."
    )
    return {**clients, "expired": ApiClient(secret=expired), "revoked": ApiClient(secret=revoked)}


def _token_of_former_owner(username: str) -> str:
    from audits.models import User
    from governance.services.people import assign_roles

    account, officer = User.objects.get(username=username), acting(person(COMPLIANCE))
    assign_roles(actor=officer, account=account, roles=[OWNER], reason="Joins.")
    secret = token_of(User.objects.get(pk=account.pk))
    assign_roles(actor=officer, account=account, roles=[], reason="Leaves.")
    return secret


def _path(route: str) -> str:
    known = {
        "<str:name>": "churn",
        "<int:number>": "1",
        "<int:index>": "0",
        "<str:question>": "q",
        "<str:digest>": "0" * 64,
    }
    known |= {"<str:figure>": "f", "<uuid:pk>": str(uuid4()), "<uuid:act_id>": str(uuid4())}
    for part, value in known.items():
        route = route.replace(part, value)
    return f"/api/v1/{route}"
