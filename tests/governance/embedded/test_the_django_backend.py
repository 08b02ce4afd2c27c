"""Django's connections find their server, follow it through a restart, and stay in their role."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import ConnectionHandler, OperationalError

from governance.embedded import ensure_running, status


@pytest.fixture
def connect(shared, django_db_blocker) -> Iterator[Callable[..., Any]]:
    """Makes connections that are configured as settings.py would, outside pytest-django's own database."""
    made: list[Any] = []

    def connection(role: str, **settings: Any) -> Any:
        entry = {
            "ENGINE": "governance.embedded.backend",
            "NAME": "countersign",
            "EMBEDDED": {"data_dir": shared, "role": role},
            **settings,
        }
        made.append(ConnectionHandler({"default": entry})["default"])
        return made[-1]

    with django_db_blocker.unblock():
        yield connection
        for one in made:
            one.close()
            one.close_pool()


def user_of(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


def kill_server(data_dir: Path) -> int:
    pid = ensure_running(data_dir).pid
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/cwd").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return pid


@pytest.mark.parametrize(
    ("role", "user"),
    [("application", "countersign_app"), ("owner", "countersign_owner"), ("superuser", "postgres")],
)
def test_each_role_signs_in_as_itself(connect, role, user):
    assert user_of(connect(role)) == user


def test_the_options_may_also_lie_in_OPTIONS(connect, shared):
    options = {"embedded": {"data_dir": shared, "role": "owner"}}
    assert user_of(connect("application", EMBEDDED={}, OPTIONS=options)) == "countersign_owner"


def test_nothing_in_OPTIONS_leads_elsewhere(connect):
    options = {"host": "/elsewhere", "user": "postgres", "port": 1}
    assert user_of(connect("application", OPTIONS=options)) == "countersign_app"


def test_a_new_connection_brings_a_killed_server_back(connect, shared):
    connection = connect("application")
    assert user_of(connection) == "countersign_app"
    killed = kill_server(shared)
    connection.close()
    assert user_of(connection) == "countersign_app"
    assert status(shared).pid != killed


def test_the_pool_is_opened_anew_after_a_restart(connect, shared):
    connection = connect("application", OPTIONS={"pool": {"min_size": 1, "max_size": 2, "timeout": 10}})
    assert user_of(connection) == "countersign_app"
    pool = connection.pool
    kill_server(shared)
    connection.close()
    assert user_of(connection) == "countersign_app"
    assert connection.pool is not pool


def test_a_refusal_by_a_living_server_is_passed_on_at_once(connect, shared):
    before = ensure_running(shared)
    with pytest.raises(OperationalError, match="does not exist"):
        connect("superuser", NAME="no_such_database").ensure_connection()
    assert ensure_running(shared) == before


@pytest.mark.parametrize("embedded", [{}, {"role": "application"}, {"data_dir": "x", "role": "root"}])
def test_a_configuration_without_directory_or_with_an_unknown_role_is_refused(connect, embedded):
    with pytest.raises(ImproperlyConfigured, match="data_dir"):
        connect("application", EMBEDDED=embedded).ensure_connection()


def test_a_test_database_belongs_to_the_owner_and_is_closed_to_others(connect):
    connection = connect("application", OPTIONS={"pool": True})
    connection.ensure_connection()  # Opens the pool on the real database first.
    creation = connection.creation
    with connection._nodb_cursor() as cursor:
        name = creation._get_test_db_name()
        creation._execute_create_test_db(cursor, {"dbname": f'"{name}"', "suffix": ""})
        try:
            cursor.execute(
                "SELECT pg_get_userbyid(datdba), has_database_privilege('countersign_app', datname, 'TEMP'),"
                " has_database_privilege('countersign_app', datname, 'CONNECT')"
                " FROM pg_database WHERE datname = %s",
                [name],
            )
            assert cursor.fetchone() == ("countersign_owner", False, True)
            connection.close()
            connection.settings_dict["NAME"] = name
            with connection.cursor() as other:
                other.execute("SELECT current_database()")
                assert other.fetchone() == (name,)
            connection.close()
            connection.close_pool()
        finally:
            cursor.execute(f'DROP DATABASE "{name}"')


def test_dbshell_uses_the_psql_of_the_wheel_and_keeps_the_password_off_the_command_line(connect, shared):
    connection = connect("owner")
    args, env = connection.client.settings_to_cmd_args_env(connection.settings_dict, ["-c", "SELECT 1"])
    password = str(ensure_running(shared).params("owner")["password"])
    assert Path(args[0]).name == "psql"
    assert Path(args[0]).is_file()
    assert env == {"PGPASSWORD": password}
    assert password not in " ".join(args)
