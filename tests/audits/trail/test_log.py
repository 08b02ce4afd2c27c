"""What can be asked of the log: entries, receipts, proofs, bundles, texts."""

from uuid import uuid4

import pytest

from audits.errors import NotFound
from audits.merkle.bundles import verify_bundle
from audits.merkle.tree import leaf_hash, verify_inclusion
from audits.models import Entry
from audits.trail import log
from audits.trail.keys import verifying_key
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import some_act, some_user
from tests.database import Database


def test_an_act_has_a_receipt_at_once_and_a_proof_once_it_is_sequenced(database: Database) -> None:
    some_user("ann")
    with some_act() as opened:
        pass
    assert log.receipt(opened.id).index is None
    assert log.entry_of_act(opened.id) is None
    assert log.pending_acts() == 2
    database.sequence()
    assert log.pending_acts() == 0
    receipt = log.receipt(opened.id)
    newest = log.latest_checkpoint()
    assert newest is not None
    assert receipt.index == 1
    assert receipt.leaf_hash is not None
    assert receipt.checkpoint == newest.note
    verify_inclusion(leaf=receipt.leaf_hash, index=1, size=newest.size, proof=receipt.proof, root=bytes(newest.root))


def test_entries_are_found_by_subject_and_by_the_rows_they_changed(database: Database) -> None:
    ann = some_user("ann")
    some_user("ben")
    with some_act(subject="audits.user:7"):
        pass
    with some_act(subject="other"):
        type(ann).objects.filter(pk=ann.pk).update(is_staff=True)
    database.sequence()
    assert [entry.index for entry in log.entries_about(["audits.user:7"])] == [2]
    assert [entry.index for entry in log.entries_about([], rows=[("audits_user", str(ann.pk))])] == [0, 3]
    both = log.entries_about(["audits.user:7"], rows=[("audits_user", str(ann.pk)), ("audits_user", "0")])
    assert [entry.index for entry in both] == [0, 2, 3]


def test_a_bundle_verifies_without_us_and_with_an_older_checkpoint(database: Database) -> None:
    for name in ("ann", "ben", "cho"):
        some_user(name)
    database.sequence()
    older = log.latest_checkpoint()
    some_user("dan")
    database.sequence()
    assert older is not None
    bundle = log.bundle_of([3, 0, 3], about={"for": "a test"}, since=[older.size])
    report = verify_bundle(bundle, trusted_key=verifying_key(), outside_checkpoint=older.note)
    assert (report.entries, report.first_index, report.last_index) == (2, 0, 3)


def test_a_bundle_of_what_is_not_signed_yet_is_refused(database: Database) -> None:
    some_user("ann")
    with pytest.raises(NotFound, match="Nothing is signed yet"):
        log.bundle_of([0])
    database.sequence()
    with pytest.raises(NotFound, match="Entry 1 is not covered"):
        log.bundle_of([0, 1])
    with pytest.raises(NotFound):
        log.inclusion_proof(1, 1)
    with pytest.raises(NotFound):
        log.inclusion_proof(0, 5)


def test_texts_are_given_out_only_where_they_are_the_ones_committed_to(database: Database) -> None:
    with some_act(reason="Because of é."):
        pass
    some_user("ann", email="ann@example.org")
    database.sequence()
    entries = list(Entry.objects.order_by("index"))
    assert list(log.disclosures_of(entries[:1]).values()) == ["Because of é."]
    assert {"ann", "ann@example.org"} <= set(log.disclosures_of(entries).values())
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_disclosure"):
        superuser.execute("UPDATE audits_disclosure SET value = 'Because.' WHERE value = 'Because of é.'")
    assert log.disclosures_of(entries[:1]) == {}


def test_an_act_that_nobody_knows_has_no_entry(database: Database) -> None:
    assert log.entry_of_act(uuid4()) is None


def test_the_stored_bytes_are_those_that_hash(database: Database) -> None:
    some_user("ann")
    database.sequence()
    entry = Entry.objects.get()
    assert leaf_hash(bytes(entry.body)) == bytes(entry.leaf_hash)
