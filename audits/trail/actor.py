"""Who acts: a person, a service with a token, a job or a command, and what they may do.

An actor is a value: it carries an id that goes into the trail as text, never a name.
"""

from dataclasses import dataclass
from typing import Protocol

from audits.errors import NotPermitted


class Account(Protocol):
    """What an actor needs of an account."""

    pk: int
    is_active: bool

    def has_perm(self, perm: str) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Actor:
    """``id`` is ``user:7``, ``system:sequencer`` or ``command:setup``; ``via`` the door they came through."""

    id: str
    via: str
    account: Account | None = None
    scopes: frozenset[str] | None = None

    @classmethod
    def person(cls, account: Account, *, via: str, scopes: frozenset[str] | None = None) -> "Actor":
        """The actor behind an account; ``scopes`` narrows what a token may do (None: all the account may)."""
        return cls(id=f"user:{account.pk}", via=via, account=account, scopes=scopes)

    @classmethod
    def system(cls, name: str, *, via: str = "system") -> "Actor":
        """A part of Countersign acting by itself: a job, a command, a migration. It may do what code says."""
        return cls(id=f"system:{name}", via=via)

    @property
    def user_id(self) -> int | None:
        return self.account.pk if self.account is not None else None

    def require_account(self) -> int:
        """The account's id, or NotPermitted: what is kept names a person or a service that answers for it."""
        if self.account is None:
            raise NotPermitted(f"{self.id} has no account: a person or a service does this.", code="no_account")
        return self.account.pk

    def may(self, permission: str) -> bool:
        if self.account is None:
            return self.id.startswith("system:")
        if not self.account.is_active or (self.scopes is not None and permission not in self.scopes):
            return False
        return self.account.has_perm(permission)

    def require(self, permission: str) -> None:
        """Raise NotPermitted, naming the permission, unless the actor has it."""
        if not self.may(permission):
            narrowed = self.scopes is not None and permission not in self.scopes
            why = "this token's scopes do not include it" if narrowed else "none of your roles allows it"
            raise NotPermitted(f"You may not do this: {why} ({permission}). Ask a compliance officer for access.")
