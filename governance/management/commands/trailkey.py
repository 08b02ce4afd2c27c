"""Prints the trail's public key in one line, as it is given to those who verify bundles; or rotates the key."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.merkle.notes import VerifyingKey
from audits.trail import Actor
from audits.trail.keys import retired_keys, verifying_key
from audits.trail.rotation import rotate


class Command(BaseCommand):
    help = (
        "Prints the public key that checkpoints are signed with (C2SP signed-note verifier key). `retired` prints the "
        "keys that signed before, each with its last size; `rotate` retires the present key and takes up a new one."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", nargs="?", choices=["show", "retired", "rotate"], default="show")
        parser.add_argument("--reason", default="", help="why the key is rotated, for the trail")
        parser.add_argument(
            "--to", metavar="VKEY", help="rotate to this key, which you give to the processes afterwards (setting, KMS)"
        )

    def handle(self, *args: object, **options: object) -> None:
        try:
            if options["verb"] == "rotate":
                self._rotate(str(options["reason"]), options["to"])
            elif options["verb"] == "retired":
                for retired in retired_keys():
                    self.stdout.write(retired.line)
            else:
                self.stdout.write(verifying_key().vkey)
        except DomainError as error:
            raise CommandError(error.message) from None

    def _rotate(self, reason: str, to: object) -> None:
        try:
            successor = None if to is None else VerifyingKey.parse(str(to))
        except VerificationError as error:
            raise CommandError(f"--to takes a verifier key, name+id+key: {error.message}.") from None
        done = rotate(actor=Actor.system("trailkey", via="command"), reason=reason, successor=successor)
        self.stdout.write(f"Retired, good up to its last size: {done.retired.line}")
        self.stdout.write(f"The key of the log is now:         {done.new.vkey}")
        if done.waits:
            self.stdout.write(
                "Nothing is signed until the workers have the new key: set COUNTERSIGN_TRAIL_KEY or "
                "COUNTERSIGN_TRAIL_KMS and start them again. Processes that do not share COUNTERSIGN_SIGNER_DIR need "
                "the retired line in COUNTERSIGN_TRAIL_RETIRED_KEYS."
            )
        self.stdout.write("Publish the new key where the old one was published; keep both.")
