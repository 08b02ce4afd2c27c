"""Publishes the log: the tiles of the newest signed checkpoint as files, then the checkpoint.

Safe to kill anywhere and to run many times: what is missing is made again. Never publishes a checkpoint that is not
proved consistent with the one published before, and never a smaller one.

c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint; consistency by RFC 9162 section 2.1.4.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS

from audits.errors import NotFound
from audits.local_secrets import replace_file
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.errors import VerificationError
from audits.merkle.tiles import TILE_WIDTH, TiledTree, TileName, changed_tiles, tile_bytes, tile_hashes
from audits.merkle.tree import verify_consistency
from audits.models.trail import Checkpoint as CheckpointRow
from audits.trail.keys import signer_state, trail_keys
from audits.trail.log import is_signed_as, latest_checkpoint
from audits.trail.publishing.cosigned import cosigned_note
from audits.trail.publishing.files import PublishingAlarm, TileFiles
from audits.trail.publishing.source import TileSource, subtree_root

_AT_ONCE = 2**20  # Entries whose tiles are held in memory before they are written.

Ask = Callable[[CheckpointRow, TiledTree], None]
"""Asks witnesses about a checkpoint whose tiles are written; keeps what they answer, and never raises for them."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What one run did: tiles written, the published size now, and whether a newer checkpoint waits."""

    tiles: int
    size: int
    more: bool


class Publisher:
    """One candidate for one folder. ``ask`` is asked about each checkpoint before it is published."""

    def __init__(self, files: TileFiles, *, ask: Ask | None = None, using: str = DEFAULT_DB_ALIAS) -> None:
        self._files = files
        self._source = TileSource(files, using=using)
        self._ask = ask
        self._mended = False

    def run(self) -> Published | None:
        """Publish the newest checkpoint; None where another publisher writes to the folder.

        Raises PublishingAlarm, and publishes nothing, where it is not consistent with what was published.
        """
        with self._files.alone() as mine:
            return self._run() if mine else None

    def _run(self) -> Published:
        before = self._published()
        newest = latest_checkpoint()
        if newest is None or newest.size == 0:
            if before is not None and before.size:
                raise _rolled_back(before, 0)
            return Published(tiles=0, size=0, more=False)
        if before is not None and newest.size < before.size:
            raise _rolled_back(before, newest.size)
        written = 0
        if before is not None and not self._mended:
            written = self._mend(before)
        self._mended = True
        target = self._next_after(0 if before is None else before.size, newest)
        checkpoint = Checkpoint(origin=trail_keys().origin, size=target.size, root=bytes(target.root))
        if before is not None and before.size == checkpoint.size and before.root != checkpoint.root:
            raise _forked(before, checkpoint)
        if before is None or checkpoint.size > before.size:
            written += self._write_tiles(before, checkpoint)
        last = target.size == newest.size
        if self._ask is not None and last:
            self._ask(target, TiledTree(target.size, self._source.fetch, root=checkpoint.root))
        note = cosigned_note(target)
        if note != self._files.checkpoint():
            self._files.publish(note)
            # Outside the folder, so that the verification misses what is removed with all of it.
            replace_file(signer_state().beside("published"), note.encode("utf-8"))
        if before is not None:
            for name in changed_tiles(before.size, checkpoint.size):
                self._files.forget_partial(name)
        return Published(tiles=written, size=target.size, more=not last)

    def _published(self) -> Checkpoint | None:
        note = self._files.checkpoint()
        if note is None:
            return None
        try:
            return trail_keys().open(note)
        except VerificationError as error:
            raise PublishingAlarm(
                f"The published checkpoint ({self._files.folder / 'checkpoint'}) is not signed by the trail's keys: "
                f"{error.message}. Keep the file for whoever audits, then remove it: the folder is filled anew."
            ) from error

    def _next_after(self, size: int, newest: CheckpointRow) -> CheckpointRow:
        """The newest checkpoint, or one on the way to it where the tiles up to it would not fit in memory."""
        if newest.size - size <= _AT_ONCE:
            return newest
        keys = trail_keys()
        for rows in (
            CheckpointRow.objects.filter(size__gt=size, size__lte=size + _AT_ONCE).order_by("-size"),
            CheckpointRow.objects.filter(size__gt=size + _AT_ONCE).order_by("size"),
        ):
            for row in rows.iterator(chunk_size=10):
                if is_signed_as(row, keys):
                    return row
        return newest

    def _write_tiles(self, before: Checkpoint | None, checkpoint: Checkpoint) -> int:
        """Make the tiles in memory, prove them, then write them; how many."""
        tiles = self._tiles(0 if before is None else before.size, checkpoint.size)

        def fetch(name: TileName) -> bytes:
            return tiles[name] if name in tiles else self._source.fetch(name)

        try:
            # 1. They hash to the root that was signed.
            tree = TiledTree(checkpoint.size, fetch)
            if tree.root() != checkpoint.root:
                raise PublishingAlarm(
                    f"The tiles of {checkpoint.size} entries do not hash to the checkpoint signed for them: entries or "
                    "published tiles were changed. Nothing more is published; run ./run verify to see where."
                )
            # 2. The tree that was published is its beginning.
            if before is not None and before.size:
                verify_consistency(
                    first=before.size,
                    first_root=before.root,
                    second=checkpoint.size,
                    second_root=checkpoint.root,
                    proof=tree.consistency_proof(before.size),
                )
        except (VerificationError, NotFound) as error:
            raise PublishingAlarm(
                f"The checkpoint of {checkpoint.size} entries is not consistent with what was published: {error}. "
                "Nothing more is published; run ./run verify."
            ) from error
        # 3. Files that nobody looks for until the checkpoint is there.
        for name, data in tiles.items():
            self._files.add(name, data)
        self._files.sync()
        return len(tiles)

    def _tiles(self, old: int, new: int) -> dict[TileName, bytes]:
        """The tiles by which the tree of ``new`` entries differs from that of ``old``."""
        leaves = self._source.leaves(old, new - old)
        made: dict[TileName, bytes] = {}
        for name in changed_tiles(old, new):
            level = name.level or 0
            first = name.index * TILE_WIDTH
            known = min(max((old >> (8 * level)) - first, 0), name.width)
            hashes: list[bytes] = []
            if known:
                part = TileName(level=name.level, index=name.index, width=known)
                hashes += tile_hashes(part, self._source.fetch(part))
            if level == 0:
                hashes += leaves[first + known - old : first + name.width - old]
            else:
                for index in range(first + known, first + name.width):
                    child = TileName(level=level - 1, index=index)
                    data = made[child] if child in made else self._source.fetch(child)
                    hashes.append(subtree_root(tile_hashes(child, data)))
            made[name] = tile_bytes(name, hashes)
        return made

    def _mend(self, published: Checkpoint) -> int:
        """Make again what is missing of the published tree, proved against its root; how many."""
        missing = [name for name in changed_tiles(0, published.size) if not self._files.has(name)]
        for name in missing:
            data = self._source.derived(name)
            tree = TiledTree(
                published.size,
                lambda asked, name=name, data=data: data if asked == name else self._source.fetch(asked),  # type: ignore[misc]
                root=published.root,
            )
            try:
                tree.leaf(name.start)
            except VerificationError as error:
                raise PublishingAlarm(
                    f"The published tile {name.path} is gone, and the database's entries do not make it again: "
                    f"{error.message}. Run ./run verify."
                ) from error
            self._files.add(name, data)
        self._files.sync()
        return len(missing)


def _rolled_back(before: Checkpoint, size: int) -> PublishingAlarm:
    return PublishingAlarm(
        f"A checkpoint of {before.size} entries was published, the newest in the database is of {size}: the database "
        "was rolled back or checkpoints were removed. Nothing is published until it is explained.",
        code="rolled_back",
    )


def _forked(before: Checkpoint, now: Checkpoint) -> PublishingAlarm:
    return PublishingAlarm(
        f"Two checkpoints of {now.size} entries bear the trail's signature, the published one with root "
        f"{before.root.hex()}, the database's with {now.root.hex()}: the log was forked. Keep both, and call whoever "
        "audits it.",
        code="forked",
    )
