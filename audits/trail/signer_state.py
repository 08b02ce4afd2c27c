"""The signer's own memory of the last checkpoint it signed, outside the database.

A file written aside, synced and renamed. It is what turns a database that was rolled back into an alarm: a
signer that forgot would sign a fork. Never deleted and never made smaller by Countersign.
"""

from collections.abc import Callable
from pathlib import Path

from audits.errors import DomainError
from audits.local_secrets import only_one_in, replace_file
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.log_keys import TrailKeys
from audits.merkle.notes import NoteSigner


class TrailAlarm(DomainError):
    """The trail is not as it was signed. Nothing is signed until a person has looked."""

    code = "trail_alarm"
    status = 409


class KeyRetired(TrailAlarm):
    """The key in this process signs no more: another took its place, or is awaited."""

    code = "key_retired"


class SignerState:
    """The last signed checkpoint in one file, read with the keys as they are at that moment."""

    def __init__(self, path: Path, keys: Callable[[], TrailKeys]) -> None:
        self._path = path
        self._keys = keys

    def exists(self) -> bool:
        return self._path.exists()

    def beside(self, name: str) -> Path:
        """Where something of this name is kept beside it, that may be lost."""
        return self._path.with_name(name)

    def keys(self) -> TrailKeys:
        """The keys whose checkpoints are believed."""
        return self._keys()

    def load(self) -> Checkpoint | None:
        """The last signed checkpoint, its signature checked; None before the first. A retired key's counts too."""
        if not self.exists():
            return None
        keys = self._keys()
        try:
            while not keys.signed(self.note()) and keys != (now := self._keys()):
                keys = now  # The key was rotated between the two readings.
            return keys.open(self.note())
        except ValueError as error:
            raise TrailAlarm(
                f"The signer's memory ({self._path}) does not hold a checkpoint signed with the present key, nor with "
                f"a retired one within its last size: {error}. Restore the file or the key; do not delete it.",
                code="signer_state",
            ) from error

    def load_for(self, signer: NoteSigner) -> Checkpoint | None:
        """As ``load``, for whoever is about to sign, under the sequencer's lock. Raises KeyRetired."""
        keys = self._keys()
        if keys.present != signer.verifying_key:
            raise KeyRetired("The trail's key was rotated: the present one is taken up.")
        if keys.last_of(keys.present) is not None:
            raise KeyRetired(
                "The trail's present key is listed as retired: give this process its successor "
                "(COUNTERSIGN_TRAIL_KEY or COUNTERSIGN_TRAIL_KMS) and start it again. Acts wait meanwhile."
            )
        return self.load()

    def note(self) -> str:
        return self._path.read_text(encoding="utf-8")

    def store(self, note: str) -> None:
        """Durable on return: the file is synced, renamed, and its folder synced. Never goes back.

        Whoever signed without knowing that it had lost the sequencer's lock meets what another signed meanwhile:
        raises TrailAlarm, and the file stays as it is.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with only_one_in(self._path.parent):
            try:
                signed = self._keys().open(note)
            except ValueError as error:
                raise KeyRetired(f"The checkpoint is not kept: {error}.") from error
            before = self.load()
            if before is not None and (
                signed.size < before.size or (signed.size == before.size and signed.root != before.root)
            ):
                raise TrailAlarm(
                    f"A checkpoint of {signed.size} entries comes after one of {before.size} that another sequencer "
                    "signed: it is not kept.",
                    code="signer_behind",
                )
            replace_file(self._path, note.encode("utf-8"))
