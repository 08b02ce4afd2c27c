"""The edge of a long log is found quickly, and never believed."""

import json

import pytest

from audits.merkle.tree import Frontier
from audits.trail import tree_edge
from audits.trail.keys import signer_state
from audits.trail.signer_state import TrailAlarm
from audits.trail.tree_edge import EdgeFile, edge_at
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import some_act
from tests.database import Database


def _acts(count: int) -> None:
    for _ in range(count):
        with some_act():
            pass


def test_a_start_goes_on_from_the_edge_that_was_written_down(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_edge, "_EVERY", 4)
    _acts(5)
    sequencer = database.sequencer()
    sequencer.run(limit=5)
    _acts(2)
    sequencer.drain()
    state = signer_state()
    file = EdgeFile(state.beside("edge"))
    kept = file.load()
    assert kept is not None
    assert kept.size == 5
    read = []
    extend = tree_edge._extend
    monkeypatch.setattr(tree_edge, "_extend", lambda edge, *rest: (read.append(edge.size), extend(edge, *rest))[1])
    signed = state.load()
    assert signed is not None
    edge = edge_at(signed, file.load(), using="default")
    assert (edge.size, edge.root()) == (7, signed.root)
    assert read == [5]


@pytest.mark.parametrize(
    "kept", ["", "{}", "[]", '{"size":3,"nodes":[]}', '{"size":-1,"nodes":[]}', "forged", "longer"]
)
def test_an_edge_that_is_not_that_of_the_signed_tree_is_made_anew(database: Database, kept: str) -> None:
    _acts(3)
    database.sequence()
    state = signer_state()
    forged = Frontier([bytes(32)] * (2 if kept == "forged" else 9))
    if kept in ("forged", "longer"):
        kept = json.dumps({"size": forged.size, "nodes": [node.hex() for node in forged.nodes]})
    state.beside("edge").write_text(kept)
    _acts(1)
    assert database.sequence() == 4
    signed = state.load()
    assert signed is not None
    assert edge_at(signed, EdgeFile(state.beside("edge")).load(), using="default").root() == signed.root


def test_an_edge_that_is_right_does_not_hide_a_leaf_that_was_changed_after_it(database: Database) -> None:
    _acts(3)
    database.sequence()
    signed = signer_state().load()
    assert signed is not None
    edge = edge_at(signed, using="default")
    _acts(2)
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        superuser.execute("UPDATE audits_entry SET leaf_hash = set_byte(leaf_hash, 0, 1) WHERE index = 3")
    newer = signer_state().load()
    with pytest.raises(TrailAlarm, match="do not hash"):
        edge_at(newer, edge, using="default")
