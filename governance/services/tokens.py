"""Tokens of API clients: issued once in the clear, kept as a digest, narrowed by scopes, always expiring."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from audits.errors import DomainError, NotPermitted
from audits.models import User
from audits.trail import Actor, act
from governance import events
from governance.authorization import role_names
from governance.models import ApiToken
from governance.roles import permissions_of

LONGEST = timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """``secret`` is shown once and stored nowhere."""

    token: ApiToken
    secret: str


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_token(
    *, actor: Actor, account: User, name: str, scopes: Iterable[str], expires_at: datetime, reason: str = ""
) -> IssuedToken:
    """Issue a token for an account. Its scopes must be permissions that the account's roles have now."""
    actor.require("governance.manage_tokens")
    if account.has_usable_password() and actor.user_id not in (None, account.pk):
        raise NotPermitted(
            f"A token acts in the name of its account: {account.name} is a person and asks for their own. "
            "Issue tokens to services.",
            code="token_of_another",
        )
    wanted = sorted(set(scopes))
    allowed = permissions_of(role_names(account))
    if actor.scopes is not None and set(wanted) - actor.scopes:
        raise NotPermitted(
            f"A token issues no wider one: this token's scopes lack {', '.join(sorted(set(wanted) - actor.scopes))}.",
            code="scope_beyond_token",
        )
    if not wanted:
        raise DomainError("Name at least one scope: a token that may do nothing is of no use.", code="no_scopes")
    beyond = [scope for scope in wanted if scope not in allowed]
    if beyond:
        raise DomainError(
            f"{account.username}'s roles do not include {', '.join(beyond)}. They include: "
            f"{', '.join(sorted(allowed))}.",
            code="scope_beyond_roles",
        )
    now = timezone.now()
    if not now < expires_at <= now + LONGEST:
        raise DomainError("A token must expire in the future and within a year.", code="bad_expiry")
    secret = f"cs_{secrets.token_urlsafe(32)}"
    token = ApiToken(
        account=account,
        name=name,
        digest=digest_of(secret),
        scopes=wanted,
        created_at=now,
        expires_at=expires_at,
    )
    with act(events.TokenIssued(scopes=wanted), actor=actor, subject=token, reason=reason):
        token.save(force_insert=True)
    return IssuedToken(token=token, secret=secret)


def revoke_token(*, actor: Actor, token: ApiToken, reason: str) -> None:
    """Revoke a token from now on. Revoking twice changes nothing."""
    actor.require("governance.manage_tokens")
    with act(events.TokenRevoked(), actor=actor, subject=token, reason=reason):
        ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def find_token(secret: str) -> ApiToken | None:
    """The valid token with this secret: not expired, not revoked, of an active account."""
    return (
        ApiToken.objects.select_related("account")
        .filter(digest=digest_of(secret), revoked_at=None, expires_at__gt=timezone.now(), account__is_active=True)
        .first()
    )
