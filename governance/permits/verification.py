"""Whether an envelope is a valid permit for these bytes, in this environment, at this time.

It asks nobody: the envelope, the key, and what the caller wants to run are all it needs. A permit that was
revoked since it was given still verifies here; only the gate knows of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.json_documents import JSON, DocumentError, Place, place_document
from governance.permits.envelopes import verify_envelope
from governance.permits.errors import PermitError
from governance.permits.keys import VerifyingKey
from governance.permits.statements import (
    EXTENSION,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    environment_of,
    verified_level,
)

STEPS = (
    "The envelope is a DSSE envelope of an in-toto statement.",
    "A signature over type and payload is by the given key.",
    "The statement is a verification summary with the parts of a permit.",
    "Its subject is exactly the given digest.",
    "Its result is PASSED.",
    "It is for the given environment, by resource, level and extension alike.",
    "It was given before the time of asking and has not expired.",
)
"""What ``verify_permit`` establishes, in order; step 1 is the first."""

# A permit that was signed by a clock a little ahead is not from the future.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Permit:
    """What a verified permit says."""

    digest: str
    model: str
    version: str
    environment: str
    decision_id: str
    verifier_id: str
    resource_uri: str
    policy_uri: str
    policy_digest: str
    time_verified: datetime
    expires: datetime
    key_id: str
    audit: Mapping[str, JSON]
    statement: Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class _Parts:
    subjects: list[tuple[str, str]]
    result: str
    levels: tuple[str, ...]
    permit: Permit


def verify_permit(
    envelope: object,
    public_key: VerifyingKey,
    *,
    digest: str,
    environment: str,
    at: datetime,
    verifier_id: str | None = None,
) -> Permit:
    """The permit, if every one of the seven ``STEPS`` holds; else ``PermitError`` with the step that failed.

    ``digest`` is the SHA-256, in hexadecimal, of the bytes that are about to run: work it out from the bytes,
    never take it from the permit. ``verifier_id``, where given, must be the one that the permit names.
    """
    # 1, 2
    statement = verify_envelope(envelope, public_key)
    # 3
    try:
        parts = _read(statement, public_key)
    except DocumentError as error:
        raise PermitError(f"The statement is no permit: {error.message}", step=3) from None
    permit = parts.permit
    if verifier_id is not None and permit.verifier_id != verifier_id:
        raise PermitError(f'The permit is by the verifier "{permit.verifier_id}", not by "{verifier_id}".', step=3)
    # 4
    if [found for _, found in parts.subjects] != [digest]:
        found = ", ".join(f"{name} ({value})" for name, value in parts.subjects)
        raise PermitError(f"The permit is for {found}, not for {digest}.", step=4)
    # 5
    if parts.result != "PASSED":
        raise PermitError(f'The result is "{parts.result}": this is a record of a refusal, not a permit.', step=5)
    # 6
    if permit.environment != environment or environment_of(permit.resource_uri) != environment:
        raise PermitError(f'The permit is for "{permit.environment}", not for "{environment}".', step=6)
    if verified_level(environment) not in parts.levels:
        raise PermitError(f"The permit does not claim the level {verified_level(environment)}.", step=6)
    # 7
    if at.tzinfo is None:
        raise PermitError("The time of asking needs its time zone.", step=7)
    if permit.time_verified - at > CLOCK_SKEW:
        raise PermitError(f"The permit was given at {permit.time_verified}, after the time of asking.", step=7)
    if at >= permit.expires:
        raise PermitError(f"The permit expired at {permit.expires}; ask the gate for a new decision.", step=7)
    return permit


def _read(statement: Mapping[str, JSON], key: VerifyingKey) -> _Parts:
    root = place_document(dict(statement))
    fields = root.fields(required=("_type", "subject", "predicateType", "predicate"))
    fields["_type"].one_of((STATEMENT_TYPE,))
    fields["predicateType"].one_of((PREDICATE_TYPE,))
    predicate = _members(
        fields["predicate"],
        (
            "verifier",
            "timeVerified",
            "resourceUri",
            "policy",
            "verificationResult",
            "verifiedLevels",
            EXTENSION,
        ),
    )
    own = _members(predicate[EXTENSION], ("model", "version", "environment", "decision", "expires", "audit"))
    policy = _members(predicate["policy"], ("uri", "digest"))
    subjects = [_subject(place) for place in fields["subject"].items(at_least=1, at_most=10)]
    audit = own["audit"].members(at_most=20)
    return _Parts(
        subjects=subjects,
        result=predicate["verificationResult"].text(at_most=50),
        levels=predicate["verifiedLevels"].texts(at_most=20),
        permit=Permit(
            digest=subjects[0][1],
            model=own["model"].text(),
            version=own["version"].text(),
            environment=own["environment"].text(),
            decision_id=own["decision"].text(),
            verifier_id=_members(predicate["verifier"], ("id",))["id"].text(),
            resource_uri=predicate["resourceUri"].text(),
            policy_uri=policy["uri"].text(),
            policy_digest=_sha256(policy["digest"]),
            time_verified=predicate["timeVerified"].timestamp(),
            expires=own["expires"].timestamp(),
            key_id=key.id,
            audit={name: place.value for name, place in audit.items()},
            statement=statement,
        ),
    )


def _members(place: Place, names: tuple[str, ...]) -> dict[str, Place]:
    """The members of an object that must have these and, as in-toto asks, may have others."""
    found = place.members(at_most=50)
    for name in names:
        if name not in found:
            place.fail(f'"{name}" is missing.')
    return found


def _subject(place: Place) -> tuple[str, str]:
    fields = _members(place, ("name", "digest"))
    return fields["name"].text(), _sha256(fields["digest"])


def _sha256(place: Place) -> str:
    return _members(place, ("sha256",))["sha256"].text(at_most=64)
