"""The sequencer may be killed anywhere, may have company, and never signs what it should not."""

import threading
from pathlib import Path

import pytest
from django.db import connections
from pytest_django import Settings

from audits.merkle.checkpoints import Checkpoint as Signed
from audits.merkle.checkpoints import open_checkpoint, sign_checkpoint
from audits.merkle.tree import leaf_hash, root_of
from audits.models import Checkpoint, Entry, User
from audits.trail.keys import signer_state, signing_key, verifying_key
from audits.trail.sequencer import Sequencer, SequencerBusy
from audits.trail.signer_state import SignerState, TrailAlarm
from audits.trail.verification import verify
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import OPEN, some_act, some_user
from tests.database import Database, django_uses


def assert_whole(size: int) -> None:
    """One leaf an act, contiguous, and the newest checkpoint signed over all of them."""
    entries = list(Entry.objects.order_by("index"))
    assert [entry.index for entry in entries] == list(range(size))
    assert len({entry.act_id for entry in entries}) == size
    newest = Checkpoint.objects.order_by("-size")[0]
    signed = open_checkpoint(newest.note, verifying_key())
    assert (signed.size, newest.size) == (size, size)
    assert signed.root == bytes(newest.root) == root_of(leaf_hash(bytes(entry.body)) for entry in entries)
    assert signer_state().note() == newest.note
    assert verify().ok


def test_it_turns_each_act_into_one_leaf_and_signs(database: Database) -> None:
    for name in ("ann", "ben", "cho"):
        some_user(name)
    assert database.sequence() == 3
    assert_whole(3)
    assert database.sequence() == 3
    assert Checkpoint.objects.count() == 1


def test_it_signs_the_empty_log(database: Database) -> None:
    assert database.sequence() == 0
    assert open_checkpoint(signer_state().note(), verifying_key()).size == 0
    assert verify().ok


def test_an_act_that_commits_late_is_found_late_and_once(database: Database) -> None:
    with database.application() as slow:
        with slow.transaction():
            slow.execute(OPEN)
            slow.execute("INSERT INTO auth_group (name) VALUES ('slow')")
            some_user("ann")
            some_user("ben")
            sequencer = database.sequencer()
            assert sequencer.drain() == 2
        assert sequencer.drain() == 3
    assert_whole(3)
    assert Entry.objects.get(index=2).kind == "tests.thing.done"


@pytest.mark.parametrize("together", [True, False])
def test_of_two_acts_on_one_row_the_one_that_came_first_is_first_also_when_it_began_later(
    database: Database, together: bool
) -> None:
    user = some_user("ann")
    with database.application() as slow, slow.transaction():
        slow.execute(OPEN)
        with some_act():
            User.objects.filter(pk=user.pk).update(is_staff=True)
        if not together:
            database.sequencer().drain()
        slow.execute("UPDATE audits_user SET is_staff = false, is_superuser = true")
    database.sequence()
    assert_whole(3)
    assert Entry.objects.get(index=2).kind == "tests.thing.done"


@pytest.mark.parametrize("limit", [1, 2])
def test_small_batches_give_the_same_log(database: Database, limit: int) -> None:
    for number in range(5):
        some_user(f"user{number}")
    sequencer = database.sequencer()
    runs = 0
    while (done := sequencer.run(limit=limit)) and done.more:
        runs += 1
    assert runs == (5 - 1) // limit
    assert_whole(5)


def _killed(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


def _store_then_die(state: SignerState, note: str) -> None:
    _STORE(state, note)
    raise KeyboardInterrupt


_STORE = SignerState.store


@pytest.mark.parametrize(
    ("owner", "name", "death"),
    [
        (Sequencer, "_size", _killed),
        (Sequencer, "_append", _killed),
        # After the entries are stored, before they are re-hashed.
        (Sequencer, "_sign", _killed),
        (Sequencer, "_rehash", _killed),
        # Before and after the signer's memory ("failed but persisted").
        (SignerState, "store", _killed),
        (SignerState, "store", _store_then_die),
    ],
)
@pytest.mark.parametrize("anew", [True, False], ids=["new process", "same process"])
def test_it_can_be_killed_at_every_step(
    database: Database, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, death: object, anew: bool
) -> None:
    some_user("ann")
    sequencer = database.sequencer()
    sequencer.drain()
    some_user("ben")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, death)
        with pytest.raises(KeyboardInterrupt):
            sequencer.run()
    some_user("cho")
    (database.sequencer() if anew else sequencer).drain()
    assert_whole(3)


def test_a_signers_memory_cut_off_while_it_is_written_leaves_the_old_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_user("ann")
    database.sequence()
    before = signer_state().note()
    some_user("ben")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", _killed)
        with pytest.raises(KeyboardInterrupt):
            database.sequencer().run()
    assert signer_state().note() == before
    database.sequence()
    assert_whole(2)


def test_two_sequencers_do_not_get_in_each_others_way(database: Database) -> None:
    for number in range(10):
        some_user(f"user{number}")
    first, second = database.sequencer(), database.sequencer()
    first.run(limit=3)
    second.run(limit=2)
    first.run(limit=1)
    second.drain()
    first.drain()
    assert_whole(10)


def test_a_second_sequencer_stands_back_while_one_is_at_work(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_user("ann")
    inside, leave = threading.Event(), threading.Event()
    sign = Sequencer._sign

    def slow(self: Sequencer, *args: object) -> None:
        inside.set()
        leave.wait(10)
        sign(self, *args)  # type: ignore[arg-type]

    def work() -> None:
        try:
            database.sequencer().run()
        finally:
            connections.close_all()

    with monkeypatch.context() as patched:
        patched.setattr(Sequencer, "_sign", slow)
        worker = threading.Thread(target=work)
        worker.start()
        assert inside.wait(10)
    monkeypatch.setattr("audits.trail.sequencer._PATIENCE", 0.05)
    assert database.sequencer().run() is None
    with pytest.raises(SequencerBusy):
        database.sequencer().drain()
    leave.set()
    worker.join()
    assert_whole(1)


def test_it_refuses_a_database_that_was_rolled_back(database: Database) -> None:
    some_user("ann")
    database.sequence()
    connections.close_all()
    earlier = database.cluster.clone(source=database.name)
    some_user("ben")
    database.sequence()
    note = signer_state().note()
    with django_uses(earlier):
        some_user("eve")
        with pytest.raises(TrailAlarm, match="rolled back") as alarm:
            database.sequencer().run()
        assert alarm.value.code == "rolled_back"
        assert signer_state().note() == note
        report = verify()
        assert [finding.code for finding in report.steps[0].findings] == ["rolled_back"]
        # The act of the rolled-back database is neither hidden nor signed.
        assert report.pending == 1
    database.cluster.drop(earlier)


def test_it_refuses_to_sign_without_its_memory(database: Database, settings: Settings, tmp_path: Path) -> None:
    some_user("ann")
    database.sequence()
    settings.SIGNER_DIR = tmp_path / "elsewhere"
    some_user("ben")
    with pytest.raises(TrailAlarm, match="memory of them is gone") as alarm:
        database.sequencer().run()
    assert alarm.value.code == "signer_forgot"
    assert "not_remembered" in {finding.code for finding in verify().steps[0].findings}


@pytest.mark.parametrize("column", ["body", "leaf_hash"])
@pytest.mark.parametrize("anew", [True, False], ids=["new process", "same process"])
def test_it_never_signs_over_an_entry_that_was_changed(database: Database, column: str, anew: bool) -> None:
    some_user("ann")
    sequencer = database.sequencer()
    sequencer.drain()
    some_user("ben")
    # Stored, but not signed yet: the moment in which a forger would like to slip in.
    assert sequencer._append(10).count == 1
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        superuser.execute(f"UPDATE audits_entry SET {column} = set_byte({column}, 3, 65) WHERE index = 1")
    with pytest.raises(TrailAlarm) as alarm:
        (database.sequencer() if anew else sequencer).run()
    assert alarm.value.code == "inconsistent"
    assert open_checkpoint(signer_state().note(), verifying_key()).size == 1


def test_it_refuses_a_log_with_a_hole(database: Database) -> None:
    for name in ("ann", "ben", "cho"):
        some_user(name)
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        superuser.execute("DELETE FROM audits_entry WHERE index = 1")
    with pytest.raises(TrailAlarm, match="holes"):
        database.sequencer().run()


def test_the_signers_memory_never_goes_back(database: Database) -> None:
    some_user("ann")
    database.sequence()
    older = signer_state().note()
    some_user("ben")
    database.sequence()
    newer = signer_state().note()
    # A sequencer that lost its lock without knowing it, and comes late.
    with pytest.raises(TrailAlarm) as alarm:
        signer_state().store(older)
    assert alarm.value.code == "signer_behind"
    key = signing_key()
    fork = sign_checkpoint(Signed(origin=key.name, size=2, root=bytes(32)), key)
    with pytest.raises(TrailAlarm):
        signer_state().store(fork)
    signer_state().store(newer)
    assert signer_state().note() == newer


def test_it_never_signs_an_entry_that_was_exchanged_with_its_hash_after_it_was_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_user("ann")
    sequencer = database.sequencer()
    sequencer.drain()
    some_user("ben")
    rehash = Sequencer._rehash

    def exchanged(self: Sequencer, *args: object) -> None:
        with database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
            superuser.execute("UPDATE audits_entry SET body = 'x', leaf_hash = sha256('\\x0078') WHERE index = 1")
        rehash(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Sequencer, "_rehash", exchanged)
    with pytest.raises(TrailAlarm, match="Entry 1 does not hash") as alarm:
        sequencer.run()
    assert alarm.value.code == "inconsistent"
    assert open_checkpoint(signer_state().note(), verifying_key()).size == 1
