"""The three database roles and the database: made on the first start, made whole after one that was cut off.

The application's role owns nothing and can create nothing; no table is granted to it here (migrations do).
"""

import base64
import hashlib
import hmac
from typing import LiteralString

import psycopg
from psycopg import sql

from governance.embedded import cluster
from governance.embedded.layout import Layout
from governance.embedded.passwords import ROLE_NAMES, Role, ensure_password, read_password, secret_path
from governance.embedded.postmaster import PidFile

DATABASE = "countersign"
_OWNER = sql.Identifier(ROLE_NAMES["owner"])
_APPLICATION = sql.Identifier(ROLE_NAMES["application"])

Connection = psycopg.Connection[tuple[object, ...]]

_ATTRIBUTES: LiteralString = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"

# For the application alone: a migration or a dump may take as long as it needs.
_TIMEOUTS = {
    "idle_in_transaction_session_timeout": "60s",
    "statement_timeout": "300s",
}


def are_complete(layout: Layout) -> bool:
    """Whether roles, database and password files were all made; says nothing about the server's state now."""
    return layout.ready.exists() and all(secret_path(layout.secrets, role).exists() for role in ROLE_NAMES)


def ensure(layout: Layout, noted: PidFile) -> None:
    """Make what is missing of roles, database and passwords. Call it while holding the starting lock."""
    with cluster.connect_superuser(layout, noted, "postgres") as connection:
        for role in ("owner", "application"):
            _ensure_role(connection, layout, noted, role)
        for name, value in _TIMEOUTS.items():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(_APPLICATION, sql.Identifier(name), sql.Literal(value))
            )
        for other in ("postgres", "template1"):
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(other)))
        ensure_database(connection, DATABASE)
    with cluster.connect_superuser(layout, noted, DATABASE) as connection:
        connection.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(_APPLICATION))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(_APPLICATION))
    layout.ready.touch(mode=0o600)


def ensure_database(connection: Connection, name: str) -> None:
    """Make a database that the owner's role owns and the application's may connect to, nobody else."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                sql.Identifier(name), _OWNER
            )
        )
    restrict_database(connection, name)


def restrict_database(connection: Connection, name: str) -> None:
    """Owner and grants of a database of ours; the same statements again do no harm."""
    database = sql.Identifier(name)
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, _OWNER))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(database, _APPLICATION))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, _APPLICATION))


def _ensure_role(connection: Connection, layout: Layout, noted: PidFile, role: Role) -> None:
    name = sql.Identifier(ROLE_NAMES[role])
    made = ensure_password(layout.secrets, role)
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE_NAMES[role],)).fetchone()
    if known is None:
        connection.execute(sql.SQL("CREATE ROLE {} ").format(name) + sql.SQL(_ATTRIBUTES))
    connection.execute(sql.SQL("ALTER ROLE {} ").format(name) + sql.SQL(_ATTRIBUTES))
    password = read_password(layout.secrets, role)
    if made or known is None or not _stored_matches(connection, role, password):
        # The server gets the verifier, never the password: none can reach its log.
        verifier = connection.pgconn.encrypt_password(
            password.encode(), ROLE_NAMES[role].encode(), b"scram-sha-256"
        ).decode()
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))


def _stored_matches(connection: Connection, role: Role, password: str) -> bool:
    """Whether the cluster's verifier is this password's (RFC 5802, section 3; RFC 7677), offline."""
    row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (ROLE_NAMES[role],)).fetchone()
    try:
        method, parameters, keys = str(row[0] if row else "").split("$")
        iterations, salt = parameters.split(":")
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        stored = base64.b64decode(keys.split(":")[0])
    except ValueError:
        return False
    return method == "SCRAM-SHA-256" and hmac.compare_digest(hashlib.sha256(client_key).digest(), stored)
