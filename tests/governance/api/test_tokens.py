"""Tokens over HTTP: shown once, narrowed, ended."""

import json
from datetime import timedelta

from django.utils import timezone

from governance.models import ApiToken
from tests.clients import ApiClient, client_of
from tests.database import Database

TOKENS = "/api/v1/tokens"


def wanted(**changes: object) -> dict[str, object]:
    until = (timezone.now() + timedelta(days=7)).isoformat()
    scopes = ["governance.request_decision"]
    return {"account": "deploy-bot", "name": "pipeline", "scopes": scopes, "expires_at": until, **changes}


def test_a_token_is_shown_once_works_within_its_scopes_and_is_revoked(office: Database) -> None:
    officer = client_of("compliance_officer")
    response = officer.post(TOKENS, wanted())
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    issued = json.loads(response.content)
    bearer = ApiClient(secret=issued["secret"])
    assert bearer.get("/api/v1/decisions").status_code == 200
    assert bearer.get("/api/v1/models").status_code == 403
    assert issued["secret"] not in officer.get(TOKENS).content.decode()
    assert not ApiToken.objects.filter(digest=issued["secret"]).exists()
    revoked = officer.post(f"{TOKENS}/{issued['id']}/revoke", {"reason": "The pipeline is gone."})
    assert revoked.status_code == 200
    assert json.loads(revoked.content)["revoked_at"]
    assert bearer.get("/api/v1/decisions").status_code == 401


def test_what_a_token_may_not_be_is_refused(office: Database) -> None:
    officer = client_of("compliance_officer")
    before = ApiToken.objects.count()
    for body, status in [
        (wanted(account="nobody"), 404),
        (wanted(scopes=[]), 400),
        (wanted(scopes=["governance.approve_as_validator"]), 403),
        (wanted(scopes=["no.such"]), 403),
        (wanted(expires_at="2001-01-01T00:00:00Z"), 400),
        (wanted(expires_at="2999-01-01T00:00:00Z"), 400),
        (wanted(expires_at="soon"), 400),
        (wanted(secret="my own"), 400),
    ]:
        assert officer.post(TOKENS, body).status_code == status, body
    assert ApiToken.objects.count() == before


def test_a_malformed_authorization_header_is_refused(office: Database) -> None:
    nobody = ApiClient(secret="")
    for header in ("Bearer", "Bearer a b", "Bearer \xff", "Basic dXNlcjpwYXNz", "cs_x"):
        assert nobody.get("/api/v1/models", Authorization=header).status_code == 401, header
