"""People and services that act: the accounts.

An account's name and address are personal: the trail knows people by id. Nothing here checks what an account may do.
"""

from typing import Any, ClassVar

from django.contrib.auth import get_backends
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models

from audits.models.governed import Capture, Governed


def _asked(backend: BaseBackend) -> ModelBackend:
    """The backend, which must grant by roles: settings name no other."""
    if not isinstance(backend, ModelBackend):
        raise TypeError(f"{backend!r} cannot say what roles grant")
    return backend


class User(Governed, AbstractUser):
    """A person, or a service that holds a token."""

    capture: ClassVar[Capture] = Capture(
        personal=frozenset({"username", "first_name", "last_name", "email"}), secret=frozenset({"password"})
    )

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"

    @property
    def name(self) -> str:
        """The name for pages, signatures and documents."""
        return self.get_full_name() or self.username

    def has_perm(self, perm: str, obj: models.Model | AnonymousUser | None = None) -> bool:
        """What the roles grant. Unlike Django's, being a superuser grants nothing: nobody is above the rules."""
        return any(_asked(backend).has_perm(self, perm, obj) for backend in get_backends())

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the roles grant anything on one floor."""
        return any(_asked(backend).has_module_perms(self, app_label) for backend in get_backends())

    def check_password(self, raw_password: Any) -> bool:
        """As Django's, but never upgrades the stored hash: that would be a write outside an act."""
        return check_password(raw_password, self.password)
