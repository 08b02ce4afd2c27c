"""Brings the database to where people can work: migrations, roles, environments, checklist and policy."""

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from audits.trail import Actor
from governance.services.setup import set_up


class Command(BaseCommand):
    help = "Migrate and load the data that Countersign starts with. Safe to run again."

    def handle(self, *args: object, **options: object) -> None:
        if "owner" in settings.DATABASES:
            call_command("migrate", verbosity=0, interactive=False)
        elif MigrationExecutor(connection).migration_plan(MigrationExecutor(connection).loader.graph.leaf_nodes()):
            raise CommandError("The tables are older than this release: run setup with DATABASE_OWNER_URL set, once.")
        set_up(actor=Actor.system("setup", via="command"))
        self.stdout.write("The database is ready.")
