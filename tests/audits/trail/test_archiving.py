"""Segments of the trail in files: verifiable alone, written safely, and the only place where released entries are."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audits.errors import Conflict, DomainError
from audits.merkle.errors import VerificationError
from audits.merkle.segments import range_proof, root_of_range, subtree_root, verify_segment
from audits.merkle.tree import Tree, leaf_hash
from audits.models import Entry, User
from audits.services import archiving
from audits.services.archiving import ArchivedSegment, archive
from audits.trail import Actor, act
from audits.trail.archive import released_segments, segments_in
from audits.trail.keys import verifying_key
from audits.trail.log import bundle_of
from audits.trail.past import as_of, history
from audits.trail.rotation import rotate
from audits.trail.selection import row_selection
from audits.trail.verification import VerificationReport, verify
from governance.events import RolesAssigned, SessionOpened
from tests.audits.trail.occasions import ROBOT, some_act, some_user
from tests.database import Database

ACTOR = Actor.system("archive", via="test")
LATER = datetime(2060, 1, 1, tzinfo=UTC)


def _fill(database: Database, acts: int = 600) -> User:
    """An account that changes in most of many acts; the log's size is no multiple of anything."""
    account = some_user("ann", email="ann@example.com")
    for number in range(acts):
        with act(
            SessionOpened(roles=[]), actor=ROBOT, subject="test:thing", reason="a reason" if number % 50 == 0 else ""
        ):
            if number % 10 == 0:
                User.objects.filter(pk=account.pk).update(last_name=f"Number {number}")
    database.sequence()
    return account


def _codes(report: VerificationReport) -> set[str]:
    return {finding.code for step in report.steps for finding in step.findings}


def _release(**more: object) -> list[ArchivedSegment]:
    return archive(actor=ACTOR, entries=256, release=True, reason="Past the period.", now=LATER, **more)  # type: ignore[arg-type]


def test_a_range_and_the_subtrees_around_it_give_the_root_of_every_log() -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(40)]
    for size in range(1, 41):
        root = Tree(leaves[:size]).root()
        for first in range(size):
            for end in (first + 1, (first + size + 1) // 2, size):
                if first < end <= size:
                    proof = range_proof(first, end, size, lambda low, high: subtree_root(leaves[low:high]))
                    assert root_of_range(first, leaves[first:end], size, proof) == root
                    with pytest.raises(VerificationError):
                        root_of_range(first, leaves[first:end], size, (*proof, root))
                    if proof:
                        with pytest.raises(VerificationError):
                            root_of_range(first, leaves[first:end], size, proof[:-1])


def test_whole_segments_are_written_the_same_each_time_and_a_stranger_verifies_each_alone(database: Database) -> None:
    _fill(database)
    written = archive(actor=ACTOR, entries=256)
    assert [(found.first, found.last, found.written) for found in written] == [(0, 255, True), (256, 511, True)]
    bytes_before = [found.path.read_bytes() for found in written]
    _fill_more(database)
    again = archive(actor=ACTOR, entries=256)
    assert [found.written for found in again] == [False, False]
    for found in again:
        found.path.unlink()
    assert [found.path.read_bytes() for found in archive(actor=ACTOR, entries=256)] == bytes_before
    key = verifying_key().vkey
    files = [str(found.path) for found in written]
    done = subprocess.run(
        [sys.executable, "-m", "audits.merkle.segments", *files, "--key", key], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("holds") == 2
    assert Entry.objects.get(index=3).body  # Nothing left the database.


def _fill_more(database: Database) -> None:
    with some_act():
        pass
    database.sequence()


@pytest.mark.parametrize("place", ["start", "middle", "end", "cut", "more"])
def test_a_changed_segment_does_not_hold(database: Database, place: str) -> None:
    _fill(database, 260)
    (found,) = archive(actor=ACTOR, entries=256)
    data = bytearray(found.path.read_bytes())
    match place:
        case "cut":
            data = data[:-10]
        case "more":
            data += b"{}\n"
        case _:
            at = {"start": 40, "middle": len(data) // 2, "end": len(data) - 5}[place]
            data[at] ^= 1
    found.path.write_bytes(data)
    with found.path.open("rb") as stream, pytest.raises(VerificationError):
        verify_segment(stream, [verifying_key()])


def test_entries_leave_the_database_only_past_their_period_and_everything_verifies_from_the_files(
    database: Database,
) -> None:
    account = _fill(database)
    half_a_year = datetime.now(UTC) + timedelta(days=184)
    kept = archive(actor=ACTOR, entries=256, release=True, reason="Past the period.", now=half_a_year)
    # The first segment holds acts that are kept for ten years; the second has sign-ins alone.
    assert [found.released for found in kept] == [False, True]
    assert [found.released for found in _release()] == [True]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(length(leaf_hash)) FROM audits_entry WHERE body = ''")
        assert cursor.fetchone() == (512, 32)
    database.sequence()
    report = verify()
    assert report.ok, [finding for step in report.steps for finding in step.findings]
    # Pages, time travel and history go on from the files.
    entry = Entry.objects.get(index=3)
    assert leaf_hash(bytes(entry.body)) == bytes(entry.leaf_hash)
    before = as_of(User, account.pk, 100)
    assert before is not None
    assert str(before.values["last_name"]).startswith("Number ")
    assert len(history(User, account.pk)) > 50


def test_what_is_released_is_still_selected_and_the_keys_acts_stay(database: Database) -> None:
    rotate(actor=ACTOR)
    account = _fill(database)
    selection = row_selection("audits_user", str(account.pk))
    before = [entry.index for entry in selection.entries()]
    assert len(before) > 50
    assert [found.released for found in _release()] == [True, True]
    database.sequence()
    assert [entry.index for entry in selection.entries()] == before
    report = verify()
    assert report.ok, [finding for step in report.steps for finding in step.findings]


def test_a_missing_or_altered_file_of_the_archive_is_found_and_named(database: Database) -> None:
    account = _fill(database)
    first, second = _release()
    database.sequence()
    data = first.path.read_bytes()
    first.path.unlink()
    changed = bytearray(second.path.read_bytes())
    changed[-20] ^= 1
    second.path.write_bytes(changed)
    report = verify()
    named = [finding for step in report.steps for finding in step.findings if finding.code == "archive_missing"]
    assert {finding.key for finding in named} == {first.path.name, second.path.name}
    assert "which is not in the archive folder" in Entry.objects.get(index=3).not_at_hand
    for asked in (lambda: as_of(User, account.pk, 100), lambda: bundle_of([3])):
        with pytest.raises(DomainError, match="Entries 0 to 255"):
            asked()
    first.path.write_bytes(data)
    changed[-20] ^= 1
    second.path.write_bytes(changed)
    assert verify().ok


def test_a_content_put_beside_an_entry_that_left_is_found(database: Database) -> None:
    _fill(database, 300)
    _release()
    database.sequence()
    with database.superuser() as session:
        session.execute("ALTER TABLE audits_entry DISABLE TRIGGER audits_refuse")
        session.execute("UPDATE audits_entry SET content = 'planted' WHERE index = 7")
        session.execute("ALTER TABLE audits_entry ENABLE ALWAYS TRIGGER audits_refuse")
    found = [(finding.code, finding.key, finding.field) for step in verify().steps for finding in step.findings]
    assert found == [("entry_column", "7", "content")]


def test_an_entry_emptied_without_an_act_is_found(database: Database) -> None:
    _fill(database, 20)
    with database.superuser() as session:
        session.execute("ALTER TABLE audits_entry DISABLE TRIGGER audits_refuse")
        session.execute("UPDATE audits_entry SET body = '' WHERE index = 5")
        session.execute("ALTER TABLE audits_entry ENABLE ALWAYS TRIGGER audits_refuse")
    assert "leaf_hash" in _codes(verify())


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("step", ["write_segment", "verify_segment", "_sync_folder", "events", "act"])
def test_archiving_killed_at_any_step_loses_nothing_and_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    _fill(database, 300)

    def killed(*_: object, **__: object) -> object:
        raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(archiving, step, killed if step != "events" else None)
        with pytest.raises((_Killed, AttributeError)):
            _release()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audits_entry WHERE body = ''")
        assert cursor.fetchone() == (0,)
    assert verify().ok
    assert [found.released for found in _release()] == [True]
    assert not [path for path in Path(settings.ARCHIVE_DIR).iterdir() if path.name.startswith(".writing")]
    database.sequence()
    assert verify().ok


def test_a_release_that_fails_half_way_leaves_the_guards_and_every_row(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database, 300)
    with database.owner() as session:
        # A lock that another session holds on the last table makes the transaction fail after the first guards fell.
        session.execute("BEGIN")
        session.execute("LOCK TABLE audits_change IN ACCESS SHARE MODE")
        monkeypatch.setattr(archiving, "_GUARDED", ("audits_entry", "audits_act", "audits_nothing"))
        with pytest.raises(Exception, match="audits_nothing"):
            _release()
    report = verify()
    assert report.ok, _codes(report)


def test_a_release_gives_way_to_an_open_writer_says_so_and_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database, 300)
    monkeypatch.setattr(archiving, "_ATTEMPTS", 2)
    monkeypatch.setattr(archiving, "_LOCK_WAIT", "100ms")
    monkeypatch.setattr(archiving, "_PAUSE", 0.0)
    with database.owner() as session, monkeypatch.context() as later:
        later.setattr(timezone, "now", lambda: LATER)
        session.execute("BEGIN")
        session.execute("LOCK TABLE audits_change IN ROW EXCLUSIVE MODE")  # As every act holds it until it ends.
        with pytest.raises(CommandError, match="0 to 255 were not released") as refused:
            call_command("archive", "--entries", "256", "--release", "--reason", "Past the period.")
        assert refused.value.returncode == 1
        session.execute("ROLLBACK")
    assert not Entry.objects.filter(kind="audits.segment.archived").exists()
    assert not list(released_segments())
    assert verify().ok
    assert [found.released for found in _release()] == [True]


def test_a_half_written_file_that_bears_no_name_is_swept_and_one_that_bears_one_is_written_anew(
    database: Database,
) -> None:
    _fill(database, 300)
    (found,) = archive(actor=ACTOR, entries=256)
    whole = found.path.read_bytes()
    found.path.write_bytes(whole[:100])
    (found.path.parent / ".writing-left").write_bytes(b"half")
    (again,) = archive(actor=ACTOR, entries=256)
    assert again.written
    assert again.path.read_bytes() == whole
    assert not (found.path.parent / ".writing-left").exists()


def test_archiving_refuses_what_it_cannot_do(database: Database) -> None:
    with pytest.raises(DomainError, match="multiple of 256"):
        archive(actor=ACTOR, entries=100)
    with pytest.raises(DomainError, match="Say why"):
        archive(actor=ACTOR, release=True)
    with pytest.raises(CommandError, match="Say why"):
        call_command("archive", "--release")
    with archiving._alone(_folder()), pytest.raises(Conflict, match="archiving already"):
        archive(actor=ACTOR)


def _folder() -> Path:
    folder = Path(settings.ARCHIVE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_an_entry_that_is_not_as_its_leaf_says_is_never_archived(database: Database) -> None:
    _fill(database, 300)
    with database.superuser() as session:
        session.execute("ALTER TABLE audits_entry DISABLE TRIGGER audits_refuse")
        session.execute("UPDATE audits_entry SET body = overlay(body placing '\\x41' from 30) WHERE index = 7")
        session.execute("ALTER TABLE audits_entry ENABLE ALWAYS TRIGGER audits_refuse")
    with pytest.raises(Conflict, match="entry 7"):
        archive(actor=ACTOR, entries=256)
    assert not list(Path(settings.ARCHIVE_DIR).glob("*.segment"))


def test_the_kinds_in_an_act_tell_how_long_it_is_kept() -> None:
    with_class = settings.RETENTION.class_of
    assert with_class("governance.session.opened").name == "operation"
    assert with_class("governance.roles.assigned").name == "records"
    assert with_class("nobody.said.anything").name == "documentation"
    assert RolesAssigned(roles=[]).roles == []


def test_an_act_that_only_says_that_it_archived_something_archived_nothing(database: Database) -> None:
    account = some_user("ann")
    with database.application() as application:
        for data in ("{}", '{"first": 0}', '{"first":0,"last":0,"root":"","sha256":"' + "0" * 64 + '","size":9}'):
            application.execute(
                "SELECT audits_open_act('audits.segment.archived', 'user:1', 'sql', 'trail:0', '', %s)", [data]
            )
    assert released_segments() == segments_in(["[]", "nothing", "{}", '{"first": "0"}']) == []
    database.sequence()
    assert len(history(User, account.pk)) == 1
    assert verify().ok
