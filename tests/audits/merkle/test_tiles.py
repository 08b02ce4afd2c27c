"""Tiles against the specification's own examples, against the tree in memory, and with every hash of them bent."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.checkpoints import MAX_SIZE
from audits.merkle.errors import VerificationError
from audits.merkle.tiles import (
    MAX_ENTRY_BYTES,
    TiledTree,
    TileName,
    changed_tiles,
    entries_path,
    parse_tile_path,
    read_entry_bundle,
    tile_bytes,
    tile_hashes,
    tile_of,
    tile_path,
    write_entry_bundle,
)
from audits.merkle.tree import Tree, leaf_hash, node_hash, verify_consistency, verify_inclusion

BODIES = [f"entry {number}".encode() for number in range(70_000)]
LEAVES = [leaf_hash(body) for body in BODIES]


def mth(hashes: list[bytes]) -> bytes:
    """MTH(D[n]) over leaf hashes, RFC 6962 section 2.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256().digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(mth(hashes[:split]), mth(hashes[split:]))


def by_definition(name: TileName, leaves: list[bytes]) -> bytes:
    """The tile as the specification defines it: MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])."""
    assert name.level is not None
    span = 256**name.level
    starts = [(name.index * 256 + place) * span for place in range(name.width)]
    return b"".join(mth(leaves[start : start + span]) for start in starts)


def published(sizes: list[int], tree: Tree) -> dict[str, bytes]:
    """What a log that signed these sizes has on its disk."""
    files = {}
    for old, new in zip([0, *sizes], sizes, strict=False):
        for name in changed_tiles(old, new):
            files[name.path] = tile_of(tree, name)
            if name.level == 0:
                bundle = BODIES[name.start : name.start + name.width]
                files[entries_path(name.index, name.width)] = write_entry_bundle(bundle)
    return files


def test_paths_are_spelled_as_in_the_specification() -> None:
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(0, 1234, 5) == "tile/0/x001/234.p/5"
    assert tile_path(63, 0) == "tile/63/000"
    assert tile_path(2, 999) == "tile/2/999"
    assert tile_path(2, 1000) == "tile/2/x001/000"
    assert entries_path(273, 112) == "tile/entries/273.p/112"


@given(st.one_of(st.none(), st.integers(0, 6)), st.integers(0, 2**60), st.integers(1, 256))
def test_every_path_reads_back(level: int | None, index: int, width: int) -> None:
    try:
        name = TileName(level=level, index=index, width=width)
    except VerificationError:
        assert index << 8 * ((level or 0) + 1) > MAX_SIZE
    else:
        assert parse_tile_path(name.path) == name


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0/", "tile/0/1", "tile/0/01", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/x000/001",
        "tile/0/x001", "tile/0/001/002", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/",
        "tile/0/000.p/5/", "/tile/0/000", "tile/0/000\n", "tile/0/\u0660\u0660\u0660", "tile/entries/../000",
        "tile/Entries/000", "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/63/001", "tile/0/" + "x001/" * 9 + "000",
    ],
)  # fmt: skip
def test_no_other_spelling_of_a_path_is_read(path: str) -> None:
    with pytest.raises(VerificationError):
        parse_tile_path(path)


@given(st.text(alphabet="tile/ntrsxp.0123456789", max_size=60))
def test_any_path_is_read_or_refused(path: str) -> None:
    with contextlib.suppress(VerificationError):
        assert parse_tile_path(path).path == path


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    names = list(changed_tiles(0, 70_000))
    assert sum(name.level == 0 and name.width == 256 for name in names) == 273
    assert [name.path for name in names if name.width < 256] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert [name.path for name in names if name.level == 1 and name.width == 256] == ["tile/1/000"]
    assert [name.path for name in changed_tiles(0, 256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert list(changed_tiles(0, 0)) == list(changed_tiles(300, 300)) == []
    assert [name.path for name in changed_tiles(255, 257)] == ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]


def test_tiles_equal_the_definition_and_give_the_root_of_every_size_to_600() -> None:
    tree = Tree(LEAVES[:600])
    files = published(list(range(601)), tree)
    for path, data in files.items():
        name = parse_tile_path(path)
        if name.level is not None:
            assert data == by_definition(name, LEAVES), path
    for size in range(601):
        tiled = TiledTree(size, lambda name: files[name.path], root=tree.root(size))
        assert tiled.root() == tree.root(size)
        for index in {0, size // 3, size - 1} & set(range(size)):
            assert tiled.inclusion_proof(index) == tree.inclusion_proof(index, size)
            assert tiled.consistency_proof(index) == tree.consistency_proof(index, size)


def test_proofs_over_three_levels_hold_and_every_leaf_is_found() -> None:
    tree = Tree(LEAVES)
    files = published([1, 300, 65_536, 70_000], tree)
    tiled = TiledTree(70_000, lambda name: files[name.path], root=tree.root())
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_999):
        proof = tiled.inclusion_proof(index)
        verify_inclusion(leaf=LEAVES[index], index=index, size=70_000, proof=proof, root=tree.root())
        assert tiled.leaf(index) == LEAVES[index]
        assert tiled.entries(index // 256)[index % 256] == BODIES[index]
    for first in (1, 300, 65_536, 69_999):
        verify_consistency(
            first=first, first_root=tree.root(first), second=70_000, second_root=tree.root(),
            proof=tiled.consistency_proof(first),
        )  # fmt: skip
        assert tiled.root(first) == tree.root(first)


def test_a_full_tile_stands_in_for_its_partial_one() -> None:
    tree = Tree(LEAVES[:300])
    files = published([300], tree)
    asked = []

    def fetch(name: TileName) -> bytes:
        asked.append(name.path)
        return files.get(name.path) or files[name.path.partition(".")[0]]

    tiled = TiledTree(200, fetch, root=tree.root(200))
    assert tiled.inclusion_proof(77) == tree.inclusion_proof(77, 200)
    assert tiled.entries(0) == BODIES[:200]
    assert asked == ["tile/0/000.p/200", "tile/entries/000.p/200"]


@pytest.mark.parametrize("size", [5, 256, 300, 66_000])
def test_one_bit_changed_in_any_tile_is_found(size: int) -> None:
    tree = Tree(LEAVES[:size])
    files = published([size], tree)
    hashes = [path for path in files if "entries" not in path]
    for path in {*hashes[:1], *hashes[-3:]}:
        for place in (0, len(files[path]) - 1):
            bent = dict(files)
            bent[path] = bytes(byte ^ (number == place) for number, byte in enumerate(files[path]))
            name = parse_tile_path(path)
            with pytest.raises(VerificationError) as caught:
                TiledTree(size, lambda name, bent=bent: bent[name.path], root=tree.root()).inclusion_proof(name.start)
            assert caught.value.step == "tile"


def test_an_entry_changed_in_its_bundle_is_named() -> None:
    tree = Tree(LEAVES[:300])
    files = published([300], tree)
    files["tile/entries/001.p/44"] = write_entry_bundle([*BODIES[256:270], b"forged", *BODIES[271:300]])
    tiled = TiledTree(300, lambda name: files[name.path], root=tree.root())
    with pytest.raises(VerificationError) as caught:
        tiled.entries(1)
    assert caught.value.index == 270
    files["tile/entries/001.p/44"] = write_entry_bundle(BODIES[256:299])
    with pytest.raises(VerificationError, match="43 entries"):
        tiled.entries(1)


def test_the_empty_tree_has_no_tile() -> None:
    def fetch(name: TileName) -> bytes:
        raise AssertionError(name)

    assert TiledTree(0, fetch, root=hashlib.sha256().digest()).root() == hashlib.sha256().digest()


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_entry_bundles_read_back(entries: list[bytes]) -> None:
    assert read_entry_bundle(write_entry_bundle(entries)) == entries


def test_an_entry_bundle_is_lengths_in_two_bytes_and_bodies() -> None:
    assert write_entry_bundle([b"", b"ab"]) == b"\x00\x00\x00\x02ab"
    longest = bytes(MAX_ENTRY_BYTES)
    assert read_entry_bundle(write_entry_bundle([longest])) == [longest]
    for refused in ([bytes(MAX_ENTRY_BYTES + 1)], [], [b""] * 257):
        with pytest.raises(ValueError):  # noqa: PT011 - the writer's own
            write_entry_bundle(refused)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x00" * 257, b"\x00\x01a\xff"])
def test_no_other_bytes_are_an_entry_bundle(data: bytes) -> None:
    with pytest.raises(VerificationError):
        read_entry_bundle(data)


@given(st.binary(max_size=600))
def test_any_bytes_are_a_bundle_or_refused(data: bytes) -> None:
    with contextlib.suppress(VerificationError):
        assert write_entry_bundle(read_entry_bundle(data)) == data


@given(st.binary(max_size=70), st.integers(1, 256))
def test_a_tile_of_another_length_is_refused(data: bytes, width: int) -> None:
    name = TileName(level=0, index=0, width=width)
    if len(data) % 32 or len(data) < width * 32:
        with pytest.raises(VerificationError):
            tile_hashes(name, data)
    else:
        assert tile_bytes(name, tile_hashes(name, data)) == data[: width * 32]
