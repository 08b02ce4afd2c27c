"""The gate over HTTP: what it answers, what it never answers, and permits that a stranger can check."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from audits.trail import Actor, act
from governance import events
from governance.models import Decision, Standing
from governance.permits.envelopes import read_envelope
from governance.permits.errors import PermitError
from governance.permits.keys import read_keys_document
from governance.permits.verification import verify_permit
from governance.services import gate
from registry.models import ModelVersion
from tests.clients import client_of, make_version, nobody
from tests.database import Database

GATE = "/api/v1/decisions"


def question(**changes: object) -> dict[str, object]:
    return {"model": "churn", "version": 1, "environment": "production", **changes}


def allow(version: ModelVersion, *, until: datetime | None = None) -> None:
    """As if everything beneath the version's standing were in order."""
    event = events.StandingComputed()
    reason = {"rule": "r", "result": "true", "explain": "Met.", "next_step": "", "owner": "owner", "evidence": []}
    with act(event, actor=Actor.system("test"), subject=version):
        Standing.objects.filter(version=version, environment__name="production").update(
            allowed=True, valid_until=until, outcome={"reasons": [reason]}
        )


def asked(**changes: object) -> dict[str, Any]:
    response = client_of("service").post(GATE, question(**changes))
    assert response.status_code == 200, response.content
    found: dict[str, Any] = json.loads(response.content)
    return found


def test_it_denies_with_a_reason_and_a_next_step_and_status_200(office: Database) -> None:
    version = make_version()
    answer = asked()
    assert answer["allowed"] is False
    assert answer["status"] == "DENIED"
    assert answer["reason"].startswith("churn 1 may not run in production: ")
    assert all(reason["next_step"] for reason in answer["reasons"] if reason["result"] != "true")
    assert answer["digest"] == version.artifact_digest
    assert answer["permit"] is None
    assert answer["expires_at"] is None


def test_an_allowed_version_gets_a_permit_that_holds_offline_for_its_digest_and_environment_only(
    office: Database,
) -> None:
    version = make_version()
    allow(version)
    answer = asked()
    assert answer["allowed"] is True
    keys = read_keys_document(nobody().get("/.well-known/countersign/keys.json").content)
    (key,) = keys.values()
    permit = verify_permit(
        answer["permit"],
        key,
        digest=version.artifact_digest,
        environment="production",
        at=timezone.now(),
        verifier_id=f"{django_settings.BASE_URL}/verifier/v1",
    )
    assert permit.decision_id == answer["id"]
    assert permit.policy_digest == answer["policy"]["digest"]
    assert permit.resource_uri == "countersign://localhost%3A8000/churn/1?env=production"
    with pytest.raises(PermitError):
        verify_permit(answer["permit"], key, digest="0" * 64, environment="production", at=timezone.now())
    with pytest.raises(PermitError):
        verify_permit(answer["permit"], key, digest=version.artifact_digest, environment="staging", at=timezone.now())


def test_another_digest_is_denied_where_the_version_is_allowed(office: Database) -> None:
    allow(make_version())
    answer = asked(digest="f" * 64)
    assert answer["allowed"] is False
    assert answer["reasons"][0]["rule"] == "digest-matches"
    assert answer["permit"] is None


def test_the_digest_alone_names_the_version(office: Database) -> None:
    version = make_version()
    allow(version)
    body = {"digest": f"sha256:{version.artifact_digest}", "environment": "production"}
    answer = json.loads(client_of("service").post(GATE, body).content)
    assert (answer["allowed"], answer["model"], answer["version"]) == (True, "churn", 1)


def test_what_nobody_registered_is_unknown_and_not_allowed(office: Database) -> None:
    make_version()
    for changes in ({"model": "nothing"}, {"version": 7}, {"environment": "moon"}):
        answer = asked(**changes)
        assert (answer["allowed"], answer["status"]) == (False, "UNKNOWN")


def test_a_permit_ends_with_what_it_rests_on(office: Database) -> None:
    version = make_version()
    until = timezone.now() + timedelta(hours=1)
    allow(version, until=until)
    assert asked()["expires_at"] == until.isoformat()


def test_a_permit_lasts_no_longer_than_the_setting(office: Database, settings: Settings) -> None:
    settings.PERMIT_HOURS = 2
    allow(make_version())
    answer = asked()
    decision = Decision.objects.get(pk=answer["id"])
    assert decision.permit_until is not None
    assert decision.permit_until - decision.decided_at == timedelta(hours=2)


def test_the_same_statement_is_handed_out_again_while_it_holds(office: Database) -> None:
    version = make_version()
    allow(version)
    answer = asked()
    client = client_of("service")
    detail = json.loads(client.get(f"{GATE}/{answer['id']}").content)
    alone = read_envelope(client.get(f"{GATE}/{answer['id']}/permit").content)
    assert detail["permit"]["payload"] == answer["permit"]["payload"] == alone["payload"]
    assert answer["permit_url"].endswith(f"{GATE}/{answer['id']}/permit")
    latest = json.loads(client.get(f"{GATE}/latest?model=churn&version=1&environment=production").content)
    assert latest["id"] == answer["id"]


def test_there_is_no_permit_for_a_denial_nor_after_its_end(office: Database) -> None:
    version = make_version()
    denied = asked()
    client = client_of("service")
    assert client.get(f"{GATE}/{denied['id']}/permit").status_code == 409
    allow(version, until=timezone.now() + timedelta(seconds=1.5))
    allowed = asked()
    assert allowed["allowed"] is True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1.6)")
    response = client.get(f"{GATE}/{allowed['id']}/permit")
    assert (response.status_code, json.loads(response.content)["code"]) == (409, "permit_expired")
    assert json.loads(client.get(f"{GATE}/{allowed['id']}").content)["permit"] is None


def test_the_receipt_leads_to_the_decision_in_the_trail(office: Database) -> None:
    make_version()
    answer = asked()
    reader = client_of("auditor")
    pending = json.loads(reader.get(f"/api/v1/trail/receipts/{answer['receipt']}").content)
    assert pending["sequenced"] is False
    office.sequencer().drain()
    receipt = json.loads(reader.get(f"/api/v1/trail/receipts/{answer['receipt']}").content)
    assert receipt["proved"] is True
    entry = json.loads(reader.get(f"/api/v1/trail/entries/{receipt['index']}").content)
    assert entry["kind"] == "governance.decision.made"
    assert answer["id"] in entry["body"]


BAD: list[tuple[str, bytes]] = [
    ("no JSON", b"{"),
    ("no object", b"[]"),
    ("nothing", b""),
    ("not UTF-8", b'{"model":"\xff"}'),
    ("NUL", b'{"model":"chu\\u0000rn","version":1,"environment":"production"}'),
    ("half a character", b'{"model":"\\ud800","version":1,"environment":"production"}'),
    ("name twice", b'{"environment":"staging","environment":"production","model":"churn","version":1}'),
    ("NaN", b'{"model":"churn","version":NaN,"environment":"production"}'),
    ("deep", b"[" * 5000),
    ("unknown field", b'{"model":"churn","version":1,"environment":"production","dry_run":true}'),
    ("version as text", b'{"model":"churn","version":"1","environment":"production"}'),
    ("version negative", b'{"model":"churn","version":-1,"environment":"production"}'),
    ("version huge", b'{"model":"churn","version":2147483648,"environment":"production"}'),
    ("version true", b'{"model":"churn","version":true,"environment":"production"}'),
    ("no environment", b'{"model":"churn","version":1}'),
    ("nothing named", b'{"environment":"production"}'),
    ("bad digest", b'{"digest":"12","environment":"production"}'),
    ("bad action", b'{"model":"churn","version":1,"environment":"production","action":"eat"}'),
    ("context of numbers", b'{"model":"churn","version":1,"environment":"production","context":{"a":1}}'),
    ("long context", b'{"model":"churn","version":1,"environment":"production","context":{"a":"%s"}}' % (b"x" * 9000)),
    ("long name", b'{"model":"%s","version":1,"environment":"production"}' % (b"x" * 201)),
]


def test_a_bad_question_is_told_so_and_nothing_is_recorded(office: Database) -> None:
    make_version()
    client = client_of("service")
    for name, body in BAD:
        response = client.send("POST", GATE, body)
        found = json.loads(response.content)
        assert (response.status_code, found["allowed"]) == (400, False), (name, found)
        assert response.headers["Content-Type"] == "application/problem+json"
    assert not Decision.objects.exists()


def test_a_body_of_ten_megabytes_is_too_large(office: Database) -> None:
    response = client_of("service").send("POST", GATE, b'{"model":"%s"}' % (b"x" * 10_000_000))
    assert (response.status_code, json.loads(response.content)["code"]) == (413, "too_large")


def test_without_a_database_it_says_no_and_what_to_do(office: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    make_version()
    client = client_of("service")

    class Gone:
        def cursor(self) -> None:
            raise OperationalError("connection refused")

    monkeypatch.setattr(gate, "connection", Gone())
    response = client.post(GATE, question())
    found = json.loads(response.content)
    assert (response.status_code, found["allowed"], found["code"]) == (503, False, "database_unavailable")
    assert "PostgreSQL" in found["detail"]
    assert "Retry-After" in response.headers


def test_in_production_it_makes_no_key_by_itself_and_says_no(office: Database, settings: Settings) -> None:
    settings.PRODUCTION = True
    allow(make_version())
    response = client_of("service").post(GATE, question())
    found = json.loads(response.content)
    assert (response.status_code, found["allowed"], found["code"]) == (409, False, "no_permit_key")
    assert not (django_settings.KEY_DIR / "permit.pem").exists()
    assert not Decision.objects.exists()


def test_an_error_nobody_foresaw_is_no_permission_either(office: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("service")
    monkeypatch.setattr(gate, "_asking_roles", lambda: 1 / 0)
    response = client.post(GATE, question())
    found = json.loads(response.content)
    assert (response.status_code, found["allowed"]) == (500, False)
    assert "ZeroDivision" not in response.content.decode()


def test_it_is_one_statement_once_the_token_is_known(office: Database) -> None:
    make_version()
    client = client_of("service")
    client.post(GATE, question())
    statements: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        assert client.post(GATE, question()).status_code == 200
    assert len(statements) == 1


def test_a_permit_names_the_receipt_of_its_decision(office: Database) -> None:
    allow(make_version())
    answer = asked()
    statement = json.loads(base64.b64decode(answer["permit"]["payload"]))
    audit = statement["predicate"]["https://countersign.io/permit/v1"]["audit"]
    assert audit == {"origin": django_settings.TRAIL_ORIGIN, "receipt": answer["receipt"]}


def test_a_host_that_is_not_ours_gets_no_permission(office: Database) -> None:
    make_version()
    body = json.dumps(question()).encode()
    response = client_of("service").send("POST", GATE, body, Host="elsewhere.example")
    assert (response.status_code, json.loads(response.content)["allowed"]) == (400, False)
    assert not Decision.objects.exists()
