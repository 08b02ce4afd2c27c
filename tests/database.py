"""Databases for tests, on real PostgreSQL: one migrated template per run, one clone of it per test.

An act is one transaction and the sequencer reads below the snapshot horizon, so tests commit for real;
nothing here may wrap a test in a transaction, nor leave the triggers out.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from audits.trail.keys import signer_state, signing_key
from audits.trail.sequencer import Sequencer
from governance.embedded import Role, ensure_running

Connection: TypeAlias = "psycopg.Connection[tuple[object, ...]]"

_CHECKOUT = Path(__file__).resolve().parent.parent
# Where the system keeps files in memory, and what must be free there.
_IN_MEMORY, _ROOM = Path("/dev/shm"), 2 << 30  # noqa: S108 - a folder of our own in it, private


def _data_dir() -> Path:
    """In memory where there is room: a database a test, and none need outlive the run. Else in ``var``."""
    try:
        if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
            mark = hashlib.sha256(str(_CHECKOUT).encode()).hexdigest()[:12]
            return _IN_MEMORY / f"countersign-test-{os.getuid()}-{mark}"
    except OSError:
        pass
    return _CHECKOUT / "var" / "test"


DATA_DIR = _data_dir()
# Django's connections, and as whom they connect.
ROLES: dict[str, Role] = {"default": "application", "owner": "owner"}
# Seconds that another process's open transaction may hold the snapshot horizon back before a test gives up.
_PATIENCE = 30.0


class EmbeddedServer:
    """The server that comes with the application, in a data directory for tests."""

    application_role = "countersign_app"

    def __init__(self, data_dir: Path = DATA_DIR) -> None:
        self.data_dir = data_dir

    def prepare(self) -> None:
        """Trade safety for speed, once a run."""
        # Databases for one test each need not survive a power cut; the tests of crashes have servers of their own.
        with psycopg.connect(**self.params("superuser", "postgres"), autocommit=True) as connection:  # type: ignore[arg-type]
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")

    def params(self, role: Role, dbname: str) -> dict[str, str | int]:
        return ensure_running(self.data_dir).params(role, dbname)

    def settings(self, role: Role) -> dict[str, object]:
        """The entry of DATABASES, without its NAME."""
        return {"ENGINE": "governance.embedded.backend", "EMBEDDED": {"data_dir": self.data_dir, "role": role}}


class OwnServer:
    """A server that is named on the command line (``--postgres``), by the URL of a superuser on it."""

    application_role = "countersign_test_application"

    def __init__(self, url: str) -> None:
        self._superuser = conninfo_to_dict(url)
        with psycopg.connect(url, autocommit=True) as connection:
            for role in ("owner", "application"):
                known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [_name(role)]).fetchone()
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN NOSUPERUSER PASSWORD {}").format(
                        sql.SQL("CREATE" if known is None else "ALTER"),
                        sql.Identifier(_name(role)),
                        _PASSWORD,
                    )
                )

    def prepare(self) -> None:
        """Nothing: the server is somebody's own."""

    def params(self, role: Role, dbname: str) -> dict[str, str | int]:
        params: dict[str, str | int] = {k: v for k, v in self._superuser.items() if v is not None}
        params["dbname"] = dbname
        return params if role == "superuser" else {**params, "user": _name(role), "password": _PASSWORD}

    def settings(self, role: Role) -> dict[str, object]:
        """The entry of DATABASES, without its NAME."""
        params = self.params(role, "")
        return {
            "ENGINE": "audits.postgres",
            **{name.upper(): str(params.get(name, "")) for name in ("host", "port", "user", "password")},
        }


_PASSWORD = "for tests only"


def _name(role: str) -> str:
    return f"countersign_test_{role}"


class Cluster:
    """Databases on one server, which all runs on this machine may share: names begin with the process id."""

    def __init__(self, server: "EmbeddedServer | OwnServer") -> None:
        self.server = server
        self._prefix = f"test_{os.getpid()}"
        self._count = 0

    @property
    def template(self) -> str:
        return f"{self._prefix}_template"

    def connect(self, role: Role, dbname: str) -> Connection:
        """A psycopg connection in autocommit mode."""
        return psycopg.connect(**self.server.params(role, dbname), autocommit=True)  # type: ignore[arg-type]

    def make_template(self, *, durable: bool = False) -> None:
        """Migrate an empty database as its owner, the way an installation does."""
        if not durable:
            self.server.prepare()
        with self.connect("superuser", "postgres") as server:
            self._sweep(server)
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(self.template))
            )
            self._restrict(server, self.template)
        with self.connect("superuser", self.template) as own:
            own.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        with django_uses(self.template):
            call_command("migrate", verbosity=0)

    def clone(self, *, source: str | None = None) -> str:
        """A copy of the template, or of another database that nobody is connected to; its name."""
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        with self.connect("superuser", "postgres") as server:
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG").format(
                    sql.Identifier(name), sql.Identifier(source or self.template)
                )
            )
            self._restrict(server, name)
        return name

    def _restrict(self, server: Connection, name: str) -> None:
        """As governance.embedded.roles does for the real database."""
        database, owner = sql.Identifier(name), sql.Identifier(str(self.server.params("owner", name)["user"]))
        server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
        server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        role = sql.Identifier(self.server.application_role)
        server.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role))

    def drop(self, name: str) -> None:
        with self.connect("superuser", "postgres") as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _sweep(self, server: Connection) -> None:
        """Drop what runs that were killed left behind."""
        rows = server.execute(r"SELECT datname FROM pg_database WHERE datname ~ '^test_\d+_'").fetchall()
        for (name,) in rows:
            if not Path(f"/proc/{str(name).split('_')[1]}").exists() or str(name).startswith(f"{self._prefix}_"):
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name))))


@contextmanager
def django_uses(name: str) -> Iterator[None]:
    """Point Django's two aliases at a database, in this thread and in those started meanwhile."""
    before = {alias: connections.settings[alias]["NAME"] for alias in ROLES}
    try:
        _point(dict.fromkeys(before, name))
        yield
    finally:
        _point(before)


def _point(names: dict[str, str]) -> None:
    connections.close_all()
    for alias, name in names.items():
        connections.settings[alias]["NAME"] = name
        assert connections[alias].settings_dict is connections.settings[alias]
    ContentType.objects.clear_cache()


@dataclass(frozen=True, kw_only=True)
class Database:
    """One test's own database; Django's connections lead to it."""

    name: str
    cluster: Cluster

    def superuser(self) -> Connection:
        """A connection that may do anything: for attacks. In autocommit mode."""
        return self.cluster.connect("superuser", self.name)

    def owner(self) -> Connection:
        """A connection as the role that owns the tables. In autocommit mode."""
        return self.cluster.connect("owner", self.name)

    def application(self) -> Connection:
        """A connection as the application's role, past Django. In autocommit mode."""
        return self.cluster.connect("application", self.name)

    def sequencer(self) -> Sequencer:
        return Sequencer(key=signing_key(), state=signer_state())

    def sequence(self) -> int:
        """Sequence every committed act; the size of the log afterwards.

        Another run on the same server may hold the snapshot horizon back for a moment: then this waits.
        """
        sequencer = self.sequencer()
        deadline = time.monotonic() + _PATIENCE
        while True:
            size = sequencer.drain()
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM audits_act")
                (acts,) = cursor.fetchone()
            if size >= acts:
                return size
            if time.monotonic() > deadline:
                raise TimeoutError(f"{acts - size} acts stay above the snapshot horizon")
            time.sleep(0.02)
