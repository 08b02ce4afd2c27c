"""The statement inside a permit: an artifact's digest, an environment, the policy and records it rests on.

It names a digest, never only a version: versions can be told apart by name, bytes only by digest. Every value
is text or a whole number, so that the fast writer gives the same bytes as RFC 8785. in-toto Statement v1;
SLSA Verification Summary Attestation v1, https://slsa.dev/spec/v1.1/verification_summary.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import orjson

from governance.json_documents import JSON, LARGEST_INTEGER
from governance.permits.errors import PermitError

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
EXTENSION = "https://countersign.io/permit/v1"
"""What a permit says beyond a summary: model, version, environment, decision, expiry, place in the trail."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Attestation:
    """A record that a decision rests on: where it is, and its SHA-256 in hexadecimal."""

    uri: str
    digest: str


def resource_uri(*, tenant: str, model: str, version: str, environment: str) -> str:
    """What the permit is for, the environment included, so that one for staging cannot be shown in
    production.
    """
    path = "/".join(quote(part, safe="") for part in (tenant, model, version))
    return f"countersign://{path}?env={quote(environment, safe='')}"


def environment_of(uri: str) -> str | None:
    """The environment that a resource URI names; None if it names none, or more than one."""
    try:
        found = [value for name, value in parse_qsl(urlsplit(uri).query) if name == "env"]
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def verified_level(environment: str) -> str:
    """The level that the summary claims, such as ``MODELGOV_PRODUCTION_APPROVED``."""
    return f"MODELGOV_{re.sub(r'[^A-Z0-9]', '_', environment.upper())}_APPROVED"


def permit_statement(
    *,
    digest: str,
    model: str,
    version: str,
    environment: str,
    decision_id: str,
    verifier_id: str,
    resource_uri: str,
    policy_uri: str,
    policy_digest: str,
    input_attestations: Sequence[Attestation],
    time_verified: datetime,
    expires: datetime,
    audit: Mapping[str, str | int],
) -> dict[str, JSON]:
    """The statement that this artifact may run in this environment until it expires.

    ``digest`` and ``policy_digest`` are SHA-256 in 64 hexadecimal digits. ``verifier_id`` is the URI by which
    consumers know us; they pin it together with the key. ``audit`` says where the decision stands in the
    trail. Raises ``PermitError`` where the parts do not fit together.
    """
    for name, value in (("artifact", digest), ("policy", policy_digest)):
        if not _DIGEST.fullmatch(value):
            raise PermitError(f"The {name} needs a SHA-256 of 64 small hexadecimal digits.")
    if environment_of(resource_uri) != environment:
        raise PermitError(f"The resource URI does not name the environment {environment}; build it by resource_uri().")
    if expires <= time_verified:
        raise PermitError("A permit must expire after it was given.")
    place: dict[str, JSON] = {}
    for name, entry in audit.items():
        if not _NAME.fullmatch(name):
            raise PermitError(f"{name!r} cannot name a part of the place in the trail.")
        place[name] = entry
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"model:{model}@{version}", "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "verifier": {"id": verifier_id},
            "timeVerified": written_time(time_verified),
            "resourceUri": resource_uri,
            "policy": {"uri": policy_uri, "digest": {"sha256": policy_digest}},
            "inputAttestations": [
                {"uri": attestation.uri, "digest": {"sha256": attestation.digest}} for attestation in input_attestations
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": [verified_level(environment)],
            EXTENSION: {
                "model": model,
                "version": version,
                "environment": environment,
                "decision": decision_id,
                "expires": written_time(expires),
                "audit": place,
            },
        },
    }


def statement_bytes(statement: Mapping[str, JSON]) -> bytes:
    """The bytes to sign, equal to RFC 8785 for statements as above. Raises ``PermitError`` for others.

    orjson is a hundred times faster than the exact writer and agrees with it for text, whole numbers within
    2^53 and ASCII names; that is checked here, because outside of it the two differ.
    """
    if not _plain(statement):
        raise PermitError("A statement holds only text, whole numbers, lists and objects with ASCII names.")
    try:
        return orjson.dumps(statement, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        raise PermitError("A statement holds text that is not Unicode.") from None


def written_time(moment: datetime) -> str:
    """RFC 3339 in UTC to the second. A time without its zone is refused by ``PermitError``."""
    if moment.tzinfo is None:
        raise PermitError("The times of a permit need their time zone.")
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def _plain(value: object) -> bool:
    # Exact types: orjson also writes subclasses, enumerations and dataclasses, each in its own way.
    kind = type(value)
    if kind is str:
        return True
    if kind is int:
        return isinstance(value, int) and abs(value) <= LARGEST_INTEGER
    if isinstance(value, dict):
        return all(type(name) is str and name.isascii() and _plain(item) for name, item in value.items())
    return isinstance(value, list) and all(_plain(item) for item in value)
