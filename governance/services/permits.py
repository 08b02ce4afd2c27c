"""Permits for allowed decisions: the statement follows from the decision's row alone, so it can be handed out again.

A permit is never made for a denial, nor one that holds longer than what the decision rests on. in-toto Statement v1,
SLSA VSA v1, DSSE v1.0.2 (governance/permits).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from audits.errors import Conflict, DomainError
from audits.local_secrets import local_file
from governance.json_documents import JSON
from governance.models import Decision
from governance.permits.envelopes import sign_envelope
from governance.permits.errors import PermitError
from governance.permits.keys import SigningKey, generate_key, load_signing_key
from governance.permits.statements import permit_statement, resource_uri
from governance.services.gate import Answer, Question, decide
from governance.services.standing import allowed_now


class NoPermitKey(DomainError):
    """There is no key that could sign permits, or it cannot be read."""

    code = "no_permit_key"
    status = 409


@dataclass(frozen=True, kw_only=True)
class Permitted:
    """An answer of the gate with its permit, where it allowed."""

    answer: Answer
    permit: Mapping[str, JSON] | None


def permit_key() -> SigningKey:
    """The key that signs permits; outside production it is made once. Raises NoPermitKey."""
    return _key(settings.PERMIT_KEY, settings.KEY_DIR / "permit.pem", settings.PRODUCTION)


def ask_gate(*, token: str, question: Question) -> Permitted:
    """Ask, record, and sign where the answer is yes. Without a key nothing is asked: a yes could not be shown."""
    key = permit_key()
    answer = decide(token=token, question=question)
    if not answer.allowed:
        return Permitted(answer=answer, permit=None)
    if answer.version is None or answer.permit_until is None:
        raise PermitError("The gate allowed what it did not name: nothing is signed.")
    statement = _statement(
        decision=answer.id,
        digest=answer.digest,
        model=answer.model,
        version=answer.version,
        environment=answer.environment,
        policy_digest=answer.policy_digest,
        decided_at=answer.decided_at,
        until=answer.permit_until,
        receipt=answer.act_id,
    )
    return Permitted(answer=answer, permit=sign_envelope(statement, key))


def permit_of(decision: Decision) -> Mapping[str, JSON]:
    """The same statement as when it was decided, signed anew. Raises Conflict for denials and after its end."""
    version, environment, until = decision.version, decision.environment, decision.permit_until
    if not decision.allowed or version is None or environment is None or until is None or decision.receipt is None:
        raise Conflict("The gate did not allow this: there is no permit for it.", code="not_allowed")
    if until <= timezone.now():
        raise Conflict("This permit has run out: ask the gate again.", code="permit_expired")
    if not allowed_now(version=version, environment=environment):
        raise Conflict(
            "What this permit rested on has changed: the gate would deny now. Ask the gate; it says why.",
            code="permit_withdrawn",
        )
    statement = _statement(
        decision=decision.pk,
        digest=version.artifact_digest,
        model=version.model.name,
        version=version.number,
        environment=environment.name,
        policy_digest=decision.policy_digest,
        decided_at=decision.decided_at,
        until=until,
        receipt=decision.receipt,
    )
    return sign_envelope(statement, permit_key())


def verifier_id() -> str:
    """The URI by which consumers know us; they pin it together with the key."""
    return f"{settings.BASE_URL}/verifier/v1"


def _statement(
    *,
    decision: UUID,
    digest: str,
    model: str,
    version: int,
    environment: str,
    policy_digest: str,
    decided_at: datetime,
    until: datetime,
    receipt: UUID,
) -> dict[str, JSON]:
    return permit_statement(
        digest=digest,
        model=model,
        version=str(version),
        environment=environment,
        decision_id=str(decision),
        verifier_id=verifier_id(),
        resource_uri=resource_uri(
            tenant=urlsplit(settings.BASE_URL).netloc, model=model, version=str(version), environment=environment
        ),
        policy_uri=f"{settings.BASE_URL}/api/v1/policies/{policy_digest}",
        policy_digest=policy_digest,
        input_attestations=(),
        time_verified=decided_at,
        expires=until,
        audit={"origin": settings.TRAIL_ORIGIN, "receipt": str(receipt)},
    )


@lru_cache(maxsize=8)
def _key(given: str | None, path: Path, production: bool) -> SigningKey:
    if given:
        return _read(given.encode(), "COUNTERSIGN_PERMIT_KEY")
    if production and not path.exists():
        raise NoPermitKey(
            "Permits have no signing key: set COUNTERSIGN_PERMIT_KEY (or COUNTERSIGN_PERMIT_KEY_FILE), or restore "
            f"{path} from a backup. A first key is made with: openssl ecparam -name prime256v1 -genkey -noout"
        )
    return _read(local_file(path, lambda: generate_key().pem()), str(path))


def _read(pem: bytes, source: str) -> SigningKey:
    try:
        return load_signing_key(pem)
    except PermitError as error:
        raise NoPermitKey(f"The key of permits cannot be used ({source}): {error.message}") from None
