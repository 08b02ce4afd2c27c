"""The application's role reaches the log through two functions only, and neither takes its word for anything."""

import hashlib
import logging
import threading
from pathlib import Path

import django.db
import psycopg
import pytest
from django.db import connection

from audits.merkle.checkpoints import open_checkpoint
from audits.models import Checkpoint, Entry, User
from audits.trail.keys import signer_state, verifying_key
from audits.trail.log import latest_checkpoint, pending_acts
from audits.trail.signer_state import TrailAlarm
from audits.trail.verification import verify
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import OPEN, some_act, some_user
from tests.database import Connection, Database

ENTRY = "INSERT INTO audits_entry VALUES (%s, 1, '999', gen_random_uuid(), 'a.b.c', 'user:2', 'x', now(), %s, %s)"
CHECKPOINT = "INSERT INTO audits_checkpoint VALUES (%s, repeat('0', 32)::bytea, 'junk')"


def _append(session: Connection, at_most: int = 10) -> int:
    """The number of entries that the application's role could append."""
    row = session.execute("SELECT length(leaves) / 32 FROM audits_append(%s)", [at_most]).fetchone()
    assert row is not None
    return int(str(row[0]))


@pytest.mark.parametrize("index", [0, 5, 2**63 - 1])
def test_a_forged_entry_cannot_be_inserted(database: Database, index: int) -> None:
    body = b'{"act":{"actor":"user:2"}}'
    with database.application() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(ENTRY, [index, body, hashlib.sha256(b"\0" + body).digest()])
    some_user()
    assert database.sequence() == 1
    assert verify().ok


@pytest.mark.parametrize("size", [0, 10**15])
def test_a_junk_checkpoint_cannot_be_inserted(database: Database, size: int) -> None:
    with database.application() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(CHECKPOINT, [size])


def test_the_application_has_no_say_in_which_acts_become_entries(database: Database) -> None:
    some_user()
    with database.application() as session:
        for given in ("0, ARRAY[1], ARRAY['4711']", "ARRAY['4711']", "0, 1"):
            with pytest.raises(psycopg.errors.UndefinedFunction):
                session.execute(f"SELECT audits_append({given})")
        for count in (0, -1, 10_001, None):
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                session.execute("SELECT audits_append(%s)", [count])
        assert _append(session) == 1
        assert _append(session) == 0
    assert database.sequence() == 1
    assert verify().ok


@pytest.mark.parametrize("statement", ["UPDATE audits_progress SET epoch = 0", "DELETE FROM audits_queue"])
def test_the_application_cannot_touch_how_far_the_log_has_come(database: Database, statement: str) -> None:
    with database.application() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(statement)


def test_an_act_is_appended_once_also_by_two_at_a_time(database: Database) -> None:
    for name in ("ann", "ben", "cho"):
        some_user(name)
    found: list[int] = []
    with database.application() as one, database.application() as other:
        with one.transaction():
            assert _append(one, 2) == 2
            waiting = threading.Thread(target=lambda: found.append(_append(other, 2)))
            waiting.start()
            waiting.join(0.3)
            assert waiting.is_alive()
        waiting.join(20)
        assert found == [1]
        assert _append(one, 2) == 0
    assert database.sequence() == 3
    assert verify().ok


def test_an_act_is_not_appended_by_its_own_transaction_and_not_forgotten(database: Database) -> None:
    some_user("ann")
    with database.application() as session:
        with session.transaction():
            session.execute(OPEN)
            session.execute("INSERT INTO auth_group (name) VALUES ('mine')")
            assert _append(session) == 1
            session.execute("INSERT INTO auth_group (name) VALUES ('mine too')")
        with session.transaction():
            # Here it comes after: its transaction has a number already, its act is yet to come.
            session.execute("SELECT pg_current_xact_id()")
            some_user("ben")
            assert _append(session) == 2
            session.execute(OPEN)
            session.execute("INSERT INTO auth_group (name) VALUES ('and this')")
    assert database.sequence() == 4
    assert verify().ok


def test_an_old_view_of_the_log_appends_nothing(database: Database) -> None:
    some_user("ann")
    with database.application() as session:
        for level in ("REPEATABLE READ", "SERIALIZABLE"):
            session.execute(f"BEGIN ISOLATION LEVEL {level}")
            with pytest.raises(psycopg.errors.ActiveSqlTransaction, match="read committed"):
                _append(session)
            session.execute("ROLLBACK")


@pytest.mark.parametrize("at_most", [1, 2, 10])
def test_two_acts_on_one_row_are_appended_in_their_order_however_many_at_a_time(
    database: Database, at_most: int
) -> None:
    user = some_user()
    with database.application() as slow, slow.transaction():
        slow.execute(OPEN)
        with some_act():
            User.objects.filter(pk=user.pk).update(is_staff=True)
        slow.execute("UPDATE audits_user SET is_staff = false")
    with database.application() as session:
        while _append(session, at_most):
            pass
    assert [entry.kind for entry in Entry.objects.order_by("index")][2] == "tests.thing.done"
    database.sequence()
    assert verify().ok


def test_acts_that_the_progress_was_set_past_are_found_and_come_in_when_it_is_set_back(database: Database) -> None:
    some_user("ann")
    database.sequence()
    some_user("ben")
    with database.superuser() as superuser:
        superuser.execute("UPDATE audits_progress SET beyond = '1000000000000'")
        assert database.sequencer().drain() == 1
        assert {finding.code for step in verify().steps for finding in step.findings} == {"act_skipped"}
        superuser.execute("UPDATE audits_progress SET epoch = 0, beyond = '0', running = '{}'")
        assert database.sequence() == 2
        assert verify().ok
        superuser.execute("DELETE FROM audits_progress")
        with pytest.raises(django.db.Error, match="audits_progress is gone"):
            database.sequencer().run()


def test_what_the_application_appends_is_built_from_the_act_and_signed(database: Database) -> None:
    sequencer = database.sequencer()
    sequencer.drain()
    some_user()
    with database.application() as session:
        assert _append(session) == 1
    some_user("ben")
    assert sequencer.drain() == 2
    assert verify().ok
    assert Entry.objects.get(index=0).kind == "governance.roles.assigned"


def test_a_checkpoint_is_kept_of_the_whole_log_only(database: Database) -> None:
    some_user()
    database.sequence()
    with database.application() as session:
        for size in (0, 2, 10**15):
            with pytest.raises(psycopg.errors.CheckViolation, match="whole log"):
                session.execute("SELECT audits_keep_checkpoint(%s, repeat('0', 32)::bytea, 'junk')", [size])


def test_a_junk_checkpoint_neither_stops_the_sequencer_nor_is_given_out(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    some_user("ann")
    database.sequence()
    some_user("ben")
    with database.application() as session:
        assert _append(session) == 1
        session.execute("SELECT audits_keep_checkpoint(2, repeat('0', 32)::bytea, 'junk')")
    newest = latest_checkpoint()
    assert newest is not None
    assert newest.size == 1
    assert pending_acts() == 1
    with caplog.at_level(logging.ERROR):
        assert database.sequence() == 2
    assert "Somebody else has kept a checkpoint of 2 entries" in caplog.text
    some_user("cho")
    assert database.sequence() == 3
    newest = latest_checkpoint()
    assert newest is not None
    assert open_checkpoint(newest.note, verifying_key()).size == newest.size == 3
    assert signer_state().note() == newest.note
    assert {finding.code for step in verify().steps for finding in step.findings} == {"bad_signature"}


def test_junk_before_the_first_checkpoint_does_not_pass_for_a_forgotten_signer(database: Database) -> None:
    with database.application() as session:
        session.execute("SELECT audits_keep_checkpoint(0, repeat('0', 32)::bytea, 'junk')")
    assert latest_checkpoint() is None
    some_user()
    assert database.sequence() == 1


def test_an_act_that_cannot_be_an_entry_is_named_after_those_before_it_are_signed(database: Database) -> None:
    some_user("ann")
    some_user("ben")
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_change"):
        # Two texts of 600 MB: together more than one value of PostgreSQL can be.
        superuser.execute(
            "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff)"
            " SELECT epoch, xid, 't', 'I', '1', repeat('x', 600000000) FROM"
            " (SELECT * FROM audits_act ORDER BY at DESC LIMIT 1) a, generate_series(1, 2)"
        )
    (_, (epoch, xid)) = _places()
    sequencer = database.sequencer()
    with pytest.raises(TrailAlarm, match=f"{epoch}:{xid} cannot become an entry") as alarm:
        sequencer.drain()
    assert alarm.value.code == "unbuildable"
    assert Checkpoint.objects.order_by("-size")[0].size == 1


def _places() -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT epoch, xid::text FROM audits_act ORDER BY at")
        return list(cursor.fetchall())


def test_an_index_at_the_end_of_all_numbers_is_a_finding_and_no_traceback(database: Database) -> None:
    some_user()
    database.sequence()
    with database.superuser() as superuser:
        superuser.execute(ENTRY, [2**63 - 1, b"x", b"0" * 32])
    assert not verify().ok
    with pytest.raises(TrailAlarm, match="holes"):
        database.sequencer().run()


def test_the_signers_memory_is_for_its_owner_only(database: Database, own_directories: Path) -> None:
    database.sequence()
    assert (own_directories / "signer" / "checkpoint").stat().st_mode & 0o777 == 0o600
