"""Judges every version anew, with files hashed again; workers do it every hour, an operator after a restore."""

from django.core.management.base import BaseCommand

from audits.trail import Actor
from governance.services.standing import refresh_standings


class Command(BaseCommand):
    help = "Compute the standing of every version anew; every artifact is hashed again."

    def handle(self, *args: object, **options: object) -> None:
        count = refresh_standings(actor=Actor.system("operator", via="command"))
        self.stdout.write(f"{count} versions are judged anew.")
