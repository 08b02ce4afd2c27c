"""Writes whole segments of the trail to files; with ``--release`` those past their retention leave the database.

Runs as the owner of the tables. Safe to stop at any point and to run again.
"""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audits.errors import DomainError
from audits.merkle.segments import MOST
from audits.services.archiving import ArchivedSegment, archive
from audits.trail import Actor


class Command(BaseCommand):
    help = "Writes segments of the trail to files; with --release, those past their retention leave the database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--entries", type=int, default=MOST, help=f"entries a segment, a multiple of 256, at most {MOST}"
        )
        parser.add_argument(
            "--release", action="store_true", help="take entries past their retention out of the database"
        )
        parser.add_argument("--reason", default="", help="why they are released; goes into the trail")

    def handle(self, *args: object, **options: object) -> None:
        if "owner" not in settings.DATABASES:
            raise CommandError("This runs as the owner of the tables: set DATABASE_OWNER_URL.")
        try:
            found = archive(
                actor=Actor.system("archive", via="command"),
                entries=int(str(options["entries"])),
                release=bool(options["release"]),
                reason=str(options["reason"]),
                each=self._tell,
            )
        except DomainError as error:
            raise CommandError(error.message) from None
        if not found:
            self.stdout.write(
                "No whole segment waits: entries are archived once a signed checkpoint covers enough of them."
            )

    def _tell(self, segment: ArchivedSegment) -> None:
        done = "written" if segment.written else "there already"
        self.stdout.write(f"{segment.path}  entries {segment.first} to {segment.last}: {done}")
        if segment.released:
            self.stdout.write("  released: the database keeps their leaf hashes, the file everything else")
        else:
            self.stdout.write(f"  in the database as well, at least until {segment.held:%Y-%m-%d}")
