"""The middle floor: what exists, and what happens to it."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from registry.services.exporting import offer_lists

        offer_lists()
