"""What the witness remembers: for each log the last checkpoint that it cosigned, one file each.

It never answers from memory: what is on the disk is what counts, before and after a crash.
"""

import fcntl
import hashlib
import os
from pathlib import Path

from audits.local_secrets import replace_file, sync_folder
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.errors import VerificationError
from audits.merkle.notes import take_apart
from audits.merkle.witnessing import Known
from governance.witness.errors import WitnessError

MAX_FORKS = 100
"""Most contradictory checkpoints that are kept as evidence."""

_LONGEST_FILE = 1_000_000


class DamagedStateError(Exception):
    """A file of the state is not what the witness wrote; nothing may be cosigned for its log."""


class State:
    """The state in ``folder``, which belongs to this process until ``close``.

    Every file is the log's own signed note, so that whoever looks into the folder can read and verify it. The caller
    keeps two threads from working on one log at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise WitnessError(f"{folder} cannot hold the state: {error.strerror or error}") from None
        try:
            # Held by the process: it ends with it, however it ends.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise WitnessError(
                f"another witness runs on {folder}: two could cosign contradictory checkpoints; stop it first"
            ) from None

    def close(self) -> None:
        """Give the folder free."""
        os.close(self._lock)

    def known(self, origin: str) -> Known:
        """Return the size and root that were cosigned last, nothing yet where the log is new."""
        try:
            with self._path(origin).open("rb") as file:
                note = file.read(_LONGEST_FILE + 1)
        except FileNotFoundError:
            return Known()
        try:
            checkpoint = Checkpoint.parse(take_apart(note)[0])
        except VerificationError as error:
            raise DamagedStateError(f"{self._path(origin)}: {error.message}") from None
        if checkpoint.origin != origin:
            raise DamagedStateError(f"{self._path(origin)} is of the log {checkpoint.origin!r}")
        return Known(size=checkpoint.size, root=checkpoint.root)

    def keep(self, origin: str, note: str) -> None:
        """Put ``note`` in the last one's place, durable on return, whole or not at all."""
        replace_file(self._path(origin), note.encode("utf-8"))

    def keep_fork(self, origin: str, note: str) -> Path | None:
        """Keep a checkpoint that contradicts the one that was cosigned: both signed, they convict the log.

        None where there are too many already.
        """
        folder = self._folder / "forks"
        folder.mkdir(exist_ok=True, mode=0o700)
        digest = hashlib.sha256(note.encode("utf-8")).hexdigest()
        path = folder / f"{self._path(origin).stem[:16]}-{digest[:32]}.checkpoint"
        if not path.exists():
            if sum(1 for _ in folder.iterdir()) >= 2 * MAX_FORKS:
                return None
            cosigned = path.with_suffix(".cosigned")
            replace_file(cosigned, self._path(origin).read_bytes())
            replace_file(path, note.encode("utf-8"))
            sync_folder(self._folder)
        return path

    def _path(self, origin: str) -> Path:
        # An origin may hold anything but a newline, and be longer than a file's name.
        return self._folder / f"{hashlib.sha256(origin.encode('utf-8')).hexdigest()}.checkpoint"
