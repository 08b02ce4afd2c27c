"""Lists the classes of retention, their periods, and which acts fall into each. Changes nothing."""

from django.core.management.base import BaseCommand

from audits.trail.kept import what_is_kept


class Command(BaseCommand):
    help = "Lists the classes of retention and what falls into each."

    def handle(self, *args: object, **options: object) -> None:
        for kept in what_is_kept():
            found = kept.retention
            entries = sum(kind.entries for kind in kept.kinds)
            past = sum(kind.past for kind in kept.kinds)
            self.stdout.write(
                f"{found.name}  {found.title}: {found.period}, {entries} entries, {past} past their period"
            )
            self.stdout.write(f"  at least: {found.source}")
            for kind in kept.kinds:
                since = f", since {kind.oldest:%Y-%m-%d}" if kind.oldest else ""
                self.stdout.write(f"  {kind.kind}: {kind.entries} entries{since}, {kind.past} past")
