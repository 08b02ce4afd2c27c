"""The tree against three oracles: published roots, the RFC's recursive definition, and itself another way."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.errors import VerificationError
from audits.merkle.tree import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

PUBLISHED = json.loads(Path(__file__).with_name("published.json").read_text("utf-8"))
LEAVES = [leaf_hash(str(number).encode()) for number in range(70)]


def mth(leaves: list[bytes]) -> bytes:
    """MTH(D[n]), RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]), RFC 6962 section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b), RFC 6962 section 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in PUBLISHED["inputs"][:size]]
    root = bytes.fromhex(PUBLISHED["roots"][size])
    assert root_of(leaves) == Tree(leaves).root() == mth(leaves) == root


@pytest.mark.parametrize("case", PUBLISHED["inclusion"], ids=str)
def test_inclusion_proofs_are_the_published_ones(case: dict[str, object]) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in PUBLISHED["inputs"]]
    index, size = case["index"], case["size"]
    assert isinstance(index, int)
    assert isinstance(size, int)
    assert [node.hex() for node in inclusion_proof(leaves, index, size)] == case["proof"]


@pytest.mark.parametrize("case", PUBLISHED["consistency"], ids=str)
def test_consistency_proofs_are_the_published_ones(case: dict[str, object]) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in PUBLISHED["inputs"]]
    first, second = case["first"], case["second"]
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert [node.hex() for node in consistency_proof(leaves, first, second)] == case["proof"]


def test_a_leaf_cannot_pass_for_a_node() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)


def test_every_small_tree_agrees_with_the_recursive_definition() -> None:
    tree = Tree(LEAVES)
    for size in range(len(LEAVES) + 1):
        leaves = LEAVES[:size]
        root = mth(leaves)
        assert tree.root(size) == root_of(leaves) == root
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            assert list(proof) == path(index, leaves)
            verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, root=root)
        for first in range(1, size + 1):
            consistency = tree.consistency_proof(first, size)
            assert list(consistency) == subproof(first, leaves, True)
            verify_consistency(
                first=first, first_root=mth(LEAVES[:first]), second=size, second_root=root, proof=consistency
            )


@given(size=st.integers(1, 5000), data=st.data())
def test_every_proof_of_a_larger_tree_verifies(size: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size)]
    tree = Tree(leaves)
    part = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, part - 1))
    verify_inclusion(
        leaf=leaves[index],
        index=index,
        size=part,
        proof=tree.inclusion_proof(index, part),
        root=root_of(leaves[:part]),
    )
    verify_consistency(
        first=part,
        first_root=root_of(leaves[:part]),
        second=size,
        second_root=tree.root(),
        proof=tree.consistency_proof(part),
    )


@given(st.lists(st.binary(min_size=32, max_size=32)), st.integers(0, 40))
def test_a_frontier_goes_on_where_another_stopped(leaves: list[bytes], cut: int) -> None:
    before = Frontier(leaves[:cut])
    after = Frontier.restored(size=before.size, nodes=before.nodes)
    after.extend(leaves[cut:])
    assert after.size == len(leaves)
    assert after.root() == mth(leaves)
    assert before.root() == mth(leaves[:cut]), "the copy must not share nodes"


def test_a_tree_grows_like_one_built_at_once() -> None:
    tree = Tree()
    assert tree.root() == EMPTY_ROOT
    for size, leaf in enumerate(LEAVES):
        assert tree.size == size
        tree.append(leaf)
    assert tree.root() == Tree(LEAVES).root()
    assert tree.leaf(3) == LEAVES[3]


@given(size=st.integers(1, 64), data=st.data())
def test_it_refuses_every_proof_that_differs_by_anything(size: int, data: st.DataObject) -> None:
    tree = Tree(LEAVES)
    index = data.draw(st.integers(0, size - 1))
    proof = list(tree.inclusion_proof(index, size))
    good = {"leaf": LEAVES[index], "index": index, "size": size, "proof": proof, "root": tree.root(size)}
    for bad in wrong_proofs(proof):
        with pytest.raises(VerificationError):
            verify_inclusion(**(good | {"proof": bad}))  # type: ignore[arg-type]
    for change in ({"leaf": LEAVES[-1]}, {"root": LEAVES[0]}, {"index": size}, {"index": -1}, {"size": 0}):
        if good | change != good and not (size == 1 and change == {"root": LEAVES[0]}):
            with pytest.raises(VerificationError):
                verify_inclusion(**(good | change))  # type: ignore[arg-type]
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index or size == 1))
    if other != index:
        with pytest.raises(VerificationError):
            verify_inclusion(**(good | {"index": other}))  # type: ignore[arg-type]


@given(second=st.integers(2, 64), data=st.data())
def test_it_refuses_every_history_that_differs_by_anything(second: int, data: st.DataObject) -> None:
    tree = Tree(LEAVES)
    first = data.draw(st.integers(1, second - 1))
    proof = list(tree.consistency_proof(first, second))
    good = {
        "first": first,
        "first_root": tree.root(first),
        "second": second,
        "second_root": tree.root(second),
        "proof": proof,
    }
    for bad in wrong_proofs(proof):
        with pytest.raises(VerificationError):
            verify_consistency(**(good | {"proof": bad}))  # type: ignore[arg-type]
    for change in (
        {"first_root": LEAVES[-1]},
        {"second_root": LEAVES[-1]},
        {"first": 0},
        {"first": second},
        {"first": second + 1},
        {"second": first},
        {"first": -1},
    ):
        with pytest.raises(VerificationError):
            verify_consistency(**(good | change))  # type: ignore[arg-type]


def wrong_proofs(proof: list[bytes]) -> list[list[bytes]]:
    junk = hashlib.sha256(b"junk").digest()
    wrong = [[*proof, junk], [junk, *proof], [*proof, b""]]
    for position, node in enumerate(proof):
        flipped = bytes([node[0] ^ 1]) + node[1:]
        wrong.append([*proof[:position], flipped, *proof[position + 1 :]])
        wrong.append([*proof[:position], node[:31], *proof[position + 1 :]])
        wrong.append(proof[:position] + proof[position + 1 :])
    if proof[::-1] != proof:
        wrong.append(proof[::-1])
    return wrong


def test_it_proves_nothing_about_trees_that_it_does_not_have() -> None:
    tree = Tree(LEAVES[:5])
    for attempt in (
        lambda: tree.root(6),
        lambda: tree.inclusion_proof(5),
        lambda: tree.inclusion_proof(-1),
        lambda: tree.inclusion_proof(2, 6),
        lambda: tree.consistency_proof(4, 6),
        lambda: tree.consistency_proof(5, 4),
        lambda: tree.leaf(5),
        lambda: tree.append(b"short"),
        lambda: Frontier.restored(size=3, nodes=LEAVES[:1]),
        lambda: inclusion_proof(LEAVES[:5], 2, 6),
    ):
        with pytest.raises(ValueError, match=r"tree|leaf|leaves|hash|frontier"):
            attempt()


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    tree = Tree(LEAVES)
    assert tree.consistency_proof(0) == ()
    verify_consistency(first=0, first_root=EMPTY_ROOT, second=70, second_root=tree.root(), proof=())
    with pytest.raises(VerificationError, match="two different roots"):
        verify_consistency(first=0, first_root=LEAVES[0], second=70, second_root=tree.root(), proof=())


def test_bytes_cannot_move_between_two_neighboring_hashes() -> None:
    left, right = LEAVES[:2]
    root = node_hash(left, right)
    # The same 64 bytes are hashed; only their lengths tell that it is another leaf.
    with pytest.raises(VerificationError, match="33 bytes"):
        verify_inclusion(leaf=left + right[:1], index=0, size=2, proof=[right[1:]], root=root)
    with pytest.raises(VerificationError, match="33 bytes"):
        verify_consistency(first=1, first_root=left + right[:1], second=2, second_root=root, proof=[right[1:]])


def test_a_proof_where_none_is_needed_is_refused() -> None:
    tree = Tree(LEAVES)
    for first, root in ((0, EMPTY_ROOT), (70, tree.root())):
        with pytest.raises(VerificationError, match="should be empty"):
            verify_consistency(first=first, first_root=root, second=70, second_root=tree.root(), proof=LEAVES[:1])


def test_two_roots_for_one_size_are_a_forgery() -> None:
    with pytest.raises(VerificationError, match="two different roots") as caught:
        verify_consistency(first=7, first_root=LEAVES[0], second=7, second_root=LEAVES[1], proof=())
    assert caught.value.step == "consistency"


def test_many_proofs_of_one_large_tree_cost_logarithmic_work() -> None:
    size = 2**14
    tree = Tree(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size - 1))
    assert max(len(tree.inclusion_proof(index)) for index in range(tree.size)) == 14


@given(st.lists(st.integers(0, 70), max_size=8))
def test_a_frontier_grows_alike_by_single_leaves_and_by_portions(portions: list[int]) -> None:
    leaves = iter([leaf_hash(b"%d" % number) for number in range(sum(portions))])
    by_portions, by_leaves = Frontier(), Frontier()
    for portion in portions:
        taken = [next(leaves) for _ in range(portion)]
        by_portions.extend(taken)
        for leaf in taken:
            by_leaves.append(leaf)
        assert (by_portions.size, by_portions.nodes) == (by_leaves.size, by_leaves.nodes)


def test_a_frontier_takes_none_of_many_leaves_where_one_is_no_hash() -> None:
    frontier = Frontier([leaf_hash(b"")])
    with pytest.raises(ValueError, match="32 bytes"):
        frontier.extend([leaf_hash(b"a"), b"short"])
    assert frontier.size == 1
