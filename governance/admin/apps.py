"""Django's admin with Countersign's own site."""

from importlib import import_module

from django.contrib.admin.apps import AdminConfig


class CountersignAdminConfig(AdminConfig):
    default_site = "governance.admin.site.CountersignAdminSite"

    def ready(self) -> None:
        super().ready()
        # Found by its name, ``governance.admin`` was imported already, for this very class, before any model.
        import_module("governance.admin.registrations")
