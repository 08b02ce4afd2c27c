"""Writes a proof bundle of any selection of the trail to a file; that is an act, by the operator."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from audits.errors import DomainError
from audits.serializers.bundles import BundleRequest
from audits.services.bundles import export_selection
from audits.standalone import write_verifiers
from audits.trail import Actor
from governance.services.selections import held_in, selection_of

_ASKED = ("subject", "table", "key", "model", "control", "from", "to", "held", "reason")


class Command(BaseCommand):
    help = "Writes the proof bundle of an object, a model, a control or a period."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name, field in BundleRequest().get_fields().items():
            parser.add_argument(f"--{name}", dest=name, help=str(field.help_text))
        parser.add_argument("--out", type=Path, default=Path("bundle.json"), help="the file (bundle.json)")
        parser.add_argument("--verifiers", action="store_true", help="write verify.pyz and verify.html beside it")

    def handle(self, *args: object, out: Path, verifiers: bool, **options: object) -> None:
        asked = BundleRequest(data={name: options[name] for name in _ASKED if options[name] is not None})
        if not asked.is_valid():
            said = "; ".join(f"{name}: {' '.join(map(str, why))}" for name, why in asked.errors.items())
            raise CommandError(said)
        values = asked.validated_data
        if not out.parent.is_dir():
            raise CommandError(f"There is no folder {out.parent}: make it first.")
        try:
            data = export_selection(
                actor=Actor.system("operator", via="command"),
                selection=selection_of(values),
                reason=values.get("reason", ""),
                held=held_in(values),
            )
            out.write_bytes(data)
            if verifiers:
                write_verifiers(out.parent)
        except DomainError as error:
            raise CommandError(error.message) from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror or error}") from None
        self.stdout.write(f"{out}: {len(data)} bytes")
