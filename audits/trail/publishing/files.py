"""The published log as files in one folder: ``checkpoint`` and ``tile/...``, to be served as they are.

A tile's file is written once and never changed; a checkpoint is replaced whole, after all its tiles are durable.

c2sp.org/tlog-tiles.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audits.local_secrets import sync_folder
from audits.merkle.tiles import TILE_WIDTH, TileName, tile_hashes
from audits.trail.signer_state import TrailAlarm

_ASIDE = ".new"


class PublishingAlarm(TrailAlarm):
    """What would be published is not what was published before. Nothing is, until a person has looked."""

    code = "publishing"


class TileFiles:
    """One folder. Reading needs no lock; whoever writes holds ``alone``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unsynced: set[Path] = set()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this is the one that may write, until the block ends or the process does."""
        self._make(self.folder)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            self._clear_aside()
            yield True
        finally:
            os.close(descriptor)

    def read(self, name: TileName) -> bytes | None:
        """The tile's bytes; of a partial one also from a wider file of the same tile that took its place."""
        with suppress(FileNotFoundError):
            return self._path(name).read_bytes()
        if name.width < TILE_WIDTH:
            with suppress(FileNotFoundError):
                whole = self._path(TileName(level=name.level, index=name.index)).read_bytes()
                return b"".join(tile_hashes(name, whole))
        return None

    def has(self, name: TileName) -> bool:
        return self._path(name).exists() or (
            name.width < TILE_WIDTH and self._path(TileName(level=name.level, index=name.index)).exists()
        )

    def add(self, name: TileName, data: bytes) -> None:
        """Write a tile; durable after ``sync``. Raises PublishingAlarm where other bytes stand there."""
        path = self._path(name)
        self._make(path.parent)
        aside = self.folder / _ASIDE / path.name
        self._write(aside, data)
        try:
            os.link(aside, path)
        except FileExistsError:
            if path.read_bytes() != data:
                raise PublishingAlarm(
                    f"The published tile {name.path} is not what the log's entries make: run ./run verify."
                ) from None
        aside.unlink()
        self._unsynced.add(path.parent)

    def sync(self) -> None:
        """Everything added is durable on return."""
        for folder in sorted(self._unsynced):
            sync_folder(folder)
        self._unsynced.clear()

    def checkpoint(self) -> str | None:
        """The published checkpoint; None before the first."""
        try:
            return (self.folder / "checkpoint").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def publish(self, note: str) -> None:
        """Put the checkpoint in the place of the one before; durable on return. Its tiles are durable already."""
        aside = self.folder / _ASIDE / "checkpoint"
        self._write(aside, note.encode("utf-8"))
        aside.replace(self.folder / "checkpoint")
        sync_folder(self.folder)

    def partial_widths(self, name: TileName) -> list[int]:
        """The widths of the partial files that a tile has at present."""
        full = self._path(TileName(level=name.level, index=name.index))
        with suppress(FileNotFoundError):
            return sorted(
                int(file.name) for file in full.with_name(f"{full.name}.p").iterdir() if file.name.isdecimal()
            )
        return []

    def forget_partial(self, name: TileName) -> None:
        """Remove the partial files of a tile whose full file stands there."""
        full = self._path(TileName(level=name.level, index=name.index))
        folder = full.with_name(f"{full.name}.p")
        if full.exists() and folder.is_dir():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()

    def _path(self, name: TileName) -> Path:
        return self.folder / name.path

    def _write(self, path: Path, data: bytes) -> None:
        self._make(path.parent)
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it; each new name is durable."""
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True, mode=0o755)
            sync_folder(folder.parent)

    def _clear_aside(self) -> None:
        """What a writer that was killed left unfinished."""
        with suppress(FileNotFoundError):
            for file in (self.folder / _ASIDE).iterdir():
                file.unlink()
