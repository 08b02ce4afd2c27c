"""The signer's own memory of the last checkpoint it signed, outside the database.

A file written aside, synced and renamed. It is what turns a database that was rolled back into an alarm: a
signer that forgot would sign a fork. Never deleted and never made smaller by Countersign.
"""

import os
from pathlib import Path

from audits.errors import DomainError
from audits.merkle.checkpoints import Checkpoint, open_checkpoint
from audits.merkle.notes import VerifyingKey


class TrailAlarm(DomainError):
    """The trail is not as it was signed. Nothing is signed until a person has looked."""

    code = "trail_alarm"
    status = 409


class SignerState:
    """The last signed checkpoint in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        return self._path.exists()

    def load(self, key: VerifyingKey) -> Checkpoint | None:
        """The last signed checkpoint, its signature checked; None before the first."""
        if not self.exists():
            return None
        try:
            return open_checkpoint(self.note(), key)
        except ValueError as error:
            raise TrailAlarm(
                f"The signer's memory ({self._path}) does not hold a checkpoint signed with the present key: "
                f"{error}. Restore the file or the key; do not delete it.",
                code="signer_state",
            ) from error

    def note(self) -> str:
        return self._path.read_text(encoding="utf-8")

    def store(self, note: str) -> None:
        """Durable on return: the file is synced, renamed, and its folder synced."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._path.with_suffix(".new")
        with open(aside, "w", encoding="utf-8", opener=_private) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def is_signed(note: str, key: VerifyingKey) -> bool:
    """Whether the text is a checkpoint that this key has signed."""
    try:
        open_checkpoint(note, key)
    except ValueError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
