"""Tiles to read: from the published files, and from the database where there is none yet.

Never trusts either: whoever reads proves what it reads against a signed root.
"""

from collections.abc import Iterator

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from audits.errors import NotFound
from audits.merkle.tiles import TILE_WIDTH, TileName, tile_bytes, tile_hashes
from audits.merkle.tree import node_hash
from audits.trail.publishing.files import TileFiles

_CHILDREN = 64  # Full tiles of leaves that are read from the database at a time.


def tile_files() -> TileFiles:
    """The folder that tiles are published in."""
    return TileFiles(settings.TILES_DIR)


def subtree_root(hashes: list[bytes] | tuple[bytes, ...]) -> bytes:
    """The hash over a full tile: what the tile above holds for it."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


class TileSource:
    """``fetch`` is what a TiledTree reads with. ``files`` None: everything from the database."""

    def __init__(self, files: TileFiles | None, *, using: str = DEFAULT_DB_ALIAS) -> None:
        self._files = files
        self._using = using

    def fetch(self, name: TileName) -> bytes:
        """The tile's bytes. Raises NotFound where neither files nor database have all of it."""
        data = self._files.read(name) if self._files is not None else None
        return self.derived(name) if data is None else data

    def derived(self, name: TileName) -> bytes:
        """The tile's bytes, made from what is below it."""
        return tile_bytes(name, list(self._nodes(name.level or 0, name.index * TILE_WIDTH, name.width)))

    def leaves(self, first: int, count: int) -> list[bytes]:
        """The leaf hashes of so many entries. Raises NotFound."""
        with connections[self._using].cursor() as cursor:
            cursor.execute(
                "SELECT leaf_hash FROM audits_entry WHERE index >= %s AND index < %s ORDER BY index",
                [first, first + count],
            )
            found = [bytes(leaf) for (leaf,) in cursor.fetchall()]
        if len(found) != count:
            raise NotFound(f"The database does not hold the entries {first} to {first + count - 1}.")
        return found

    def _nodes(self, level: int, first: int, count: int) -> Iterator[bytes]:
        """``count`` hashes of a level: leaves of the database, or hashes over full tiles below."""
        if level == 0:
            yield from self.leaves(first, count)
            return
        at = first
        while at < first + count:
            child = TileName(level=level - 1, index=at)
            data = self._files.read(child) if self._files is not None else None
            if data is not None:
                yield subtree_root(tile_hashes(child, data))
                at += 1
                continue
            run = 1
            most = min(first + count - at, max(1, _CHILDREN // TILE_WIDTH ** (level - 1)))
            while run < most and not (self._files and self._files.has(TileName(level=level - 1, index=at + run))):
                run += 1
            hashes = list(self._nodes(level - 1, at * TILE_WIDTH, run * TILE_WIDTH))
            for start in range(0, len(hashes), TILE_WIDTH):
                yield subtree_root(hashes[start : start + TILE_WIDTH])
            at += run
