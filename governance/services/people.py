"""Accounts and their roles. Nobody gives roles to themselves."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection

from audits.errors import Conflict, DomainError, NotPermitted
from audits.models import User
from audits.trail import Actor, act
from governance import events
from governance.roles import roles as all_roles


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
    _set_password(account, password)
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
    """Give an account exactly these roles. Nobody assigns their own."""
    actor.require("governance.manage_people")
    if actor.user_id == account.pk:
        raise NotPermitted("Nobody assigns roles to themselves: ask another compliance officer.", code="own_roles")
    wanted = _known(roles)
    with act(events.RolesAssigned(roles=wanted), actor=actor, subject=account, reason=reason):
        account.groups.set(Group.objects.filter(name__in=wanted))


def change_password(*, actor: Actor, account: User, password: str) -> None:
    """Set a new password: one's own, or another's by who manages people."""
    if actor.user_id != account.pk:
        actor.require("governance.manage_people")
    _set_password(account, password)
    with act(events.PasswordChanged(), actor=actor, subject=account):
        account.save(update_fields=["password"])


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


def _set_password(account: User, password: str | None) -> None:
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
    return wanted
