"""A permit holds for its bytes, its environment and its time, and for nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from governance.json_documents import JSON
from governance.permits.envelopes import sign_envelope
from governance.permits.errors import PermitError
from governance.permits.keys import SigningKey, generate_key
from governance.permits.statements import environment_of, resource_uri, verified_level
from governance.permits.verification import STEPS, Permit, verify_permit
from tests.governance.permits.conftest import DIGEST, GIVEN

Statement = Callable[..., dict[str, JSON]]
ASKED: dict[str, Any] = {"digest": DIGEST, "environment": "production", "at": GIVEN + timedelta(hours=1)}


def refused_at(envelope: object, key: SigningKey, **changes: Any) -> int:
    with pytest.raises(PermitError) as refused:
        verify_permit(envelope, key.verifying, **{**ASKED, **changes})
    assert 1 <= refused.value.step <= len(STEPS)
    return refused.value.step


def test_a_good_permit_says_all_it_was_given(permit: dict[str, JSON], key: SigningKey) -> None:
    found = verify_permit(permit, key.verifying, **ASKED, verifier_id="https://gov.example/verifier/v1")
    assert isinstance(found, Permit)
    assert (found.model, found.version, found.environment, found.digest) == (
        "progression",
        "7",
        "production",
        DIGEST,
    )
    assert found.decision_id == "0192f0c1-0000-7000-8000-000000000001"
    assert (found.policy_uri, found.policy_digest) == ("https://gov.example/policies/default/1", "aa" * 32)
    assert (found.time_verified, found.expires) == (GIVEN, GIVEN + timedelta(days=30))
    assert found.audit == {"act": "0192f0c1-0000-7000-8000-000000000002", "index": 41}
    assert found.key_id == key.id


def test_the_statement_has_the_shape_of_a_verification_summary(statement: Statement) -> None:
    document: Any = statement()
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert document["subject"] == [{"name": "model:progression@7", "digest": {"sha256": DIGEST}}]
    predicate = document["predicate"]
    extensions = {name for name in predicate if "://" in name}
    assert set(predicate) - extensions == {
        "verifier",
        "timeVerified",
        "resourceUri",
        "policy",
        "inputAttestations",
        "verificationResult",
        "verifiedLevels",
    }
    assert predicate["verifier"] == {"id": "https://gov.example/verifier/v1"}
    assert predicate["timeVerified"] == "2026-11-21T10:00:00Z"
    assert predicate["resourceUri"] == "countersign://acme/progression/7?env=production"
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["verifiedLevels"] == ["MODELGOV_PRODUCTION_APPROVED"]
    assert not any(level.startswith("SLSA_") for level in predicate["verifiedLevels"])


def test_it_refuses_other_bytes(permit: dict[str, JSON], key: SigningKey) -> None:
    assert refused_at(permit, key, digest="00" * 32) == 4
    assert refused_at(permit, key, digest="") == 4
    assert refused_at(permit, key, digest=DIGEST.upper()) == 4


def test_it_refuses_another_environment(permit: dict[str, JSON], key: SigningKey) -> None:
    assert refused_at(permit, key, environment="staging") == 6
    assert refused_at(permit, key, environment="Production") == 6


def test_it_refuses_before_it_was_given_and_after_it_expired(permit: dict[str, JSON], key: SigningKey) -> None:
    expires = GIVEN + timedelta(days=30)
    assert verify_permit(permit, key.verifying, **{**ASKED, "at": GIVEN - timedelta(minutes=5)})
    assert refused_at(permit, key, at=GIVEN - timedelta(minutes=5, seconds=1)) == 7
    assert verify_permit(permit, key.verifying, **{**ASKED, "at": expires - timedelta(seconds=1)})
    assert refused_at(permit, key, at=expires) == 7
    assert refused_at(permit, key, at=GIVEN.replace(tzinfo=None)) == 7


def test_it_refuses_another_key_and_another_verifier(permit: dict[str, JSON], key: SigningKey) -> None:
    assert refused_at(permit, generate_key()) == 2
    assert refused_at(permit, key, verifier_id="https://elsewhere.example/verifier/v1") == 3


def changed(document: Any, path: str, value: object) -> Any:
    *parents, last = path.split("/")
    place = document
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[EXT if name == "ext" else name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


EXT = "https://countersign.io/permit/v1"


@pytest.mark.parametrize(
    ("path", "value", "step"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1", 3),
        ("predicateType", "https://slsa.dev/provenance/v1", 3),
        ("predicate/verificationResult", "FAILED", 5),
        ("predicate/verificationResult", ..., 3),
        ("predicate/verifiedLevels", ["MODELGOV_STAGING_APPROVED"], 6),
        ("predicate/verifiedLevels", [], 6),
        ("predicate/resourceUri", "countersign://acme/progression/7?env=staging", 6),
        ("predicate/resourceUri", "countersign://acme/progression/7", 6),
        ("predicate/resourceUri", "countersign://acme/progression/7?env=staging&env=production", 6),
        ("predicate/ext/environment", "staging", 6),
        ("predicate/ext/expires", ..., 3),
        ("predicate/ext/expires", "never", 3),
        ("predicate/ext/expires", "2026-11-21T09:00:00Z", 7),
        ("predicate/timeVerified", "2027-01-01T00:00:00Z", 7),
        ("predicate/verifier", {}, 3),
        ("predicate/policy/digest", {"sha1": "aa"}, 3),
        ("subject", [], 3),
        ("subject/0/digest", {"sha512": "aa"}, 3),
        ("subject/0/digest/sha256", "00" * 32, 4),
        (
            "subject",
            [{"name": "a", "digest": {"sha256": DIGEST}}, {"name": "b", "digest": {"sha256": "00" * 32}}],
            4,
        ),
    ],
)
def test_it_refuses_a_statement_that_is_no_permit_though_truly_signed(
    path: str, value: object, step: int, statement: Statement, key: SigningKey
) -> None:
    assert refused_at(sign_envelope(changed(statement(), path, value), key), key) == step


def test_it_takes_a_statement_with_more_to_say(statement: Statement, key: SigningKey) -> None:
    """in-toto: consumers ignore fields that they do not know."""
    document = changed(statement(), "predicate/slsaVersion", "1.1")
    assert verify_permit(sign_envelope(document, key), key.verifying, **ASKED)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": "3F" * 32}, "artifact needs a SHA-256"),
        ({"digest": "sha256:" + "3f" * 32}, "artifact needs a SHA-256"),
        ({"policy_digest": ""}, "policy needs a SHA-256"),
        ({"resource_uri": "countersign://acme/m/7?env=staging"}, "does not name the environment"),
        ({"expires": GIVEN}, "must expire after"),
        ({"time_verified": datetime(2026, 11, 21), "expires": datetime(2026, 12, 1)}, "time zone"),  # noqa: DTZ001
        ({"audit": {"Not A Name": 1}}, "cannot name"),
    ],
)
def test_parts_that_do_not_fit_make_no_statement(changes: dict[str, Any], said: str, statement: Statement) -> None:
    with pytest.raises(PermitError, match=said):
        statement(**changes)


def test_times_are_written_in_utc(statement: Statement) -> None:
    east = timezone(timedelta(hours=9))
    document: Any = statement(
        time_verified=GIVEN.astimezone(east), expires=(GIVEN + timedelta(days=1)).astimezone(east)
    )
    assert document == statement(expires=GIVEN.astimezone(UTC) + timedelta(days=1))


def test_a_resource_names_its_environment_whatever_the_names_hold() -> None:
    uri = resource_uri(tenant="a/b", model="m?env=production", version="7&env=production", environment="sta&ging")
    assert environment_of(uri) == "sta&ging"
    assert environment_of("countersign://a/b/1?env=a&env=b") is None
    assert environment_of("countersign://[") is None


def test_levels_are_spelled_in_capitals() -> None:
    assert verified_level("production") == "MODELGOV_PRODUCTION_APPROVED"
    assert verified_level("pre-prod.eu") == "MODELGOV_PRE_PROD_EU_APPROVED"
