"""API clients in the tests: one of the people, with a token. Nothing here goes past the HTTP surface."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from audits.artifacts import store
from audits.models import User
from audits.trail import Actor
from governance.models import ApiToken
from governance.roles import permissions_of
from governance.services.tokens import digest_of, issue_token
from registry.models import ModelVersion
from registry.services.inventory import Lineage, register_model, register_version
from tests.people import acting, person

ARTIFACT = b"what a model's file might hold"
# One handler for all requests: loading the middleware takes longer than most answers.
_HTTP = Client(raise_request_exception=False)


@dataclass(frozen=True, kw_only=True)
class ApiClient:
    """Somebody with a token, or nobody where ``secret`` is empty."""

    secret: str

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: object) -> HttpResponse:
        return self.send("POST", path, json.dumps(body).encode())

    def put(self, path: str, body: object) -> HttpResponse:
        return self.send("PUT", path, json.dumps(body).encode())

    def send(
        self, method: str, path: str, data: bytes = b"", content_type: str = "application/json", **headers: str
    ) -> HttpResponse:
        if self.secret:
            headers = {"Authorization": f"Bearer {self.secret}", **headers}
        response: HttpResponse = _HTTP.generic(method, path, data, content_type=content_type, headers=headers)  # type: ignore[assignment]
        return response

    def send_cut_off(self, path: str, data: bytes, announced: int, content_type: str) -> HttpResponse:
        """A body that ends before the announced number of bytes have come."""
        headers = {"Authorization": f"Bearer {self.secret}"}
        environ: dict[str, Any] = {"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(announced)}
        response: HttpResponse = _HTTP.generic(  # type: ignore[assignment]
            "POST", path, data, content_type=content_type, headers=headers, **environ
        )
        return response

    def upload(self, path: str, fields: dict[str, Any], **headers: str) -> HttpResponse:
        headers = {"Authorization": f"Bearer {self.secret}", **headers}
        response: HttpResponse = _HTTP.post(path, fields, headers=headers)  # type: ignore[assignment]
        return response


def token_of(account: User, scopes: Iterable[str] | None = None) -> str:
    """The secret of a fresh token with these scopes, or with all that the account's roles allow."""
    wanted = scopes if scopes is not None else permissions_of(account.groups.values_list("name", flat=True))
    issued = issue_token(
        actor=Actor.system("setup", via="command"),
        account=account,
        name="test",
        scopes=wanted,
        expires_at=timezone.now() + timedelta(days=1),
    )
    return issued.secret


def client_of(key: str, scopes: Iterable[str] | None = None) -> ApiClient:
    """A client of one of the people."""
    return ApiClient(secret=token_of(person(key), scopes))


def nobody() -> ApiClient:
    return ApiClient(secret="")


def expire(secret: str, *, at: datetime) -> None:
    """Let a token end at a time, as if it had been issued so."""
    from audits.trail import act
    from governance import events

    with act(events.TokenRevoked(), actor=Actor.system("clock"), subject="governance.apitoken"):
        ApiToken.objects.filter(digest=digest_of(secret)).update(expires_at=at)


def make_version(name: str = "churn", artifact: bytes = ARTIFACT) -> ModelVersion:
    """A registered model of the owner's with one version."""
    owner = person("owner")
    model = register_model(
        actor=acting(owner),
        name=name,
        title="Churn",
        owner=owner,
        business_unit="Retail",
        intended_purpose="Finds customers who leave.",
        risk_tier="medium",
    )
    return register_version(
        actor=acting(owner),
        model=model,
        artifact=store.put_bytes(artifact),
        artifact_name="model.skops",
        artifact_format="skops",
        lineage=Lineage(framework="scikit-learn"),
        training_data=None,
    )
