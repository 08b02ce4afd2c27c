"""The loop goes on sequencing through everything that passes, and says once what does not."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections

from audits.models import Entry
from audits.trail import loop, sequencer
from audits.trail.keys import signer_state
from tests.audits.trail.occasions import some_user
from tests.database import Database


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_LONGEST", 0.1)


@contextmanager
def running() -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=loop.run_forever, args=[stop])
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_it_sequences_what_comes_within_a_second(database: Database) -> None:
    with running():
        some_user("ann")
        wait_until(lambda: Entry.objects.count() == 1)
        some_user("ben")
        wait_until(lambda: Entry.objects.count() == 2)


def test_it_survives_a_connection_that_is_cut(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with running() as thread:
        some_user("ann")
        wait_until(lambda: Entry.objects.count() == 1)
        with database.superuser() as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND query NOT LIKE '%audits_user%'"
                " AND usename <> session_user"
            )
        connections.close_all()
        some_user("ben")
        wait_until(lambda: Entry.objects.count() == 2)
        assert thread.is_alive()


def test_it_says_once_that_the_trail_is_not_as_signed_and_goes_on_when_it_is_again(
    database: Database, own_directories: Path, caplog: pytest.LogCaptureFixture
) -> None:
    some_user("ann")
    database.sequence()
    note = signer_state().note()
    memory = own_directories / "signer" / "checkpoint"
    memory.unlink()
    some_user("ben")
    with caplog.at_level(logging.WARNING), running():
        wait_until(lambda: "memory of them is gone" in caplog.text)
        time.sleep(0.5)
        memory.write_text(note)
        wait_until(lambda: Entry.objects.count() == 2)
        wait_until(lambda: "at work again" in caplog.text)
    assert caplog.text.count("memory of them is gone") == 1


def test_it_says_once_that_somebody_else_holds_its_lock(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_HELD", 0.3)
    some_user("ann")
    with database.application() as session, caplog.at_level(logging.WARNING):
        session.execute("SELECT pg_advisory_lock(%s)", [sequencer.LOCK])
        with running():
            wait_until(lambda: "has waited" in caplog.text)
            time.sleep(0.5)
            session.execute("SELECT pg_advisory_unlock_all()")
            wait_until(lambda: Entry.objects.count() == 1)
    assert caplog.text.count("has waited") == 1
