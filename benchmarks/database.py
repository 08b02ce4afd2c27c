"""A database of the benchmarks' own on the embedded PostgreSQL: made, migrated, and dropped afterwards."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

from benchmarks.rounds import say

_LOCK = 0x62656E6368  # "bench": one run a data directory.


class Busy(RuntimeError):
    """Another run measures in the same data directory."""


def set_django_up() -> None:
    """Load the benchmarks' settings and models; safe to call again."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    import django

    django.setup()


@contextmanager
def own_database() -> Iterator[None]:
    """A fresh, migrated database with the product's two roles, which Django's connections lead to.

    Raises ``Busy`` where another run is at work. Call :func:`set_django_up` first.
    """
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    from governance.embedded import ensure_running
    from governance.embedded.roles import ensure_database

    say(f"Making a database in {settings.DATA_DIR} ...")
    server = ensure_running(settings.DATA_DIR)
    name = str(settings.DATABASES["default"]["NAME"])
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(**server.params("superuser", "postgres"), autocommit=True) as root:  # type: ignore[arg-type]
        row = root.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        if row != (True,):
            raise Busy(f"Another run measures in {settings.DATA_DIR}: wait until it ends.")
        # A run that was killed leaves its own behind.
        root.execute(drop)
        shutil.rmtree(settings.SIGNER_DIR, ignore_errors=True)
        try:
            ensure_database(root, name)
            with psycopg.connect(**server.params("superuser", name)) as inside:  # type: ignore[arg-type]
                inside.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            call_command("migrate", verbosity=0, interactive=False)
            # The tables of the bench, which refer to those.
            call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
            _lead_stock_to(server.params("application", name))
            yield
        finally:
            connections.close_all()
            root.execute(drop)
            shutil.rmtree(settings.SIGNER_DIR, ignore_errors=True)


def _lead_stock_to(params: Mapping[str, str | int]) -> None:
    """Django's own backend starts no server: it is told where that is."""
    from django.db import connections

    settings = connections.settings["stock"]
    for name in ("host", "port", "user", "password"):
        settings[name.upper()] = str(params.get(name, ""))


def analyze() -> None:
    """Give the planner the statistics that autovacuum would have by now."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
