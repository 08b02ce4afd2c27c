"""Who may do what: accounts have roles (groups), roles have permissions (fixtures/roles.json). Nothing else grants.

Being a superuser grants nothing: nobody approves their own work because of a flag.
"""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from audits.models import User
from governance.roles import permissions_of

_KNOWN = "_countersign_permissions"


class RoleBackend(ModelBackend):
    """Signs in with a password as Django does; permissions come from roles alone, read once for an account object."""

    def get_all_permissions(self, user_obj: User | AnonymousUser, obj: Model | None = None) -> set[str]:
        if not isinstance(user_obj, User) or not user_obj.is_active or obj is not None:
            return set()
        if not hasattr(user_obj, _KNOWN):
            setattr(user_obj, _KNOWN, permissions_of(role_names(user_obj)))
        return set(getattr(user_obj, _KNOWN))

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Model | None = None) -> bool:
        return perm in self.get_all_permissions(user_obj, obj)

    def has_module_perms(self, user_obj: User | AnonymousUser, app_label: str) -> bool:
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))


def role_names(account: User) -> list[str]:
    """The roles of an account, by name."""
    return sorted(account.groups.values_list("name", flat=True))
