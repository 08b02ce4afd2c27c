"""Prints the trail's public key in one line, as it is given to those who verify bundles."""

from django.core.management.base import BaseCommand, CommandError

from audits.errors import DomainError
from audits.trail.keys import verifying_key


class Command(BaseCommand):
    help = "Prints the public key that checkpoints are signed with (C2SP signed-note verifier key)."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        try:
            self.stdout.write(verifying_key().vkey)
        except DomainError as error:
            raise CommandError(error.message) from None
