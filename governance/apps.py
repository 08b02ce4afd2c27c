"""The top floor: what must be true, and who says so."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"
    verbose_name = "Governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from importlib import import_module

        from audits.trail.guards_registry import expect_functions, expect_trigger
        from governance import receivers  # noqa: F401 - connects the signals
        from governance.services.exporting import offer_lists

        offer_lists()

        # The verification of the trail looks for these as for its own.
        duties = import_module("governance.migrations.0002_separation_of_duties")
        expect_functions(duties.FUNCTION)
        for table in duties.TABLES:
            expect_trigger(table, duties.TRIGGER, duties.DEFINITION.format(table=table))
