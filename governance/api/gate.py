"""The gate's address: a plain view over one statement. Every answer that is no permission says ``allowed: false``.

Never answers a denial with an error status: allow and deny are both 200. It calls neither DRF nor
anything that measures, and never waits for the body of a sender whose token it does not know.
"""

import time

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from audits.api.parsers import BadBody, read_json
from audits.api.problems import problem_of
from governance.services.gate import ACTIONS, Answer, NotAuthenticated, Question
from governance.services.permits import Permitted, ask_gate
from governance.services.tokens import digest_of, find_token
from governance.services.wording import why

_FIELDS = ("model", "version", "digest", "environment", "action", "context")
_LARGEST_VERSION = 2**31 - 1
_BODY_LIMIT = 64 * 1024
# Digests of tokens, and until when (monotonic seconds) their bodies are read without looking the token up first.
_KNOWN: dict[str, float] = {}
_KNOWN_SECONDS = 60.0
_MOST_KNOWN = 4096


def ask(request: HttpRequest) -> HttpResponse:
    """``POST /api/v1/decisions``: may this version, or this digest, go into this environment?"""
    try:
        token = _token(request)
        _require_known(token)
        question = _question(read_json(request, limit=_BODY_LIMIT))
        answered = ask_gate(token=token, question=question)
    except Exception as error:  # noqa: BLE001 - problem_of logs what nobody foresaw; the gate fails closed
        return problem_of(error, allowed=False)
    return HttpResponse(orjson.dumps(shown(answered)), content_type="application/json")


def shown(answered: Permitted) -> dict[str, object]:
    """The answer as JSON."""
    answer = answered.answer
    body: dict[str, object] = {
        "id": str(answer.id),
        "allowed": answer.allowed,
        "status": answer.status,
        "reason": sentence(answer),
        "reasons": answer.reasons,
        "policy": {"id": answer.policy_id, "digest": answer.policy_digest} if answer.policy_digest else None,
        "model": answer.model,
        "version": answer.version,
        "digest": answer.digest,
        "environment": answer.environment,
        "decided_at": answer.decided_at.isoformat(),
        "expires_at": answer.permit_until.isoformat() if answer.permit_until else None,
        "receipt": str(answer.act_id),
        "permit": answered.permit,
        "permit_url": f"{settings.BASE_URL}/api/v1/decisions/{answer.id}/permit" if answered.permit else None,
    }
    return body


def sentence(answer: Answer) -> str:
    """Why, in one sentence."""
    what = f"{answer.model} {answer.version}" if answer.model and answer.version else answer.digest or "This"
    return why(allowed=answer.allowed, what=what, environment=answer.environment, reasons=answer.reasons)


def _token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send the header: Authorization: Bearer <token>.")
    return token.strip()


def _require_known(token: str) -> None:
    """Raise NotAuthenticated for a token that no statement would accept, before its sender can hold a thread.

    Knowing one opens nothing: the gate's statement checks the token again.
    """
    digest, now = digest_of(token), time.monotonic()
    if _KNOWN.get(digest, 0.0) > now:
        return
    if find_token(token) is None:
        _KNOWN.pop(digest, None)
        raise NotAuthenticated("This token is unknown, expired or revoked. Ask for a new one.")
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[digest] = now + _KNOWN_SECONDS


def _question(body: object) -> Question:
    if not isinstance(body, dict):
        raise BadBody('Send a JSON object, as in {"model": "churn", "version": 3, "environment": "production"}.')
    unknown = sorted(set(body) - set(_FIELDS))
    if unknown:
        raise BadBody(f"There is no field {unknown[0][:60]!r}. The fields are: {', '.join(_FIELDS)}.")
    version = body.get("version")
    if version is not None and (type(version) is not int or not 0 < version <= _LARGEST_VERSION):
        raise BadBody("version must be a whole number from 1.", code="bad_version")
    context = body.get("context") or {}
    if not isinstance(context, dict) or not all(isinstance(value, str) for value in context.values()):
        raise BadBody("context must be an object of texts.", code="bad_context")
    environment = _text(body, "environment")
    if not environment:
        raise BadBody("Name the environment.", code="no_environment")
    return Question(
        environment=environment,
        action=_text(body, "action") or ACTIONS[0],
        model=_text(body, "model"),
        version=version,
        digest=_text(body, "digest"),
        context=context,
    )


def _text(body: dict[str, object], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 200:
        raise BadBody(f"{name} must be a text of at most 200 characters.")
    return value
