"""The gate: asked before anything goes live, it answers yes or no from one standing and records the answer.

One statement finds the token, the version, the environment and the standing, opens the act and writes the decision;
what is not certain is denied. It computes no policy: standings are computed when something beneath them changes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.db import connection
from psycopg.types.json import Jsonb

from audits.errors import DomainError
from audits.merkle.canonical import canonical_bytes
from governance.roles import roles

PERMISSION = "governance.request_decision"
ACTIONS = ("deploy", "promote", "serve")


class NotAuthenticated(DomainError):
    """No valid token came with the question."""

    code = "not_authenticated"
    status = 401


class TokenRefused(DomainError):
    """The token is valid but may not ask the gate."""

    code = "not_permitted"
    status = 403


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a deployment system asks. A version is named by model and number, by digest, or by both (both must fit)."""

    environment: str
    action: str = "deploy"
    model: str = ""
    version: int | None = None
    digest: str = ""
    context: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the gate answered, as it is kept. ``status`` is ALLOWED, DENIED or UNKNOWN (nothing is known of it)."""

    id: UUID
    act_id: UUID
    allowed: bool
    status: str
    code: str
    reasons: list[dict[str, object]]
    model: str
    version: int | None
    version_id: UUID | None
    digest: str
    environment: str
    policy_id: str
    policy_digest: str
    decided_at: datetime
    permit_until: datetime | None


_STATEMENT = """
WITH token AS MATERIALIZED (
    SELECT t.account_id, (t.scopes ? %(permission)s AND EXISTS (
        SELECT FROM audits_user_groups ug JOIN auth_group g ON g.id = ug.group_id
        WHERE ug.user_id = t.account_id AND g.name = ANY (%(roles)s))) AS may
    FROM governance_apitoken t JOIN audits_user u ON u.id = t.account_id
    WHERE t.digest = %(token)s AND t.revoked_at IS NULL AND t.expires_at > statement_timestamp() AND u.is_active
), named AS MATERIALIZED (
    SELECT v.id, v.number, v.artifact_digest, m.name
    FROM registry_modelversion v JOIN registry_registeredmodel m ON m.id = v.model_id
    WHERE (%(model)s = '' OR m.name = %(model)s)
      AND (%(number)s::integer IS NULL OR v.number = %(number)s::integer)
      AND ((%(model)s <> '' AND %(number)s::integer IS NOT NULL)
           OR (%(digest)s <> '' AND v.artifact_digest = %(digest)s))
    ORDER BY v.registered_at DESC LIMIT 1
), found AS MATERIALIZED (
    SELECT token.account_id, n.id AS version_id, n.number, n.name, n.artifact_digest,
        e.id AS environment_id, s.policy_id, s.valid_until, s.outcome, s.facts, s.computed_at,
        p.digest AS policy_digest, p.key AS policy_key,
        CASE
            WHEN n.id IS NULL THEN 'unknown_version'
            WHEN e.id IS NULL THEN 'unknown_environment'
            WHEN %(digest)s <> '' AND n.artifact_digest <> %(digest)s THEN 'digest_differs'
            WHEN s.id IS NULL THEN 'no_standing'
            WHEN s.policy_id IS DISTINCT FROM a.policy_id THEN 'policy_changed'
            WHEN s.allowed AND s.valid_until <= statement_timestamp() THEN 'standing_ended'
            WHEN s.allowed THEN 'allowed'
            ELSE 'denied'
        END AS code
    FROM token
    LEFT JOIN named n ON true
    LEFT JOIN registry_environment e ON e.name = %(environment)s
    LEFT JOIN governance_standing s ON s.version_id = n.id AND s.environment_id = e.id
    LEFT JOIN governance_policyassignment a ON a.environment_id = e.id
    LEFT JOIN governance_policy p ON p.id = s.policy_id
    WHERE token.may
), opened AS MATERIALIZED (
    SELECT audits_open_act('governance.decision.made', 'user:' || account_id, 'api',
        CASE WHEN version_id IS NULL THEN 'governance.gate' ELSE 'registry.modelversion:' || version_id END,
        '', jsonb_build_object('allowed', code = 'allowed', 'code', code, 'environment', %(environment)s::text)::text)
        AS act_id
    FROM found
), decided AS (
    INSERT INTO governance_decision
        (id, asked, action, version_id, environment_id, allowed, status, reasons, policy_digest, actor, decided_at,
         permit_until, receipt, facts, evaluated_at)
    SELECT %(id)s, %(asked)s, %(action)s, version_id, environment_id, code = 'allowed',
        CASE code WHEN 'allowed' THEN 'ALLOWED' WHEN 'unknown_version' THEN 'UNKNOWN'
            WHEN 'unknown_environment' THEN 'UNKNOWN' ELSE 'DENIED' END,
        CASE WHEN code IN ('allowed', 'denied') THEN outcome -> 'reasons'
            ELSE jsonb_build_array(%(reasons)s::jsonb -> code) END,
        coalesce(policy_digest, ''), 'user:' || account_id, statement_timestamp(),
        CASE code WHEN 'allowed' THEN
            least(statement_timestamp() + make_interval(hours => %(hours)s), valid_until) END, act_id,
        CASE WHEN code IN ('allowed', 'denied') THEN facts END,
        CASE WHEN code IN ('allowed', 'denied') THEN computed_at END
    FROM found CROSS JOIN opened
    RETURNING allowed, status, reasons, decided_at, permit_until
)
SELECT token.may, opened.act_id, d.allowed, d.status, f.code, d.reasons::text, coalesce(f.name, ''), f.number,
    f.version_id, coalesce(f.artifact_digest, ''), coalesce(f.policy_key, ''), coalesce(f.policy_digest, ''),
    d.decided_at, d.permit_until
FROM token LEFT JOIN found f ON true LEFT JOIN opened ON true LEFT JOIN decided d ON true
"""


def _reason(rule: str, explain: str, next_step: str, owner: str = "owner") -> dict[str, object]:
    return {
        "rule": rule,
        "result": "false",
        "explain": explain,
        "next_step": next_step,
        "owner": owner,
        "evidence": [],
    }


_REASONS = {
    "unknown_version": _reason(
        "version-registered",
        "No registered version is what was asked about.",
        "Register the version, or ask with the digest of the artifact that was registered.",
    ),
    "unknown_environment": _reason(
        "environment-known",
        "There is no environment of that name.",
        "Ask for one of the environments that the registry lists.",
    ),
    "digest_differs": _reason(
        "digest-matches",
        "The digest that was asked about is not that of the registered version: it is another artifact.",
        "Deploy the artifact that was registered, or register this one as a new version and have it reviewed.",
    ),
    "no_standing": _reason(
        "policy-assigned",
        "No policy has been evaluated for this version in this environment.",
        "A risk officer puts the environment under a policy.",
        "risk_officer",
    ),
    "policy_changed": _reason(
        "standing-current",
        "The environment is under another policy than the one that was evaluated.",
        "Run ./run manage refresh to compute standings anew.",
        "risk_officer",
    ),
    "standing_ended": _reason(
        "standing-current",
        "What the permission rested on has run out: an accepted risk expired or evidence is too old.",
        "Renew the acceptance or run the assessment again.",
        "risk_officer",
    ),
}


@cache
def _asking_roles() -> list[str]:
    return [role.name for role in roles().values() if PERMISSION in role.permissions]


def decide(*, token: str, question: Question) -> Answer:
    """Answer one question and record it. Raises NotAuthenticated or TokenRefused; a denial is an answer."""
    digest = _digest(question.digest)
    if question.action not in ACTIONS:
        raise DomainError(f"action must be one of {', '.join(ACTIONS)}.", code="bad_action")
    if not digest and not (question.model and question.version is not None):
        raise DomainError("Name the version: model and version, or digest, or both.", code="nothing_named")
    asked = {
        "model": question.model,
        "version": question.version,
        "digest": digest,
        "environment": question.environment,
        "context": dict(question.context or {}),
    }
    if len(canonical_bytes(asked)) > 8192:
        raise DomainError("The question is too long: context takes at most 8 KiB.", code="too_long")
    decision = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            _STATEMENT,
            {
                "id": decision,
                "token": hashlib.sha256(token.encode()).hexdigest(),
                "permission": PERMISSION,
                "roles": _asking_roles(),
                "model": question.model,
                "number": question.version,
                "digest": digest,
                "environment": question.environment,
                "action": question.action,
                "asked": Jsonb(asked),  # type: ignore[dict-item] # psycopg adapts it.
                "reasons": Jsonb(_REASONS),  # type: ignore[dict-item]
                "hours": settings.PERMIT_HOURS,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise NotAuthenticated("This token is unknown, expired or revoked. Ask for a new one.")
    if not row[0]:
        raise TokenRefused(f"This token may not ask the gate: its scopes or its account's roles lack {PERMISSION}.")
    return _answer(decision, question, digest, row)


def _answer(decision: UUID, question: Question, digest: str, row: tuple[object, ...]) -> Answer:
    (
        _,
        act_id,
        allowed,
        status,
        code,
        reasons,
        model,
        number,
        version_id,
        registered,
        key,
        policy,
        at,
        until,
    ) = row
    return Answer(
        id=decision,
        act_id=act_id,  # type: ignore[arg-type]
        allowed=bool(allowed),
        status=str(status),
        code=str(code),
        reasons=orjson.loads(str(reasons)),
        model=str(model) or question.model,
        version=number if isinstance(number, int) else question.version,
        version_id=version_id if isinstance(version_id, UUID) else None,
        digest=str(registered) if code != "digest_differs" and registered else digest,
        environment=question.environment,
        policy_id=str(key),
        policy_digest=str(policy),
        decided_at=at,  # type: ignore[arg-type]
        permit_until=until if isinstance(until, datetime) else None,
    )


def _digest(text: str) -> str:
    digest = text.removeprefix("sha256:").lower()
    if digest and (len(digest) != 64 or not set(digest) <= set("0123456789abcdef")):
        raise DomainError("digest must be the SHA-256 of the artifact, 64 hexadecimal digits.", code="bad_digest")
    return digest
