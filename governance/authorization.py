"""Who may do what: accounts have roles (groups), roles have permissions (fixtures/roles.json). Nothing else grants.

Being a superuser grants nothing: nobody approves their own work because of a flag.
"""

from django.contrib.auth.backends import ModelBackend

from governance.roles import permissions_of


class RoleBackend(ModelBackend):
    """Signs in with a password as Django does; permissions come from roles alone."""

    def get_all_permissions(self, user_obj, obj=None):  # type: ignore[no-untyped-def]
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_role_permissions"):
            user_obj._role_permissions = permissions_of(role_names(user_obj))
        return set(user_obj._role_permissions)

    def has_perm(self, user_obj, perm, obj=None):  # type: ignore[no-untyped-def]
        return bool(user_obj.is_active) and perm in self.get_all_permissions(user_obj, obj)

    def has_module_perms(self, user_obj, app_label):  # type: ignore[no-untyped-def]
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))


def role_names(account):  # type: ignore[no-untyped-def]
    """The roles of an account, by name."""
    return sorted(account.groups.values_list("name", flat=True))
