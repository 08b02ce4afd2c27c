"""Checkpoints: what a log signs to commit to its whole content, its size and its root.

It never writes or accepts extension lines: nobody who follows the log can audit them.

c2sp.org/tlog-checkpoint v1.0.0. Stricter than it in two points: the key's name is the origin, and sizes stay
below 2^63, which is what Go's and PostgreSQL's integers hold.
"""

import re
from dataclasses import dataclass

from audits.merkle.encoding import from_base64, to_base64
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import NoteSigner, VerifyingKey, open_note
from audits.merkle.tree import EMPTY_ROOT, HASH_SIZE

MAX_SIZE = 2**63 - 1
"""Largest tree that a checkpoint can speak of."""

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The log ``origin`` had ``size`` entries, and the tree over them this ``root`` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or _CONTROL.search(self.origin):
            raise VerificationError("an origin is one line that is not empty", step="checkpoint")
        if not 0 <= self.size <= MAX_SIZE:
            raise VerificationError(f"a tree has 0 to {MAX_SIZE} entries", step="checkpoint")
        if len(self.root) != HASH_SIZE:
            raise VerificationError(f"a root has {HASH_SIZE} bytes, not {len(self.root)}", step="checkpoint")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise VerificationError("the empty tree has another root", step="checkpoint")

    def text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the three lines; raise ``VerificationError`` with step "checkpoint" for any other spelling."""
        lines = text.split("\n", 4)
        if len(lines) != 4 or lines[3]:
            raise VerificationError(
                "a checkpoint here is three lines (origin, size, root) and no extension", step="checkpoint"
            )
        origin, size, root, _ = lines
        if not _SIZE.fullmatch(size):
            raise VerificationError(f"not a tree size: {excerpt(size)}", step="checkpoint")
        return cls(origin=origin, size=int(size), root=from_base64(root, step="checkpoint", what="the root"))


def sign_checkpoint(checkpoint: Checkpoint, key: NoteSigner) -> str:
    """Return the signed note. The caller has proved it consistent with all that ``key`` signed before."""
    if key.name != checkpoint.origin:
        raise ValueError(f"the key of {key.name} does not sign for the log {checkpoint.origin}")
    return key.sign_note(checkpoint.text())


def open_checkpoint(note: str | bytes, key: VerifyingKey) -> Checkpoint:
    """Return the checkpoint that ``key`` signed for the log of its own name.

    Raises ``VerificationError`` with step "note" (format, signature) or "checkpoint" (text, origin).
    """
    checkpoint = Checkpoint.parse(open_note(note, (key,)).text)
    # A key that signs for several logs must not let one log's checkpoint stand for another's.
    if checkpoint.origin != key.name:
        raise VerificationError(
            f"the checkpoint is of the log {excerpt(checkpoint.origin)}, the key of {excerpt(key.name)}",
            step="checkpoint",
        )
    return checkpoint
