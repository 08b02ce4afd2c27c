"""Nobody gets in without a password, and the application's role can only use the owner's tables."""

import os
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from governance.embedded import EmbeddedError, ensure_running, release, stop

NOBODY = 65534


@pytest.fixture(scope="module")
def table(shared) -> Iterator[None]:
    """A table of the owner's with a trigger, which the application may read and write."""
    with psycopg.connect(ensure_running(shared).url("owner"), autocommit=True) as connection:
        connection.execute("CREATE TABLE guarded (n int)")
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'append-only'; END $$"
        )
        connection.execute("CREATE TRIGGER no_update BEFORE UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION refuse()")
        connection.execute("GRANT SELECT, INSERT, UPDATE ON guarded TO countersign_app")
        connection.execute("INSERT INTO guarded VALUES (1)")
    yield
    with psycopg.connect(ensure_running(shared).url("owner"), autocommit=True) as connection:
        connection.execute("DROP TABLE guarded")
        connection.execute("DROP FUNCTION refuse")


@pytest.mark.parametrize("role", ["superuser", "owner", "application"])
@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_or_missing_password_is_refused(shared, role, password, monkeypatch):
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no password supplied"):
        psycopg.connect(**{**ensure_running(shared).params(role), "password": password})


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another OS user")
def test_another_os_user_cannot_reach_the_socket(shared):
    server = ensure_running(shared)
    path = server.socket_dir / f".s.PGSQL.{server.port}"
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
    result = subprocess.run(
        ["/usr/bin/env", "python3", "-c", code],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "No such file or directory" in result.stderr and "Errno" not in result.stderr:
        pytest.skip("no Python that another OS user may run")
    assert "PermissionError" in result.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (n int)",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER TABLE guarded DISABLE TRIGGER ALL",
        "ALTER TABLE guarded DISABLE TRIGGER no_update",
        "ALTER TABLE guarded OWNER TO countersign_app",
        "DROP TRIGGER no_update ON guarded",
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "DROP TABLE guarded",
        "TRUNCATE guarded",
        "SET session_replication_role = replica",
        "SET ROLE countersign_owner",
        "SET SESSION AUTHORIZATION postgres",
        "GRANT countersign_owner TO countersign_app",
        "COPY guarded TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/hostname')",
        "SELECT rolpassword FROM pg_authid",
        "ALTER SYSTEM SET fsync = off",
    ],
)
@pytest.mark.usefixtures("table")
def test_the_application_is_refused(shared, statement):
    with (
        psycopg.connect(ensure_running(shared).url("application"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.usefixtures("table")
def test_the_trigger_holds_for_the_application(shared):
    with psycopg.connect(ensure_running(shared).url("application")) as connection:
        connection.execute("INSERT INTO guarded VALUES (2)")
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute("UPDATE guarded SET n = 3")


def test_the_application_owns_nothing_and_the_owner_is_no_superuser(shared):
    with psycopg.connect(ensure_running(shared).url("superuser")) as connection:
        owned = "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = 'countersign_app'::regrole"
        assert connection.execute(owned).fetchone() == (0,)
        flags = (
            "SELECT bool_or(rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) "
            "FROM pg_roles WHERE rolname LIKE 'countersign%'"
        )
        assert connection.execute(flags).fetchone() == (False,)
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'countersign'"
        assert connection.execute(owner).fetchone() == ("countersign_owner",)


@pytest.mark.parametrize("dbname", ["postgres", "template1"])
@pytest.mark.parametrize("role", ["owner", "application"])
def test_our_roles_reach_no_other_database(shared, role, dbname):
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(ensure_running(shared).url(role, dbname))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("unix_socket_permissions", "0700"),
        ("password_encryption", "scram-sha-256"),
        ("shared_buffers", "128MB"),
        ("max_connections", "100"),
        ("TimeZone", "UTC"),
    ],
)
def test_the_server_is_set(shared, setting, value):
    with psycopg.connect(ensure_running(shared).url("superuser")) as connection:
        assert connection.execute("SELECT current_setting(%s)", (setting,)).fetchone() == (value,)


def test_only_scram_is_accepted_and_timeouts_hold_for_the_application_alone(shared):
    server = ensure_running(shared)
    with psycopg.connect(server.url("superuser")) as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
    timeout = "SELECT current_setting('idle_in_transaction_session_timeout')"
    with psycopg.connect(server.url("application")) as one, psycopg.connect(server.url("owner")) as two:
        assert one.execute(timeout).fetchone() == ("1min",)
        assert two.execute(timeout).fetchone() == ("0",)


def test_a_lost_password_of_the_application_is_replaced(shared):
    ensure_running(shared)
    release(shared)
    path = shared / "secrets" / "postgres-application"
    old = path.read_text()
    path.unlink()
    server = ensure_running(shared)
    assert path.read_text() != old
    with psycopg.connect(server.url("application")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_password_file_that_was_restored_from_elsewhere_becomes_the_password(shared):
    ensure_running(shared)
    stop(shared)
    (shared / "secrets" / "postgres-owner").write_text("another-password-altogether\n")
    with psycopg.connect(ensure_running(shared).url("owner")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_wrong_password_of_the_superuser_is_explained(shared):
    ensure_running(shared)
    release(shared)
    path = shared / "secrets" / "postgres-superuser"
    right = path.read_text()
    try:
        path.write_text("wrong\n")
        with pytest.raises(EmbeddedError, match="restore the folder 'secrets'"):
            ensure_running(shared)
    finally:
        path.write_text(right)
    assert ensure_running(shared).pid


def test_nothing_that_is_shown_or_logged_holds_a_password(shared):
    server = ensure_running(shared)
    log = (shared / "postgresql" / "postgresql.log").read_text()
    for role in ("superuser", "owner", "application"):
        password = str(server.params(role)["password"])
        assert password not in repr(server)
        assert password not in log
