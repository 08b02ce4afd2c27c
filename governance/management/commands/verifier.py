"""Writes the two verifiers that a stranger needs: verify.pyz and verify.html, with their SHA-256."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from audits.merkle.canonical import sha256_hex
from audits.standalone import write_verifiers


class Command(BaseCommand):
    help = "Writes verify.pyz and verify.html, which check proof bundles without this service."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", metavar="DIR", type=Path, default=Path(), help="where to write them (here)")

    def handle(self, *args: object, out: Path, **options: object) -> None:
        try:
            for name, data in write_verifiers(out).items():
                self.stdout.write(f"{sha256_hex(data)}  {out / name}")
        except OSError as error:
            raise CommandError(f"{out} cannot be written to: {error.strerror or error}") from None
