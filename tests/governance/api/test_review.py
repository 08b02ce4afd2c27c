"""Reviewing over HTTP: answers, sign-offs, approvals; a token alone signs nothing, nobody approves their own work."""

import json
from typing import Any

from audits.models import Act
from governance.models import Approval, ChecklistAnswer, SignOff
from tests.clients import client_of, make_version
from tests.database import Database
from tests.people import PASSWORD

VERSION = "/api/v1/models/churn/versions/1"


def checklist() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client_of("auditor").get(f"{VERSION}/checklist").content)
    return found


def test_the_checklist_shows_its_questions_and_who_answers_and_signs(office: Database) -> None:
    make_version()
    found = checklist()
    assert found["answered"] == 0
    assert found["asked"] == sum(len(section["questions"]) for section in found["sections"]) > 50
    assert len(found["sections"]) == 7


def test_a_section_is_answered_and_signed_with_the_password(office: Database) -> None:
    make_version()
    section = min(checklist()["sections"], key=lambda section: len(section["questions"]))
    signer = client_of(section["signed_by"])
    signing = {"section": section["id"], "meaning": "I stand by these answers.", "password": PASSWORD}
    early = signer.post(f"{VERSION}/sign-offs", signing)
    assert (early.status_code, json.loads(early.content)["code"]) == (409, "unanswered")
    for question in section["questions"]:
        client = client_of(question["answered_by"])
        answer = {"choice": "yes", "text": "Done."}
        response = client.put(f"{VERSION}/answers/{question['id']}", answer)
        assert response.status_code == 200, response.content
        assert json.loads(response.content)["receipt"]
    wrong = signer.post(f"{VERSION}/sign-offs", {**signing, "password": "guessed it perhaps"})
    assert (wrong.status_code, json.loads(wrong.content)["code"]) == (403, "bad_password")
    assert not SignOff.objects.exists()
    response = signer.post(f"{VERSION}/sign-offs", signing)
    assert response.status_code == 201, response.content
    assert "password" not in json.loads(response.content)
    (signed,) = [found for found in checklist()["sections"] if found["id"] == section["id"]]
    assert signed["signed"] is True
    # Another answer, and the signature no longer counts.
    question = section["questions"][0]
    client_of(question["answered_by"]).put(f"{VERSION}/answers/{question['id']}", {"choice": "no"})
    (moved,) = [found for found in checklist()["sections"] if found["id"] == section["id"]]
    assert moved["signed"] is False


def test_two_people_approve_and_the_first_verdict_comes_from_the_validator(office: Database) -> None:
    make_version()
    approval = {"verdict": "approved", "meaning": "I approve this version for use.", "password": PASSWORD}
    early = client_of("compliance_officer").post(f"{VERSION}/approvals", {**approval, "role": "compliance_officer"})
    assert (early.status_code, json.loads(early.content)["code"]) == (409, "too_early")
    for role in ("validator", "compliance_officer"):
        response = client_of(role).post(f"{VERSION}/approvals", {**approval, "role": role})
        assert response.status_code == 201, response.content
    listed = json.loads(client_of("auditor").get(f"{VERSION}/approvals").content)["results"]
    assert [given["role"] for given in listed] == ["validator", "compliance_officer"]


def test_the_owner_cannot_approve_and_the_attempt_is_kept(office: Database) -> None:
    make_version()
    for role in ("validator", "compliance_officer"):
        approval = {"role": role, "verdict": "approved", "meaning": "Mine.", "password": PASSWORD}
        response = client_of("owner").post(f"{VERSION}/approvals", approval)
        assert (response.status_code, json.loads(response.content)["code"]) == (403, "own_work")
    assert not Approval.objects.exists()
    assert Act.objects.filter(kind="governance.signing.denied").count() == 2


def test_a_token_whose_scopes_lack_the_signature_cannot_sign(office: Database) -> None:
    make_version()
    approval = {"role": "validator", "verdict": "approved", "meaning": "Fine.", "password": PASSWORD}
    response = client_of("validator", ["governance.view"]).post(f"{VERSION}/approvals", approval)
    assert response.status_code == 403
    assert not Approval.objects.exists()


def test_bad_answers_are_refused_and_nothing_is_written(office: Database) -> None:
    make_version()
    question = checklist()["sections"][0]["questions"][0]
    client = client_of(question["answered_by"])
    path = f"{VERSION}/answers/{question['id']}"
    for body, status in [
        ({"choice": "perhaps"}, 400),
        ({"choice": "not_applicable"}, 400),
        ({"choice": "yes", "evidence": ["0" * 64]}, 400),
        ({"choice": "yes", "evidence": "0" * 64}, 400),
        ({"choice": "yes", "text": 7}, 400),
        ({"choice": "yes", "txet": "typo"}, 400),
    ]:
        assert client.put(path, body).status_code == status, body
    assert client.put(f"{VERSION}/answers/no-such-question", {"choice": "yes"}).status_code == 404
    assert not ChecklistAnswer.objects.exists()


def test_a_risk_cannot_be_accepted_before_it_is_measured(office: Database) -> None:
    make_version()
    acceptance = {
        "topic": "fairness",
        "statement": "Small groups.",
        "expires_at": "2199-01-01T00:00:00Z",
        "meaning": "I accept this.",
        "password": PASSWORD,
    }
    response = client_of("risk_officer").post(f"{VERSION}/risk-acceptances", acceptance)
    assert (response.status_code, json.loads(response.content)["code"]) == (409, "not_measured")


def test_the_standing_says_what_is_missing_everywhere(office: Database) -> None:
    make_version()
    found = json.loads(client_of("service").get(f"{VERSION}/standing").content)
    assert [standing["environment"] for standing in found] == ["development", "staging", "production"]
    only = json.loads(client_of("service").get(f"{VERSION}/standing?environment=staging").content)
    assert [standing["environment"] for standing in only] == ["staging"]
    assert only[0]["allowed"] is False
