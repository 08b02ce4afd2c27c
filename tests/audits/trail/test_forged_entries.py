"""The application's role reaches the log through two functions only, and neither takes its word for anything."""

import hashlib
import logging
from pathlib import Path

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


def _acts(session: Connection) -> list[tuple[int, str]]:
    """Where each act stands, oldest first."""
    rows = session.execute("SELECT epoch, xid::text FROM audits_act ORDER BY at").fetchall()
    return [(int(str(epoch)), str(xid)) for epoch, xid in rows]


def _append(session: Connection, first: int, *acts: tuple[int, str]) -> None:
    session.execute(
        "SELECT audits_append(%s, %s::integer[], %s::text[])",
        [first, [epoch for epoch, _ in acts], [xid for _, xid in acts]],
    )


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


def test_an_act_that_is_not_there_cannot_be_appended(database: Database) -> None:
    with database.application() as session, pytest.raises(psycopg.errors.CheckViolation, match="1 of these acts"):
        _append(session, 0, (1, "4711"))


def test_an_entry_has_the_next_index_and_no_other(database: Database) -> None:
    some_user()
    with database.application() as session:
        for first in (1, 7, 2**63 - 1, -1):
            with pytest.raises(psycopg.errors.CheckViolation, match="not the next one"):
                _append(session, first, *_acts(session))


def test_an_act_is_appended_once(database: Database) -> None:
    some_user()
    with database.application() as session:
        (act,) = _acts(session)
        with pytest.raises(psycopg.errors.UniqueViolation):
            _append(session, 0, act, act)
        _append(session, 0, act)
        with pytest.raises(psycopg.errors.UniqueViolation):
            _append(session, 1, act)
    assert database.sequence() == 1
    assert verify().ok


def test_an_act_is_not_appended_by_its_own_transaction(database: Database) -> None:
    with database.application() as session, session.transaction():
        session.execute(OPEN)
        acts = _acts(session)
        with pytest.raises(psycopg.errors.CheckViolation, match="has committed"), session.transaction():
            _append(session, 0, *acts)


def test_two_acts_on_one_row_are_not_appended_in_the_wrong_order(database: Database) -> None:
    user = some_user()
    with some_act():
        User.objects.filter(pk=user.pk).update(is_staff=True)
    with database.application() as session:
        first, second = _acts(session)
        for acts in ((second, first), (second,)):
            with pytest.raises(psycopg.errors.CheckViolation, match="comes after another"):
                _append(session, 0, *acts)
        _append(session, 0, first, second)
    database.sequence()
    assert verify().ok


def test_what_the_application_appends_is_built_from_the_act_and_signed(database: Database) -> None:
    sequencer = database.sequencer()
    sequencer.drain()
    some_user()
    with database.application() as session:
        _append(session, 0, *_acts(session))
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
        _append(session, 1, _acts(session)[1])
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
