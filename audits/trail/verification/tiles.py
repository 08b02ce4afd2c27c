"""The published tiles are those of the tree: every file byte for byte, and the published checkpoint over them.

Never reads further than the published checkpoint says, and never more than one tile of a level into memory.

c2sp.org/tlog-tiles.
"""

from audits.merkle.checkpoints import Checkpoint
from audits.merkle.errors import VerificationError
from audits.merkle.tiles import TILE_WIDTH, TiledTree, TileName
from audits.merkle.tree import HASH_SIZE
from audits.trail.keys import signer_state
from audits.trail.publishing.files import TileFiles
from audits.trail.publishing.source import subtree_root, tile_files
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.report import Findings

_PAGE = 1024  # Leaves between two words on progress.


def check_tiles(matter: Matter, findings: Findings, tell: Tell) -> None:
    """Nothing to check where nothing was published."""
    files = tile_files()
    published = _published(files, matter, findings)
    if published is None:
        return
    size = min(published.size, matter.entries)
    comparing = _Comparing(files, findings, whole=size == published.size)
    done = 0
    for (leaf,) in matter.reader.stream(
        "SELECT leaf_hash FROM audits_entry WHERE index < %s ORDER BY index", [published.size]
    ):
        comparing.add(0, bytes(leaf))
        done += 1
        if not done % _PAGE:
            tell(_PAGE)
    comparing.finish()
    if done == published.size:
        root = TiledTree(done, comparing.edge).root()
        if root != published.root:
            findings.add(
                "published_root",
                f"The published checkpoint of {done} entries has another root than the entries.",
                key="checkpoint",
                trail=root.hex(),
                there=published.root.hex(),
            )


def _check_mark(note: str | None, matter: Matter, findings: Findings) -> None:
    """What the publisher noted beside the signer's memory when it published last."""
    try:
        mark = signer_state().beside("published").read_text(encoding="utf-8")
        noted = matter.keys.open(mark).size
    except (OSError, ValueError):
        return  # Nothing was published, or the note was lost: it is no memory of the signer's.
    try:
        there = matter.keys.open(note).size if note is not None else 0
    except VerificationError:
        return  # The next check says so.
    if there < noted:
        findings.add(
            "published_missing",
            f"A checkpoint of {noted} entries was published, the folder of tiles holds one of {there}: files were "
            "removed, or COUNTERSIGN_TILES_DIR names another folder. A worker publishes what is missing anew.",
            key="checkpoint",
            trail=noted,
            there=there,
        )


def _published(files: TileFiles, matter: Matter, findings: Findings) -> Checkpoint | None:
    note = files.checkpoint()
    _check_mark(note, matter, findings)
    if note is None:
        return None
    findings.checked += 1
    try:
        published = matter.keys.open(note)
    except VerificationError as error:
        findings.add(
            "published_signature",
            f"The published checkpoint is not signed by the trail's keys: {error.message}.",
            key="checkpoint",
            there=note,
        )
        return None
    if published.size > matter.entries:
        # Published since the view was taken, or never signed by this signer.
        remembered = signer_state().load()
        if remembered is None or remembered.size < published.size:
            findings.add(
                "published_beyond",
                f"The published checkpoint is of {published.size} entries, more than the signer remembers: the "
                "database and the signer's memory were set back, or the checkpoint is not the signer's.",
                key="checkpoint",
            )
    return published


class _Comparing:
    """The tree level by level, each tile compared with its file as soon as it is full."""

    def __init__(self, files: TileFiles, findings: Findings, *, whole: bool) -> None:
        self._files = files
        self._findings = findings
        self._whole = whole
        self._hashes: list[list[bytes]] = []
        self._full: list[int] = []  # Full tiles so far, by level.

    def add(self, level: int, value: bytes) -> None:
        if level == len(self._hashes):
            self._hashes.append([])
            self._full.append(0)
        hashes = self._hashes[level]
        hashes.append(value)
        if len(hashes) == TILE_WIDTH:
            self._compare(TileName(level=level, index=self._full[level]), hashes)
            self._full[level] += 1
            self._hashes[level] = []
            self.add(level + 1, subtree_root(hashes))

    def finish(self) -> None:
        """Compare the partial tiles of the right edge."""
        for level, hashes in enumerate(self._hashes):
            if hashes:
                self._compare(TileName(level=level, index=self._full[level], width=len(hashes)), hashes)

    def edge(self, name: TileName) -> bytes:
        """A tile of the right edge, as it should be."""
        return b"".join(self._hashes[name.level or 0][: name.width])

    def _compare(self, name: TileName, hashes: list[bytes]) -> None:
        expected = b"".join(hashes)
        self._findings.checked += 1
        if not self._files.has(name):
            # Of a view that ends before the published checkpoint, the last tiles are not all of theirs.
            if self._whole or name.width == TILE_WIDTH:
                self._findings.add("tile_missing", "A published tile is gone.", key=name.path)
        elif self._files.read(name) != expected:
            self._findings.add("tile_changed", "A published tile is not what the log's entries make.", key=name.path)
        for width in self._files.partial_widths(name):
            part = TileName(level=name.level, index=name.index, width=width)
            if width < name.width and self._files.read(part) != expected[: width * HASH_SIZE]:
                self._findings.add("tile_changed", "A partial tile is not what the log's entries make.", key=part.path)
