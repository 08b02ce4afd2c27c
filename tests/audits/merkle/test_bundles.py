"""Bundles: what a good one proves and doesn't, that a bad one is never written, and that size cannot hurt."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.merkle.bundle_shape import MAX_BUNDLE_BYTES, MAX_CONTAINERS, MAX_ENTRIES, read_bundle
from audits.merkle.bundles import STEPS, BundleEntry, build_bundle, verify_bundle
from audits.merkle.errors import VerificationError


def test_a_good_bundle_says_what_it_proved(log: Any) -> None:
    report = verify_bundle(log.bundle(), trusted_key=log.key.verifying_key)
    assert report.identity_proved
    assert (report.origin, report.checkpoint.size, report.entries) == ("countersign.example/trail", 21, 3)
    assert (report.first_index, report.last_index) == (3, 20)
    assert report.checkpoint.root == log.tree.root(21)
    assert [step.step for step in report.passed] == list(STEPS)
    asked = [step.step for step in report.passed if step.asked]
    assert asked == ["shape", "key", "checkpoint", "entries", "inclusion"]


def test_without_a_trusted_key_it_says_that_the_identity_is_not_proved(log: Any, stranger: Any) -> None:
    for whoever in (log, stranger):
        report = verify_bundle(whoever.bundle(), trusted_key=None)
        assert [step.step for step in report.passed if not step.proved] == ["key"]
        assert not report.identity_proved
        assert report.key == whoever.key.verifying_key.vkey
        assert any("Whose log this is" in sentence for sentence in report.not_proved)


def test_it_always_says_what_it_did_not_prove(log: Any) -> None:
    key = log.key.verifying_key
    alone = " ".join(verify_bundle(log.bundle(), trusted_key=key).not_proved)
    for piece in ("everybody is shown this same log", "what was left out", "is true", '"about"'):
        assert piece in alone
    assert "Whose log" not in alone
    outside = log.checkpoint(13)
    compared = " ".join(verify_bundle(log.bundle(), trusted_key=key, outside_checkpoint=outside).not_proved)
    assert "after the first 13 entries" in compared
    assert "everybody" not in compared


def test_an_empty_log_kept_outside_proves_nothing_and_is_said_to(log: Any) -> None:
    key = log.key.verifying_key
    report = verify_bundle(log.bundle(), trusted_key=key, outside_checkpoint=log.checkpoint(0))
    assert "says nothing" in report.passed[-1].said
    assert not report.passed[-1].proved
    assert any("everybody is shown this same log" in sentence for sentence in report.not_proved)


def test_it_names_the_lowest_failing_entry_and_counts_the_rest(log: Any) -> None:
    fields = log.fields()
    fields["entries"].reverse()
    for entry in fields["entries"]:
        if entry["index"] != 3:
            entry["body"] = '{"forged":true}'
    with pytest.raises(VerificationError, match=r"entry 7: .* \(2 of 3 entries failed\)") as caught:
        verify_bundle(json.dumps(fields).encode(), trusted_key=log.key.verifying_key)
    assert (caught.value.step, caught.value.index, caught.value.failures) == ("inclusion", 7, 2)


def test_a_bundle_that_does_not_hold_is_never_written(log: Any, forked: Any) -> None:
    tree, bodies, key = log.tree, log.bodies, log.key.verifying_key
    entry = BundleEntry(index=3, body=bodies[3], proof=tree.inclusion_proof(3, 21))
    good = log.checkpoint(21)
    build_bundle(key=key, checkpoint=good, entries=[entry], about={})
    for checkpoint, entries in (
        (good, []),
        (good, [entry, entry]),
        (good, [BundleEntry(index=4, body=entry.body, proof=entry.proof)]),
        (good, [BundleEntry(index=3, body=b"\xff", proof=entry.proof)]),
        (log.checkpoint(20), [entry]),
        (forked.checkpoint(21), [entry]),
    ):
        with pytest.raises(VerificationError):
            build_bundle(key=key, checkpoint=checkpoint, entries=entries, about={})
    with pytest.raises(ValueError, match="JSON compliant"):
        build_bundle(key=key, checkpoint=good, entries=[entry], about={"n": float("nan")})


def test_entries_are_written_in_order_with_their_exact_bytes(log: Any) -> None:
    bundle = read_bundle(log.bundle())
    assert [entry.index for entry in bundle.entries] == [3, 7, 20]
    assert [entry.body for entry in bundle.entries] == [log.bodies[index] for index in (3, 7, 20)]
    assert dict(bundle.about) == {"subject": "registry.modelversion:7"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0), bit=st.integers(0, 7))
def test_no_bit_of_what_is_proved_can_change(log: Any, position: int, bit: int) -> None:
    data = bytearray(log.bundle())
    position %= len(data)
    data[position] ^= 1 << bit
    key = log.key.verifying_key
    try:
        report = verify_bundle(bytes(data), trusted_key=key)
    except VerificationError:
        return
    # White space, "about" and consistency proofs are covered by nothing here; all else must be as it was.
    assert report.checkpoint.root == log.tree.root(21)
    assert read_bundle(bytes(data)).entries == read_bundle(log.bundle()).entries


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_arbitrary_bytes_end_in_the_one_error(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        verify_bundle(data, trusted_key=None)
    assert caught.value.step == "shape"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.sampled_from(
        [
            *((name,) for name in ("format", "origin", "key", "checkpoint", "entries", "consistency")),
            ("entries", 0),
            *(("entries", 0, name) for name in ("index", "body", "proof")),
            ("entries", 0, "proof", 0),
            *(("consistency", 0, name) for name in ("first", "second", "proof")),
        ]
    ),
    value=JSON_VALUES,
)
def test_any_json_in_any_place_ends_in_the_one_error(log: Any, path: tuple[Any, ...], value: Any) -> None:
    fields = log.fields()
    place: Any = fields
    for part in path[:-1]:
        place = place[part]
    if place[path[-1]] == value and type(place[path[-1]]) is type(value):
        return
    place[path[-1]] = value
    try:
        verify_bundle(
            json.dumps(fields).encode(),
            trusted_key=log.key.verifying_key,
            outside_checkpoint=log.checkpoint(13),
        )
    except VerificationError:
        return
    # Only a consistency proof that is not needed may change unnoticed, and no other field.
    assert path[0] == "consistency"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b" " * (MAX_BUNDLE_BYTES + 1), "at most"),
        (b"[" + b"[]," * MAX_CONTAINERS + b"[]]", "brackets and braces"),
        (b'{"entries":[' + b"0," * MAX_ENTRIES + b"0]}", "lacks"),
        (b'"' + b"\\u0041" * 1_000_000 + b'"', "not an object"),
        (b"1" * 2_000_000, "too long"),
        (b"1." + b"1" * 2_000_000, "too long"),
    ],
    ids=["long file", "many lists", "many entries", "many escapes", "long integer", "long fraction"],
)
def test_hostile_sizes_are_refused_in_bounded_time(data: bytes, says: str) -> None:
    started = time.process_time()
    with pytest.raises(VerificationError, match=says):
        verify_bundle(data, trusted_key=None)
    assert time.process_time() - started < 2


def test_too_many_entries_are_refused_before_any_is_hashed(log: Any) -> None:
    fields = log.fields()
    fields["entries"] = [{}] * (MAX_ENTRIES + 1)
    with pytest.raises(VerificationError, match="the limit is 20000"):
        verify_bundle(json.dumps(fields).encode(), trusted_key=None)


def test_a_body_cannot_hide_its_brackets_behind_escapes(log: Any) -> None:
    fields = log.fields()
    fields["entries"][0]["body"] = "@"
    hidden = "\\u005b\\u005d," * (MAX_CONTAINERS + 1)
    data = json.dumps(fields).replace('"@"', f'"{hidden}"').encode()
    with pytest.raises(VerificationError, match="too many brackets") as caught:
        verify_bundle(data, trusted_key=None)
    assert caught.value.step == "entries"
