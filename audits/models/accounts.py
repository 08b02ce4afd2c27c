"""People and services that act: the accounts.

An account's name and address are personal: the trail knows people by id. Nothing here checks what an account may do.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth import get_backends
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models

from audits.models.governed import Capture, Governed

if TYPE_CHECKING:
    from django.contrib.auth.backends import ModelBackend


def _backends() -> "list[ModelBackend]":
    from django.contrib.auth.backends import ModelBackend  # Importable only once this module is.

    return [backend for backend in get_backends() if isinstance(backend, ModelBackend)]


class User(Governed, AbstractUser):
    """A person, or a service that holds a token."""

    capture: ClassVar[Capture] = Capture(
        personal=frozenset({"username", "first_name", "last_name", "email"}), secret=frozenset({"password"})
    )

    password_is_own = models.BooleanField(
        default=False, help_text="Whether the person has chosen the password; one that another set signs nothing."
    )
    password_set_by = models.CharField(
        max_length=100,
        blank=True,
        help_text="Which other person set a password of this account last, for example user:7.",
    )

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"

    @property
    def name(self) -> str:
        """The name for pages, signatures and documents."""
        return self.get_full_name() or self.username

    def has_perm(self, perm: str, obj: models.Model | AnonymousUser | None = None) -> bool:
        """What the roles grant. Unlike Django's, being a superuser grants nothing: nobody is above the rules."""
        asked = obj if isinstance(obj, models.Model) else None
        return any(backend.has_perm(self, perm, asked) for backend in _backends())

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the roles grant anything on one floor."""
        return any(backend.has_module_perms(self, app_label) for backend in _backends())

    def check_password(self, raw_password: Any) -> bool:
        """As Django's, but never upgrades the stored hash: that would be a write outside an act."""
        return check_password(raw_password, self.password)
