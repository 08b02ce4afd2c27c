"""A key, a statement and a permit as the gate gives them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.json_documents import JSON
from governance.permits.envelopes import sign_envelope
from governance.permits.keys import SigningKey, generate_key
from governance.permits.statements import Attestation, permit_statement, resource_uri

GIVEN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DIGEST = "3f" * 32


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """The key of the gate."""
    return generate_key()


@pytest.fixture
def statement() -> Callable[..., dict[str, JSON]]:
    """A statement about one artifact in production, with some parts changed."""

    def build(**changes: Any) -> dict[str, JSON]:
        environment = changes.get("environment", "production")
        parts: dict[str, Any] = {
            "digest": DIGEST,
            "model": "progression",
            "version": "7",
            "environment": environment,
            "decision_id": "0192f0c1-0000-7000-8000-000000000001",
            "verifier_id": "https://gov.example/verifier/v1",
            "resource_uri": resource_uri(tenant="acme", model="progression", version="7", environment=environment),
            "policy_uri": "https://gov.example/policies/default/1",
            "policy_digest": "aa" * 32,
            "input_attestations": [Attestation(uri="https://gov.example/evidence/1", digest="bb" * 32)],
            "time_verified": GIVEN,
            "expires": GIVEN + timedelta(days=30),
            "audit": {"act": "0192f0c1-0000-7000-8000-000000000002", "index": 41},
        }
        return permit_statement(**{**parts, **changes})

    return build


@pytest.fixture
def permit(statement: Callable[..., dict[str, JSON]], key: SigningKey) -> dict[str, JSON]:
    """The signed envelope of that statement."""
    return sign_envelope(statement(), key)
