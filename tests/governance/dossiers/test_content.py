"""The plain values of a dossier, and the holes read off them."""

import dataclasses

import pytest

from governance.dossiers.blocks import Column, ColumnKind, SignatureStanding, Table
from governance.dossiers.content import Outcome
from governance.dossiers.holes import find_holes
from tests.governance.dossiers.sample import build_sample


def test_a_row_must_have_as_many_cells_as_there_are_columns() -> None:
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table(title="T", columns=(Column(label="A"),), rows=((1, 2),))


def test_cells_are_written_by_their_column() -> None:
    columns = (
        Column(label="Share", kind=ColumnKind.PERCENT),
        Column(label="Number", kind=ColumnKind.NUMBER, digits=2),
        Column(label="Digest", kind=ColumnKind.DIGEST),
    )
    table = Table(
        title="T",
        columns=columns,
        rows=((0.5, 1.0, "sha256:ab"), ("too few rows", None, None)),
        flagged=frozenset({1}),
    )
    written = [(flagged, [text for _, text in cells]) for flagged, cells in table.lines]
    assert written == [(False, ["50.0%", "1.00", "ab"]), (True, ["too few rows", "—", "—"])]


def test_every_hole_is_found_with_its_owner_blocking_ones_first() -> None:
    holes = find_holes(build_sample())
    found = [(hole.where, hole.owner, hole.blocking) for hole in holes]
    assert found == [
        ("Policy clause 2", "Zoë Müller-Lüdenscheidt", True),
        ("Policy clause 4", "Validator", True),
        ("Policy clause 5", "Compliance officer", True),
        ("Checklist, question 7.2", "Model owner", True),
        ("Approvals", "Chair of the committee", True),
        ("Checklist, question 2.6", "Model owner", False),
        ("Checklist, The data", "Validator", False),
        ("Checklist, question 5.2", "Model owner", False),
        ("Checklist, question 6.2", "Model owner", False),
        ("Checklist, question 7.7", "Model owner", False),
        ("Checklist, Whether it can and may be used", "Compliance officer", False),
    ]
    assert "is stale" in holes[6].what
    assert "is missing" in holes[10].what


def test_an_unknown_clause_without_an_owner_says_that_nobody_is_assigned() -> None:
    sample = build_sample()
    clause = dataclasses.replace(sample.decision.clauses[0], outcome=Outcome.UNKNOWN, owner="")
    changed = dataclasses.replace(sample, decision=dataclasses.replace(sample.decision, clauses=(clause,)))
    assert find_holes(changed)[0].owner == "Nobody assigned"


def test_a_withdrawn_signature_is_a_hole() -> None:
    sample = build_sample()
    approval = sample.approvals[0]
    assert approval.signature is not None
    withdrawn = dataclasses.replace(approval.signature, standing=SignatureStanding.WITHDRAWN)
    changed = dataclasses.replace(sample, approvals=(dataclasses.replace(approval, signature=withdrawn),))
    assert "was withdrawn" in next(hole.what for hole in find_holes(changed) if hole.where == "Approvals")


def test_a_trail_is_intact_only_when_something_was_checked_and_all_of_it_held() -> None:
    trail = build_sample().trail
    assert trail.intact
    assert not dataclasses.replace(trail, checks=()).intact
    assert not dataclasses.replace(trail, checks=(("One", True), ("Two", False))).intact


def test_columns_share_the_width_by_what_they_hold() -> None:
    columns = (Column(label="Group"), Column(label="n", kind=ColumnKind.NUMBER))
    (_, text), (_, number) = Table(
        title="T", columns=columns, rows=(("a group with quite a name", 12), ("short", 3))
    ).sized
    assert text > 3 * number
    assert text + number == pytest.approx(100, abs=0.1)


def test_stated_widths_are_kept_and_the_rest_is_dealt_out() -> None:
    columns = (Column(label="A", width=40), Column(label="B"), Column(label="C"))
    shares = [share for _, share in Table(title="T", columns=columns, rows=(("x", "y", "z"),)).sized]
    assert shares == [40.0, 30.0, 30.0]


def test_a_column_of_numbers_is_never_squeezed_below_its_longest_number() -> None:
    columns = tuple(Column(label=f"Rate {place}", kind=ColumnKind.NUMBER) for place in range(10))
    table = Table(
        title="T",
        columns=(Column(label="Group"), *columns),
        rows=(("x" * 500, *(1_234_567 for _ in columns)),),
    )
    assert table.dense
    assert min(share for _, share in table.sized[1:]) > 100 * len("1,234,567") / 160


def test_an_empty_table_still_has_columns() -> None:
    table = Table(title="T", columns=(Column(label="A"), Column(label="B")), rows=())
    assert [share for _, share in table.sized] == [50.0, 50.0]
