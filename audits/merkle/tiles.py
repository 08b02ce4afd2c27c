"""The tree as files: tiles of 256 hashes, bundles of entries, and their paths.

It never trusts what was fetched: a tile counts only where the hash above it, and in the end the root, says so.

c2sp.org/tlog-tiles.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

TILE_WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

MAX_ENTRY_BYTES = 2**16 - 1
"""Longest entry that a bundle can hold."""


@dataclass(frozen=True, kw_only=True)
class TileName:
    """Which tile: ``level`` 0 holds leaf hashes, None names an entry bundle; ``width`` below 256 is partial."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The tile's path below the log's prefix, as in "tile/0/x001/234.p/5" or "tile/entries/000"."""
        raise NotImplementedError


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile of hashes: "tile/0/x001/234.p/5"."""
    raise NotImplementedError


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a bundle of entries: "tile/entries/x001/234.p/5"."""
    raise NotImplementedError


def parse_tile_path(path: str) -> TileName:
    """Read either path; raise ``VerificationError`` with step "tile" for any other spelling."""
    raise NotImplementedError


def changed_tiles(old_size: int, new_size: int) -> Iterator[TileName]:
    """Yield the tiles of hashes that a tree of ``new_size`` has and the tree of ``old_size`` had not.

    Level 0 first, each level in order; the bundle of entries that belongs to a tile of level 0 has its index and width.
    """
    raise NotImplementedError


def tile_bytes(name: TileName, hashes: Sequence[bytes]) -> bytes:
    """Return the file of the tile ``name`` over its ``width`` hashes (level 0: of leaves; above: of full tiles)."""
    raise NotImplementedError


def tile_hashes(name: TileName, data: bytes) -> tuple[bytes, ...]:
    """Return the hashes of a tile's file; a longer (later) file of the same tile is cut to ``width``."""
    raise NotImplementedError


def write_entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the file of 1 to 256 entries, each of at most 65,535 bytes behind its length in two."""
    raise NotImplementedError


def read_entry_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle's file; raise ``VerificationError`` with step "tile" for any other bytes."""
    raise NotImplementedError


class TiledTree:
    """A tree of ``size`` leaves, read from tiles as they are needed, each checked against what is above it.

    With ``root`` (32 bytes, of a signed checkpoint) everything is proved up to it; without, only to the tiles of the
    right edge. ``fetch`` returns a tile's file. A wrong tile raises ``VerificationError`` with step "tile".
    """

    def __init__(self, size: int, fetch: Callable[[TileName], bytes], *, root: bytes | None = None) -> None:
        raise NotImplementedError

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first ``size`` leaves, of all when not given."""
        raise NotImplementedError

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash at ``index``."""
        raise NotImplementedError

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return PATH(index, D[size]), as ``Tree.inclusion_proof``."""
        raise NotImplementedError

    def consistency_proof(self, first: int, second: int | None = None) -> tuple[bytes, ...]:
        """Return PROOF(first, D[second]), as ``Tree.consistency_proof``."""
        raise NotImplementedError

    def entries(self, bundle: int) -> list[bytes]:
        """Fetch bundle number ``bundle`` and return its entries, each equal to its leaf hash."""
        raise NotImplementedError
