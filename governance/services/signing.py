"""Signing: fresh authentication, the right role, and never one's own work. Refusals are acts too.

A signature states who, when and with what meaning, and is over a digest (21 CFR 11.50, 11.70, 11.200).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from audits.errors import DomainError, NotPermitted
from audits.models import User
from audits.trail import Actor, act
from governance import events
from governance.authorization import role_names
from governance.services.attempts import AT_SIGNING, is_locked, record_refused_signature
from governance.services.signed_content import own_people
from registry.models import ModelVersion


class SigningRefused(NotPermitted):
    """A signature was not taken. Nothing was signed; the refusal is in the trail."""


@dataclass(frozen=True, kw_only=True)
class FreshAuthentication:
    """Proof that the person was at the keyboard just now."""

    user_id: int
    method: str
    at: datetime


def authenticate_freshly(*, account: User, password: str) -> FreshAuthentication:
    """Check the password again, for one signature."""
    if is_locked(account, kind=AT_SIGNING):
        raise SigningRefused(
            "Too many wrong passwords: wait a quarter of an hour, then sign again. Nothing was signed.", code="locked"
        )
    if not account.check_password(password):
        record_refused_signature(account=account)
        raise SigningRefused("The password is not right; nothing was signed.", code="bad_password")
    return FreshAuthentication(user_id=account.pk, method="password", at=timezone.now())


def require_signer(
    *,
    actor: Actor,
    version: ModelVersion,
    permission: str,
    role: str,
    authentication: FreshAuthentication,
    meaning: str,
) -> User:
    """The account that may sign, or SigningRefused (which is recorded as an act)."""
    account = actor.account
    try:
        if not isinstance(account, User):
            raise SigningRefused("Only a person signs.", code="not_a_person")
        if role == "owner" and account.pk != version.model.owner_id:
            raise SigningRefused(
                f"The owner of {version.model.name} signs here: {version.model.owner.name}.", code="not_the_owner"
            )
        if role != "owner" and account.pk in own_people(version):
            raise SigningRefused(
                f"Nobody approves their own work: {account.name} owns {version.model.name} or registered this version. "
                f"Ask another {role.replace('_', ' ')}.",
                code="own_work",
            )
        if not account.password_is_own:
            raise SigningRefused(
                "Your password was set by somebody else, who could sign in your place: change it first, then sign.",
                code="password_not_own",
            )
        if not actor.may(permission) or role not in role_names(account):
            raise SigningRefused(
                f"Signing here takes the role {role.replace('_', ' ')}, which {account.name} does not have.",
                code="wrong_role",
            )
        if authentication.user_id != account.pk or timezone.now() - authentication.at > timedelta(
            minutes=settings.SIGNATURE_MINUTES
        ):
            raise SigningRefused("Authenticate again: a signature needs your password now.", code="not_fresh")
        if not meaning.strip():
            raise DomainError("State what the signature means, for example: I approve this for use.", code="no_meaning")
    except SigningRefused as refusal:
        with act(events.SigningDenied(role=role, code=refusal.code), actor=actor, subject=version):
            pass
        raise
    return account
