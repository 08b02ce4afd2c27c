"""Brings the database to where people can work: migrations, roles, environments, checklist and policy."""

from django.core.management import call_command
from django.core.management.base import BaseCommand

from audits.trail import Actor
from governance.services.setup import set_up


class Command(BaseCommand):
    help = "Migrate and load the data that Countersign starts with. Safe to run again."

    def handle(self, *args: object, **options: object) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        set_up(actor=Actor.system("setup", via="command"))
        self.stdout.write("The database is ready.")
