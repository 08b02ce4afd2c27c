"""Adds what is new in the trail to a file of newline JSON or OCSF events, for a SIEM that reads files."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from audits.errors import DomainError
from audits.services.feeding import append_feed
from audits.trail import Actor
from audits.trail.feed import FORMATS


class Command(BaseCommand):
    help = "Adds the entries after the last whole line of a file to it; run it as often as you like."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", required=True, type=Path, help="the file, made where it is not there")
        parser.add_argument("--format", choices=sorted(FORMATS), default="ndjson")

    def handle(self, *args: object, **options: object) -> None:
        path = Path(str(options["file"]))
        try:
            done = append_feed(actor=Actor.system("feed", via="command"), path=path, form=str(options["format"]))
        except DomainError as error:
            raise CommandError(error.message) from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        mended = f" ({done.mended} bytes of a line that was cut off taken away first)" if done.mended else ""
        self.stdout.write(f"{path}: {done.lines} lines added, up to entry {done.last}{mended}")
