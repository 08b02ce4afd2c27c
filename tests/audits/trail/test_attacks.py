"""A superuser past the triggers: whatever they change, the verification names the table, the row and the field."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from audits.models import User
from audits.trail import act
from audits.trail.governed import governed_tables
from audits.trail.verification import Finding, VerificationReport, verify
from audits.trail.verification.engine import STEPS
from governance import events
from tests.audits.trail.attacker import Attacker, other_value
from tests.audits.trail.filling import ROBOT
from tests.database import Database

# Columns that nothing signed holds: the report says so under "not checked".
UNSIGNED = {
    ("audits_checkpoint", "signed_at"),
    ("audits_epoch", "started_at"),
    # Only the order of changes within an act counts, and that is in the leaf.
    ("audits_change", "n"),
}
TRAIL = {
    "audits_epoch": "number",
    "audits_act": "id",
    "audits_change": "n",
    "audits_disclosure": "commitment",
    "audits_entry": "index",
    "audits_checkpoint": "size",
}


def found(report: VerificationReport) -> list[Finding]:
    return [finding for step in report.steps for finding in step.findings]


def test_an_untouched_database_with_rows_in_every_governed_table_verifies(filled: Database) -> None:
    size = filled.sequence()
    report = verify()
    assert found(report) == []
    assert report.ok
    assert report.entries == size
    assert [step.number for step in report.steps] == list(range(1, len(STEPS) + 1))
    # Nothing is archived, published, cosigned or stamped here.
    assert all(step.checked for step in report.steps[:8])


def test_acts_that_wait_for_the_sequencer_are_folded_too(filled: Database) -> None:
    report = verify()
    assert found(report) == []
    assert report.entries == 0
    assert report.pending > 20


def test_every_column_of_every_governed_table_is_watched(filled: Database, subtests: pytest.Subtests) -> None:
    filled.sequence()
    with filled.superuser() as superuser:
        attacker = Attacker(superuser)
        for governed in governed_tables():
            with subtests.test(table=governed.table):
                _attack_rows(attacker, governed.table, governed.key)
    assert verify().ok, "the attacks were not undone"


def _attack_rows(attacker: Attacker, table: str, key: str) -> None:
    """Change every column of the first row, delete the second, add a third; then undo it all."""
    attacker.save_rows(table)
    keys = attacker.sql.execute(f'SELECT "{key}"::text FROM "{table}" ORDER BY 1').fetchall()
    (changed,), (deleted,) = keys[:2]
    columns = {name: kind for name, kind in attacker.columns(table).items() if name != key}
    with attacker.unguarded(table):
        copied = ", ".join(f'"{name}"' for name in columns)
        forged = ", ".join(other_value(name, kind) for name, kind in columns.items())
        new_key = "gen_random_uuid()" if attacker.columns(table)[key] == "uuid" else "4711"
        attacker.sql.execute(
            f'INSERT INTO "{table}" ("{key}", {copied}) OVERRIDING SYSTEM VALUE'
            f' SELECT {new_key}, {forged} FROM "{table}" WHERE "{key}"::text = %s',
            [deleted],
        )
        attacker.sql.execute(f'DELETE FROM "{table}" WHERE "{key}"::text = %s', [deleted])
        changes = ", ".join(f'"{name}" = {other_value(name, kind)}' for name, kind in columns.items())
        attacker.sql.execute(f'UPDATE "{table}" SET {changes} WHERE "{key}"::text = %s', [changed])
    findings = [finding for finding in verify().steps[4].findings if finding.table == table]
    attacker.restore_rows(table)
    fields = {finding.field for finding in findings if finding.code == "field" and finding.key == changed}
    assert fields == set(columns)
    assert all(
        finding.trail != finding.there and finding.index is not None for finding in findings if finding.code == "field"
    )
    assert [finding.key for finding in findings if finding.code == "row_missing"] == [deleted]
    assert len([finding for finding in findings if finding.code == "row_extra"]) == 1


def test_every_column_of_the_trails_own_tables_is_watched(filled: Database, subtests: pytest.Subtests) -> None:
    filled.sequence()
    with filled.superuser() as superuser:
        attacker = Attacker(superuser)
        for table, key in TRAIL.items():
            for column, kind in attacker.columns(table).items():
                if (table, column) not in UNSIGNED:
                    with subtests.test(table=table, column=column), _settable(attacker, table, column):
                        _attack_column(attacker, table, key, column, kind)
    assert verify().ok, "the attacks were not undone"


@contextmanager
def _settable(attacker: Attacker, table: str, column: str) -> Iterator[None]:
    """Even a superuser may not set a number to anything while it is generated."""
    if (table, column) != ("audits_epoch", "number"):
        yield
        return
    attacker.sql.execute(f"ALTER TABLE {table} ALTER {column} DROP IDENTITY")
    yield
    attacker.sql.execute(f"ALTER TABLE {table} ALTER {column} ADD GENERATED ALWAYS AS IDENTITY")


def _attack_column(attacker: Attacker, table: str, key: str, column: str, kind: str) -> None:
    attacker.save_rows(table)
    (row,) = attacker.sql.execute(f'SELECT max("{key}"::text) FROM "{table}"').fetchone() or ("",)
    if table == "audits_entry":
        row = "7"
    value = "CASE op WHEN 'I' THEN 'D' ELSE 'I' END" if column == "op" else other_value(column, kind)
    with attacker.unguarded(table):
        changed = attacker.sql.execute(
            f'UPDATE "{table}" SET "{column}" = {value} WHERE "{key}"::text = %s RETURNING "{key}"::text',
            [row],
        ).fetchall()
    findings = [finding for finding in found(verify()) if finding.table == table]
    attacker.restore_rows(table)
    assert len(changed) == 1
    assert findings
    # What ties rows to a transaction, or a text to its salt, breaks as a whole.
    if column not in ("epoch", "xid", "salt", "commitment"):
        assert column in {finding.field for finding in findings}
        assert {finding.key for finding in findings if finding.field == column} & {row, changed[0][0]}


@pytest.mark.parametrize("table", TRAIL)
def test_a_row_removed_from_the_trail_is_missed(filled: Database, table: str) -> None:
    filled.sequence()
    with filled.superuser() as superuser:
        attacker = Attacker(superuser)
        with attacker.unguarded(table):
            key = TRAIL[table]
            superuser.execute(
                f'DELETE FROM "{table}" WHERE "{key}" = (SELECT "{key}" FROM "{table}" ORDER BY 1 DESC LIMIT 1)'
            )
    report = verify()
    assert not report.ok
    assert table in {finding.table for finding in found(report)}


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        (
            "INSERT INTO audits_disclosure VALUES (repeat('0', 64), '\\x00', 'planted')",
            "audits_disclosure",
        ),
        (
            "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff)"
            " VALUES (1, '77', 'audits_user', 'I', '9', '{}')",
            "audits_change",
        ),
        (
            "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff)"
            " SELECT epoch, xid, 'audits_user', 'D', '1', '{}' FROM audits_act LIMIT 1",
            "audits_change",
        ),
        (
            "INSERT INTO audits_checkpoint (size, root, note) SELECT 4711, root, note FROM audits_checkpoint LIMIT 1",
            "audits_checkpoint",
        ),
        (
            "INSERT INTO audits_entry (index, epoch, xid, act_id, kind, actor, subject, at, body, leaf_hash)"
            " SELECT index + 1, 1, '99999999', gen_random_uuid(), kind, actor, subject, at, body, leaf_hash"
            " FROM audits_entry ORDER BY index DESC LIMIT 1",
            "audits_act",
        ),
    ],
)
def test_a_row_planted_in_the_trail_is_found(filled: Database, statement: str, table: str) -> None:
    filled.sequence()
    with filled.superuser() as superuser:
        superuser.execute(statement)
    report = verify()
    assert not report.ok
    assert table in {finding.table for finding in found(report)}


def test_a_forged_entry_that_hashes_rightly_is_betrayed_by_the_signed_root(filled: Database) -> None:
    filled.sequence()
    with filled.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        superuser.execute(
            "UPDATE audits_entry SET body = forged, leaf_hash = sha256('\\x00'::bytea || forged) FROM ("
            " SELECT index, convert_to(replace(convert_from(body, 'UTF8'), 'system:filling', 'system:nobody'), 'UTF8')"
            " AS forged FROM audits_entry WHERE index = 3) f WHERE f.index = audits_entry.index"
        )
    report = verify()
    assert "root" in {finding.code for finding in report.steps[1].findings}
    changed = [finding for finding in report.steps[2].findings if finding.table == "audits_act"]
    assert [(finding.field, finding.trail, finding.there, finding.index) for finding in changed] == [
        ("actor", "system:nobody", "system:filling", 3)
    ]


def test_a_write_around_the_trail_is_found_even_after_a_later_act_has_covered_it(database: Database) -> None:
    with act(events.AccountCreated(roles=[]), actor=ROBOT, subject="test"):
        user = User.objects.create(username="ann", is_staff=False)
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET is_staff = true, email = 'forged@example.org'")
    with act(events.AccountCreated(roles=[]), actor=ROBOT, subject="test"):
        User.objects.filter(pk=user.pk).update(is_staff=False)
        user.delete()
    database.sequence()
    history = {finding.field: finding for finding in verify().steps[4].findings}
    assert set(history) == {"is_staff", "email"}
    assert (history["is_staff"].trail, history["is_staff"].there) == (False, True)
    assert (history["email"].trail, history["email"].there) == ("", "forged@example.org")
