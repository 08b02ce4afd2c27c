"""Attacks that take more than one step, told as they would go, each with who can do it and what finds it."""

from pathlib import Path

import pytest
from django.db import DatabaseError, connections, transaction

from audits.merkle.bundles import verify_bundle
from audits.merkle.errors import VerificationError
from audits.trail.keys import signer_state, signing_key, verifying_key
from audits.trail.log import bundle_of
from audits.trail.signer_state import TrailAlarm
from audits.trail.verification import verify
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import some_user
from tests.database import Connection, Database, django_uses


def findings() -> set[tuple[str, str, str]]:
    """Table, key and field of everything that the verification finds."""
    return {(found.table, found.key, found.field) for step in verify().steps for found in step.findings}


def codes() -> set[str]:
    return {found.code for step in verify().steps for found in step.findings}


def swap(superuser: Connection, table: str, key: str, one: str, other: str, columns: str) -> None:
    """Exchange columns between two rows."""
    with Attacker(superuser).unguarded(table):
        superuser.execute(
            f'UPDATE "{table}" t SET ({columns}) = (SELECT {columns} FROM "{table}" o WHERE o."{key}"::text ='
            f' CASE t."{key}"::text WHEN %(one)s THEN %(other)s ELSE %(one)s END)'
            f' WHERE t."{key}"::text IN (%(one)s, %(other)s)',
            {"one": one, "other": other},
        )


def test_rows_of_a_governed_table_swapped_between_two_keys_are_found(database: Database) -> None:
    ann, ben = some_user("ann"), some_user("ben")
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        # Unique names: by way of a third.
        superuser.execute("UPDATE audits_user SET username = 'cho' WHERE username = 'ann'")
        superuser.execute("UPDATE audits_user SET username = 'ann' WHERE username = 'ben'")
        superuser.execute("UPDATE audits_user SET username = 'ben' WHERE username = 'cho'")
    assert findings() == {("audits_user", str(user.pk), "username") for user in (ann, ben)}


def test_acts_swapped_between_two_subjects_are_found(database: Database) -> None:
    some_user("ann")
    some_user("ben", first_name="Ben")
    with database.superuser() as superuser:
        superuser.execute("SELECT audits_open_act('tests.thing.done', 'user:1', 'sql', 'test:other', '', '{}')")
        database.sequence()
        rows = superuser.execute("SELECT id::text, subject FROM audits_act ORDER BY subject DESC LIMIT 2").fetchall()
        other = superuser.execute("SELECT id::text FROM audits_act WHERE subject = 'test:other'").fetchone()
        assert other is not None
        one = next(key for key, subject in rows if subject != "test:other")
        swap(superuser, "audits_act", "id", str(one), str(other[0]), "subject, kind")
    assert {key for table, key, field in findings() if (table, field) == ("audits_act", "subject")} == {one, other[0]}


def test_entries_swapped_with_their_leaves_are_found(database: Database) -> None:
    some_user("ann")
    some_user("ben")
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        for before, after in ((0, -1), (1, 0), (-1, 1)):
            superuser.execute("UPDATE audits_entry SET index = %s WHERE index = %s", [after, before])
    assert "root" in codes()
    some_user("cho")
    with pytest.raises(TrailAlarm):
        database.sequencer().run()


def test_the_application_can_neither_date_an_act_nor_choose_its_id(database: Database) -> None:
    with database.application() as application:
        for column, value in (("at", "now() - interval '1 day'"), ("id", "gen_random_uuid()")):
            with pytest.raises(Exception, match="permission denied"):
                application.execute(
                    f"INSERT INTO audits_act (epoch, xid, {column}, kind, actor, via, role, subject, reason, data)"
                    f" VALUES (1, pg_current_xact_id(), {value}, 'a.b.c', 'user:1', '', '', 'x', '', '{{}}')"
                )


def test_newest_entries_cut_off_with_all_that_belongs_to_them_are_missed(database: Database) -> None:
    some_user("ann")
    database.sequence()
    some_user("eve")
    database.sequence()
    with database.superuser() as superuser:
        attacker = Attacker(superuser)
        for table, rows in (
            ("audits_checkpoint", "size = 2"),
            ("audits_entry", "index = 1"),
            ("audits_change", "xid = (SELECT max(xid::text)::xid8 FROM audits_act)"),
            ("audits_disclosure", "true"),
            ("audits_act", "xid = (SELECT max(xid::text)::xid8 FROM audits_act)"),
            ("audits_user", "username = 'eve'"),
        ):
            with attacker.unguarded(table):
                superuser.execute(f"DELETE FROM {table} WHERE {rows}")
    assert "rolled_back" in codes()
    with pytest.raises(TrailAlarm) as alarm:
        database.sequencer().run()
    assert alarm.value.code == "rolled_back"


def test_a_fork_shown_to_a_second_auditor_is_found_when_the_two_compare(
    database: Database, own_directories: Path
) -> None:
    some_user("ann")
    database.sequence()
    connections.close_all()
    fork, memory = database.cluster.clone(source=database.name), signer_state().note()
    some_user("ben")
    size = database.sequence()
    first_auditor = signer_state().note()
    # A host with the key sets the signer's memory back and goes on from the copy.
    (own_directories / "signer" / "checkpoint").write_text(memory)
    with django_uses(fork):
        some_user("eve")
        assert database.sequence() == size
        assert verify().ok, "by itself each branch looks right"
        second_auditor = bundle_of([0, 1])
        verify_bundle(second_auditor, trusted_key=verifying_key())
        with pytest.raises(VerificationError) as error:
            verify_bundle(second_auditor, trusted_key=verifying_key(), outside_checkpoint=first_auditor)
        assert error.value.step == "outside"
        assert not verify(outside_checkpoint=first_auditor).ok
    database.cluster.drop(fork)


def test_an_old_checkpoint_shown_again_does_not_pass_for_the_newest(database: Database) -> None:
    some_user("ann")
    database.sequence()
    replayed = bundle_of([0])
    some_user("ben")
    database.sequence()
    kept = signer_state().note()
    with pytest.raises(VerificationError, match="consistency") as error:
        verify_bundle(replayed, trusted_key=verifying_key(), outside_checkpoint=kept)
    assert error.value.step == "outside"


def test_a_replaced_key_signs_nothing_and_is_found(database: Database, own_directories: Path) -> None:
    some_user("ann")
    database.sequence()
    before = verifying_key()
    bundle = bundle_of([0])
    (own_directories / "keys" / "trail.pem").unlink()
    memory = own_directories / "signer" / "checkpoint"
    kept = memory.read_text()
    memory.unlink()
    signing_key()  # The host makes another key,
    memory.write_text(kept)
    some_user("ben")
    with pytest.raises(TrailAlarm) as alarm:
        database.sequencer().run()  # which does not get past the signer's memory,
    assert alarm.value.code == "signer_state"
    assert {"signer_state", "bad_signature"} <= codes()
    memory.unlink()
    with pytest.raises(VerificationError):  # nor past whoever knows the old one.
        verify_bundle(bundle, trusted_key=verifying_key())
    verify_bundle(bundle, trusted_key=before)


def test_the_database_refuses_the_application_whatever_it_tries(database: Database, subtests: pytest.Subtests) -> None:
    some_user("ann")
    for attempt in (
        "UPDATE audits_user SET is_staff = true",
        "DELETE FROM audits_user",
        "TRUNCATE audits_user CASCADE",
        "UPDATE audits_entry SET kind = kind",
        "DELETE FROM audits_change",
        "INSERT INTO audits_checkpoint (size, root, note) VALUES (9, sha256(''), '')",
        "ALTER TABLE audits_user DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TRIGGER audits_u ON audits_user",
        "CREATE OR REPLACE FUNCTION audits_require_act(text) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE countersign_owner",
    ):
        with (
            subtests.test(attempt=attempt),
            pytest.raises(DatabaseError),
            transaction.atomic(),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute(attempt)


def test_a_governed_table_renamed_or_dropped_behind_the_trail_is_found(filled: Database) -> None:
    filled.sequence()
    with filled.superuser() as superuser:
        superuser.execute("ALTER TABLE governance_signoff RENAME TO elsewhere")
        assert ("governance_signoff", "", "") in findings()
        superuser.execute("DROP TABLE elsewhere CASCADE")
    assert ("governance_signoff", "", "") in findings()
