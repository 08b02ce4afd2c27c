"""No act waits for another, and a transaction that was left open raises an alarm."""

import logging
import time

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from pytest_django import Settings

from audits.models import Entry
from audits.trail import open_transactions
from audits.trail.open_transactions import Watch, long_transactions
from tests.audits.trail.occasions import OPEN, some_act, some_user
from tests.database import Database


def test_no_act_waits_on_another_that_is_open(database: Database) -> None:
    sequencer = database.sequencer()
    with database.application() as first, first.transaction():
        first.execute(OPEN)
        first.execute("INSERT INTO auth_group (name) VALUES ('open')")
        with connection.cursor() as cursor:
            # Whatever waits for a lock of the first is an error here.
            cursor.execute("SET lock_timeout = '1s'")
        begun = time.monotonic()
        with some_act():
            Group.objects.create(name="other")
        assert sequencer.drain() == 1
        assert time.monotonic() - begun < 1
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
    assert sequencer.drain() == 2


@pytest.mark.parametrize("role", ["application", "owner", "superuser"])
def test_a_transaction_left_open_is_named_and_said_once(
    database: Database,
    role: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.TRAIL_OPEN_SECONDS = 0.5
    monkeypatch.setattr(open_transactions, "_EVERY", 0.0)
    watch = Watch()
    with getattr(database, role)() as session, database.application() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM audits_act")
        with session.transaction():
            session.execute(OPEN)
            some_user()
            database.sequencer().drain()
            with caplog.at_level(logging.WARNING):
                watch.look()
                assert not caplog.records
                time.sleep(0.6)
                watch.look()
                watch.look()
            pid = session.info.backend_pid
            assert [f"session {pid}" in found.whose for found in long_transactions()] == [True]
        assert long_transactions() == []
        watch.look()
    assert [f"session {pid}" in record.message for record in caplog.records] == [True]
    assert database.sequence() == Entry.objects.count() == 2
