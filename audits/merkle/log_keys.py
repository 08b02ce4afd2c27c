"""The keys of one log: the one that signs now, and retired ones, each good up to the last size it may have signed.

Never accepts a checkpoint that only a retired key signed beyond its last size: whoever finds an old key can sign no
newer log with it.

C2SP signed-note and tlog-checkpoint; the list of retired keys is one line a key, ``vkey last``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from audits.merkle.checkpoints import MAX_SIZE, Checkpoint
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import VerifyingKey, open_note

_MAX_LIST = 65_536


@dataclass(frozen=True, kw_only=True)
class RetiredKey:
    """A key that signs no more. ``last`` is the size of the last checkpoint that it may have signed."""

    key: VerifyingKey
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.last <= MAX_SIZE:
            raise VerificationError(f"a tree has 0 to {MAX_SIZE} entries", step="key")

    @property
    def line(self) -> str:
        """As it is written in a list of retired keys: ``vkey last``."""
        return f"{self.key.vkey} {self.last}"


def parse_retired(text: str) -> tuple[RetiredKey, ...]:
    """Read a list of retired keys: ``vkey last``, separated by commas or new lines, ``#`` begins a remark.

    Raises ``VerificationError`` with step "key".
    """
    if len(text) > _MAX_LIST:
        raise VerificationError(f"a list of retired keys has at most {_MAX_LIST} characters", step="key")
    return tuple(_retired(line) for line in _lines(text))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for part in line.partition("#")[0].split(","):
            if part.strip():
                yield part.strip()


def _retired(line: str) -> RetiredKey:
    vkey, _, last = line.partition(" ")
    if not (last.strip().isascii() and last.strip().isdigit() and len(last.strip()) < 20):
        raise VerificationError(f"a retired key reads: vkey, space, last size; not {excerpt(line)}", step="key")
    return RetiredKey(key=VerifyingKey.parse(vkey), last=int(last))


@dataclass(frozen=True, kw_only=True)
class TrailKeys:
    """The keys that speak for one log. All bear its name, which is the origin of its checkpoints.

    A present key that is listed as retired too is good up to that size alone: it waits for its successor.
    """

    present: VerifyingKey
    retired: tuple[RetiredKey, ...] = ()

    def __post_init__(self) -> None:
        for retired in self.retired:
            if retired.key.name != self.present.name:
                raise VerificationError(
                    f"the retired key of {excerpt(retired.key.name)} is not of the log {excerpt(self.present.name)}",
                    step="key",
                )

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.present.name

    def all(self) -> tuple[VerifyingKey, ...]:
        """Every key once, the present one first."""
        return tuple(dict.fromkeys((self.present, *(retired.key for retired in self.retired))))

    def last_of(self, key: VerifyingKey) -> int | None:
        """The last size that this key may have signed; None where there is no such limit. KeyError for a stranger."""
        sizes = [retired.last for retired in self.retired if retired.key == key]
        if sizes:
            return min(sizes)
        if key != self.present:
            raise KeyError(key.vkey)
        return None

    def open(self, note: str | bytes) -> Checkpoint:
        """Return the checkpoint that the present key signed, or a retired one within its last size.

        Raises ``VerificationError`` with step "note" (format, signature, a retired key) or "checkpoint" (text, origin).
        """
        return self.opened_by(note)[0]

    def opened_by(self, note: str | bytes) -> tuple[Checkpoint, VerifyingKey]:
        """As ``open``, with the key that the checkpoint rests on: the present one where it signed."""
        opened = open_note(note, self.all())
        checkpoint = Checkpoint.parse(opened.text)
        if checkpoint.origin != self.origin:
            raise VerificationError(
                f"the checkpoint is of the log {excerpt(checkpoint.origin)}, the key of {excerpt(self.origin)}",
                step="checkpoint",
            )
        signers = {(signature.name, signature.key_id) for signature in opened.verified}
        for key in self.all():
            last = self.last_of(key)
            if (key.name, key.key_id) in signers and (last is None or checkpoint.size <= last):
                return checkpoint, key
        raise VerificationError(
            f"the checkpoint of {checkpoint.size} entries is signed by a retired key only, beyond the last size that "
            "it may have signed",
            step="note",
        )

    def signed(self, note: str | bytes) -> bool:
        """Whether the note is a checkpoint of this log that one of its keys may have signed."""
        try:
            self.open(note)
        except VerificationError:
            return False
        return True
