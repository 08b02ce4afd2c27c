"""Accounts and their roles. Nobody gives roles to themselves."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from audits.errors import Conflict, DomainError, NotPermitted
from audits.models import User
from audits.trail import Actor, act
from governance import events
from governance.models import ApiToken
from governance.roles import EXCLUSIVE
from governance.roles import roles as all_roles
from governance.services.standing import recompute_version
from registry.models import ModelVersion


def create_account(
    *,
    actor: Actor,
    username: str,
    full_name: str,
    email: str = "",
    roles: Iterable[str],
    password: str | None,
    reason: str = "",
) -> User:
    """Create an account; without a password it can hold tokens but not sign in."""
    actor.require("governance.manage_people")
    wanted = _known(roles)
    if User.objects.filter(username=username).exists():
        raise Conflict(f"There is an account named {username} already.")
    first, _, last = full_name.strip().partition(" ")
    account = User(username=username, first_name=first, last_name=last, email=email)
    account.is_staff = password is not None
    _set_password(actor, account, password)
    try:
        account.full_clean(validate_unique=False)
    except ValidationError as error:
        raise DomainError(f"This account cannot be made: {'; '.join(error.messages)}", code="invalid_fields") from error
    account.pk = _next_id()  # The act's subject is the account by its id: a name is about a person.
    with act(events.AccountCreated(roles=wanted), actor=actor, subject=account, reason=reason):
        account.save(force_insert=True)
        account.groups.set(Group.objects.filter(name__in=wanted))
    return account


def assign_roles(*, actor: Actor, account: User, roles: Iterable[str], reason: str) -> None:
    """Give an account exactly these roles, which must go together. Nobody assigns their own.

    What the account approved is judged anew in the same act: an approval counts while its signer has the role.
    """
    actor.require("governance.manage_people")
    if actor.user_id == account.pk:
        raise NotPermitted("Nobody assigns roles to themselves: ask another compliance officer.", code="own_roles")
    wanted = _known(roles)
    with act(events.RolesAssigned(roles=wanted), actor=actor, subject=account, reason=reason):
        account.groups.set(Group.objects.filter(name__in=wanted))
        _judge_anew(account)


def close_account(*, actor: Actor, account: User, reason: str) -> None:
    """Close an account: no sign-in, no token, no signature from now on; what it approved no longer counts."""
    actor.require("governance.manage_people")
    if actor.user_id == account.pk:
        raise NotPermitted("Nobody closes their own account: ask another compliance officer.", code="own_account")
    if not reason.strip():
        raise DomainError("Say why the account is closed.", code="no_reason")
    with act(events.AccountClosed(), actor=actor, subject=account, reason=reason):
        account.is_active = False
        account.save(update_fields=["is_active"])
        ApiToken.objects.filter(account=account, revoked_at=None).update(revoked_at=timezone.now())
        _judge_anew(account)


def _judge_anew(account: User) -> None:
    signed = ModelVersion.objects.filter(
        Q(approvals__signer=account) | Q(sign_offs__signer=account) | Q(risk_acceptances__signer=account)
    )
    for version in signed.distinct().order_by("pk"):
        recompute_version(version=version)


def change_password(*, actor: Actor, account: User, password: str) -> None:
    """Set a new password: one's own, or another's by who manages people."""
    if actor.user_id != account.pk:
        actor.require("governance.manage_people")
    _set_password(actor, account, password)
    with act(events.PasswordChanged(), actor=actor, subject=account):
        account.save(update_fields=["password", "password_is_own", "password_set_by"])


def record_sign_in(*, account: User) -> None:
    """Somebody signed in; reading begins with it."""
    names = sorted(account.groups.values_list("name", flat=True))
    with act(events.SessionOpened(roles=names), actor=Actor.person(account, via="admin"), subject=account):
        pass


def _next_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('audits_user', 'id'))")
        (number,) = cursor.fetchone()
    return int(number)


def _set_password(actor: Actor, account: User, password: str | None) -> None:
    """Set it, and keep who did: with a password that another person set, that person could sign in as well."""
    if actor.account is None:
        account.password_is_own, account.password_set_by = True, ""
    elif actor.user_id == account.pk:
        account.password_is_own = True  # Who set it before stays known: that person may have been the one to change it.
    else:
        account.password_is_own, account.password_set_by = False, actor.id
    if password is None:
        account.set_unusable_password()
        return
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise DomainError(" ".join(error.messages), code="weak_password") from error
    account.set_password(password)


def _known(names: Iterable[str]) -> list[str]:
    wanted = sorted(set(names))
    unknown = [name for name in wanted if name not in all_roles()]
    if unknown:
        raise DomainError(
            f"There is no role {', '.join(unknown)}. The roles are: {', '.join(all_roles())}.",
            code="unknown_role",
        )
    exclusive = [name for name in wanted if name in EXCLUSIVE]
    if len(exclusive) > 1:
        raise DomainError(
            f"One person is not both {' and '.join(exclusive)}: whoever builds does not approve, whoever approves "
            "does not set the rule, and two different people approve.",
            code="roles_exclude_each_other",
        )
    return wanted
