"""Runs a witness for the logs of others; no database takes part."""

from argparse import ArgumentParser, Namespace

from django.core.management.base import BaseCommand, CommandError

from governance.witness.command import add_arguments, run
from governance.witness.errors import WitnessError


class Command(BaseCommand):
    help = "Cosign the checkpoints of other organizations' logs (c2sp.org/tlog-witness). See docs/witness.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: object, **options: object) -> None:
        try:
            run(Namespace(**options))
        except WitnessError as error:
            raise CommandError(str(error)) from None
