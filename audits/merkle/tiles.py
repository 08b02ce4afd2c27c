"""The tree as files: tiles of 256 hashes, bundles of entries, and their paths.

It never trusts what was fetched: a tile counts only where the hash above it, and in the end the root, says so.

c2sp.org/tlog-tiles. Stricter than it in one point: no tile is named that lies beyond 2^63 entries.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from audits.merkle.checkpoints import MAX_SIZE
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.tree import HASH_SIZE, Subtrees, Tree, leaf_hash

TILE_WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

MAX_ENTRY_BYTES = 2**16 - 1
"""Longest entry that a bundle can hold."""

MAX_LEVEL = 63
"""Highest level that the specification allows; a tree below 2^63 leaves ends at level 7."""

_HEIGHT = 8
_CACHED_TILES = 512
_LONGEST_PATH = len("tile/entries/") + 7 * len("x000/") + len(".p/255")
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, kw_only=True)
class TileName:
    """Which tile: ``level`` 0 holds leaf hashes, None names an entry bundle; ``width`` below 256 is partial."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not 0 <= (self.level or 0) <= MAX_LEVEL:
            raise VerificationError(f"tiles have levels 0 to {MAX_LEVEL}", step="tile")
        if not 1 <= self.width <= TILE_WIDTH:
            raise VerificationError(f"a tile is 1 to {TILE_WIDTH} wide", step="tile")
        if not 0 <= self.start <= MAX_SIZE:
            raise VerificationError(f"no tile lies beyond {MAX_SIZE} entries", step="tile")

    @property
    def start(self) -> int:
        """Index of the first entry under the tile."""
        return self.index << (_HEIGHT * ((self.level or 0) + 1))

    @property
    def path(self) -> str:
        """The tile's path below the log's prefix, as in "tile/0/x001/234.p/5" or "tile/entries/000"."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        number = "".join(f"x{group}/" for group in groups[:-1]) + groups[-1]
        level = "entries" if self.level is None else self.level
        return f"tile/{level}/{number}" + (f".p/{self.width}" if self.width < TILE_WIDTH else "")


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile of hashes: "tile/0/x001/234.p/5"."""
    return TileName(level=level, index=index, width=width).path


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a bundle of entries: "tile/entries/x001/234.p/5"."""
    return TileName(level=None, index=index, width=width).path


def parse_tile_path(path: str) -> TileName:
    """Read either path; raise ``VerificationError`` with step "tile" for any other spelling."""
    # Python's digits in patterns are ASCII only where the class says so, as here.
    match = _PATH.fullmatch(path) if len(path) <= _LONGEST_PATH else None
    if match is None:
        raise VerificationError(f"not the path of a tile: {excerpt(path)}", step="tile")
    level, above, last, width = match.groups()
    name = TileName(
        level=None if level == "entries" else int(level),
        index=int(above.replace("x", "").replace("/", "") + last),
        width=TILE_WIDTH if width is None else int(width),
    )
    if name.path != path:
        raise VerificationError(f"the tile {name.path} has another spelling: {excerpt(path)}", step="tile")
    return name


def changed_tiles(old_size: int, new_size: int) -> Iterator[TileName]:
    """Yield the tiles of hashes that a tree of ``new_size`` has and the tree of ``old_size`` had not.

    Level 0 first, each level in order; the bundle of entries that belongs to a tile of level 0 has its index and width.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise ValueError(f"a log does not grow from {old_size} to {new_size} entries")
    for level in count():
        old, new = old_size >> (_HEIGHT * level), new_size >> (_HEIGHT * level)
        if old == new:
            return
        for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            yield TileName(level=level, index=index, width=min(TILE_WIDTH, new - index * TILE_WIDTH))


def tile_bytes(name: TileName, hashes: Sequence[bytes]) -> bytes:
    """Return the file of the tile ``name`` over its ``width`` hashes (level 0: of leaves; above: of full tiles)."""
    if name.level is None:
        raise ValueError("entries are no hashes: use write_entry_bundle")
    if len(hashes) != name.width or any(len(value) != HASH_SIZE for value in hashes):
        raise ValueError(f"the tile {name.path} holds {name.width} hashes of {HASH_SIZE} bytes")
    return b"".join(hashes)


def tile_of(tree: Subtrees, name: TileName) -> bytes:
    """Return the file of the tile ``name`` of a tree that has all its hashes."""
    level, first = name.level or 0, name.index * TILE_WIDTH
    return tile_bytes(name, [tree.node(_HEIGHT * level, number) for number in range(first, first + name.width)])


def tile_hashes(name: TileName, data: bytes) -> tuple[bytes, ...]:
    """Return the hashes of a tile's file; a longer (later) file of the same tile is cut to ``width``."""
    if not name.width * HASH_SIZE <= len(data) <= TILE_WIDTH * HASH_SIZE or len(data) % HASH_SIZE:
        raise VerificationError(f"the tile {name.path} does not have {len(data)} bytes", step="tile")
    return tuple(data[start : start + HASH_SIZE] for start in range(0, name.width * HASH_SIZE, HASH_SIZE))


def write_entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the file of 1 to 256 entries, each of at most 65,535 bytes behind its length in two."""
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes goes in by digest: a bundle holds {MAX_ENTRY_BYTES}")
        parts += [len(entry).to_bytes(2, "big"), entry]
    if not 1 <= len(parts) // 2 <= TILE_WIDTH:
        raise ValueError(f"a bundle holds 1 to {TILE_WIDTH} entries, not {len(parts) // 2}")
    return b"".join(parts)


def read_entry_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle's file; raise ``VerificationError`` with step "tile" for any other bytes."""
    entries: list[bytes] = []
    start = 0
    while start < len(data):
        if len(entries) == TILE_WIDTH:
            raise VerificationError(f"a bundle holds at most {TILE_WIDTH} entries", step="tile")
        body = start + 2
        end = body + int.from_bytes(data[start:body], "big")
        if body > len(data) or end > len(data):
            raise VerificationError("the bundle ends within an entry", step="tile")
        entries.append(data[body:end])
        start = end
    if not entries:
        raise VerificationError("the bundle is empty, and an empty one has no file", step="tile")
    return entries


class TiledTree(Subtrees):
    """A tree of ``size`` leaves, read from tiles as they are needed, each checked against what is above it.

    With ``root`` (32 bytes, of a signed checkpoint) everything is proved up to it; without, only to the tiles of the
    right edge. ``fetch`` returns a tile's file. A wrong tile raises ``VerificationError`` with step "tile".
    """

    __slots__ = ("_cached", "_edge", "_fetch", "_size")

    def __init__(self, size: int, fetch: Callable[[TileName], bytes], *, root: bytes | None = None) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise ValueError(f"a tree has 0 to {MAX_SIZE} leaves, not {size}")
        self._size = size
        self._fetch = fetch
        self._cached: OrderedDict[TileName, Tree] = OrderedDict()
        # 1. The partial tiles of all levels are the perfect subtrees that the root is made of.
        self._edge: dict[TileName, Tree] = {}
        for level in count():
            full, width = divmod(size >> (_HEIGHT * level), TILE_WIDTH)
            if width:
                name = TileName(level=level, index=full, width=width)
                self._edge[name] = self._fetched(name)
            if not full:
                break
        # 2. So they are right if the root is; every full tile has its own root in one of them, or in a full one.
        if root is not None and self.root() != root:
            raise VerificationError(f"the tiles of size {size} lead to another root", step="tile")

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def node(self, level: int, index: int) -> bytes:
        """Return the root over leaves [index * 2^level, (index + 1) * 2^level), all of which the tree has."""
        tile_level, height = divmod(level, _HEIGHT)
        number, place = divmod(index, TILE_WIDTH >> height)
        return self._tile(tile_level, number).node(height, place)

    def entries(self, bundle: int) -> list[bytes]:
        """Fetch bundle number ``bundle`` and return its entries, each equal to its leaf hash."""
        leaves = self._tile(0, bundle)
        name = TileName(level=None, index=bundle, width=leaves.size)
        found = read_entry_bundle(self._fetch(name))[: name.width]
        if len(found) < name.width:
            raise VerificationError(f"the bundle {name.path} holds {len(found)} entries", step="tile")
        for place, entry in enumerate(found):
            if leaf_hash(entry) != leaves.leaf(place):
                index = name.start + place
                raise VerificationError(f"entry {index} is not what its leaf says", step="tile", index=index)
        return found

    def _tile(self, level: int, index: int) -> Tree:
        width = min(TILE_WIDTH, (self._size >> (_HEIGHT * level)) - index * TILE_WIDTH)
        if width < 1:
            raise ValueError(f"a tree of {self._size} has no tile {index} on level {level}")
        name = TileName(level=level, index=index, width=width)
        if name in self._edge:
            return self._edge[name]
        if name in self._cached:
            self._cached.move_to_end(name)
            return self._cached[name]
        # At most seven levels up: every full tile has a parent, the last of which is on the edge.
        expected = self._tile(level + 1, index // TILE_WIDTH).leaf(index % TILE_WIDTH)
        tile = self._fetched(name)
        if tile.root() != expected:
            raise VerificationError(f"the tile {name.path} is not what the tile above it says", step="tile")
        self._cached[name] = tile
        if len(self._cached) > _CACHED_TILES:
            self._cached.popitem(last=False)
        return tile

    def _fetched(self, name: TileName) -> Tree:
        return Tree(tile_hashes(name, self._fetch(name)))
