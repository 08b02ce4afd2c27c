"""The ground floor: what was recorded, measured and printed."""

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditsConfig(AppConfig):
    name = "audits"
    verbose_name = "Audit trail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth import user_logged_in
        from django.contrib.auth.models import update_last_login

        from audits.models import Entry
        from audits.trail import archive, checks, installation, migrating  # noqa: F401 - registers the system checks
        from audits.trail.guards_registry import expect_trigger

        for name, definition in import_module("audits.migrations.0007_erasure").DISCLOSURE_TRIGGERS.items():
            expect_trigger("audits_disclosure", name, definition)
        expect_trigger("audits_disclosure", "audits_forget", import_module("audits.migrations.0006_search").TRIGGER)

        Entry.recover = staticmethod(archive.recover)
        # Django would write last_login outside any act; sign-ins are recorded as acts instead.
        user_logged_in.disconnect(update_last_login, dispatch_uid="update_last_login")
        post_migrate.connect(installation.after_migrate, dispatch_uid="audits.trail.installation")
