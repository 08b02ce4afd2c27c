"""What a sender without a token cannot do: hold a thread of the gate with a body that never comes."""

import io
import json

import pytest
from django.conf import settings
from django.shortcuts import resolve_url
from django.test import Client
from django.utils import timezone

from audits.api.problems import CONTENT_TYPE
from audits.trail import Actor, act
from governance import events
from governance.models import ApiToken
from tests.clients import client_of, make_version
from tests.database import Database

GATE = "/api/v1/decisions"


class NeverComes(io.BytesIO):
    """A body on which a thread would wait for ever."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("the gate waited for the body")


def ask_slowly(secret: str) -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    response = Client(raise_request_exception=True).generic(
        "POST", GATE, b"{", content_type="application/json", headers=headers, **{"wsgi.input": NeverComes()}
    )
    return response.status_code, json.loads(response.content)


@pytest.mark.parametrize("secret", ["", "x", "cs_" + "0" * 43])
def test_the_gate_reads_no_body_of_a_sender_it_does_not_know(office: Database, secret: str) -> None:
    status, found = ask_slowly(secret)
    assert (status, found["allowed"], found["code"]) == (401, False, "not_authenticated")


def test_a_token_that_was_revoked_is_refused_though_it_was_known(office: Database) -> None:
    make_version()
    client = client_of("service")
    body = {"model": "churn", "version": 1, "environment": "production"}
    assert client.post(GATE, body).status_code == 200
    with act(events.TokenRevoked(), actor=Actor.system("test"), subject="governance.apitoken"):
        ApiToken.objects.update(revoked_at=timezone.now())
    response = client.post(GATE, body)
    assert (response.status_code, json.loads(response.content)["allowed"]) == (401, False)


def test_a_question_is_at_most_64_kib_and_says_its_length(office: Database) -> None:
    client = client_of("service")
    response = client.send("POST", GATE, b'{"model":"%s"}' % (b"x" * 70_000))
    assert (response.status_code, json.loads(response.content)["code"]) == (413, "too_large")


def test_a_form_of_twenty_thousand_fields_is_a_problem_of_the_sender(office: Database) -> None:
    fields = {f"f{number}": "x" for number in range(20_000)}
    response = client_of("owner").upload("/api/v1/datasets", fields)
    assert (response.status_code, response.headers["Content-Type"]) == (400, CONTENT_TYPE)
    assert json.loads(response.content)["code"] == "bad_request"
    response = client_of("owner").upload("/api/v1/datasets", {"metadata": "x" * 11_000_000})
    assert (response.status_code, json.loads(response.content)["code"]) == (413, "too_large")


@pytest.mark.filterwarnings("ignore:No directory at")  # Static files, which nobody has collected here.
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/decisions/", "/api/nothing/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_is_sent_to_no_address_is_answered_as_the_api_answers(method: str, path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.generic(method, path, b"{}", content_type="application/json")
    assert (response.status_code, response.headers["Content-Type"]) == (404, CONTENT_TYPE)


def test_who_has_signed_in_lands_in_the_office() -> None:
    assert resolve_url(settings.LOGIN_REDIRECT_URL) == "/admin/"
