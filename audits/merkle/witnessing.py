"""What a witness is asked and what it must answer, and how the log reads that; both as pure functions.

It never keeps anything: the caller holds the lock under which it reads what is known, decides and stores.

c2sp.org/tlog-witness v1.0.0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from audits.merkle.checkpoints import Checkpoint
from audits.merkle.cosignatures import WitnessKey
from audits.merkle.notes import VerifyingKey
from audits.merkle.tree import EMPTY_ROOT

SIZE_CONTENT_TYPE = "text/x.tlog.size"
"""Content type of the answer 409."""


@dataclass(frozen=True, kw_only=True)
class AddCheckpoint:
    """The request: the size that the log thinks the witness knows, the proof from it, the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read a request's body; raise ``VerificationError`` with step "request"."""
        raise NotImplementedError

    def format(self) -> bytes:
        """Return the request's body."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Known:
    """The latest checkpoint that the witness has cosigned for a log: nothing yet is size 0."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer. 200 has no body yet: the caller stores ``checkpoint``, then cosigns."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request whose checkpoint a trusted key of its origin signed."""

    request: AddCheckpoint
    checkpoint: Checkpoint


def examine(body: bytes, logs: Iterable[VerifyingKey]) -> Asked | Answer:
    """Return the request, or the answer 400 (malformed), 404 (unknown origin) or 403 (signature)."""
    raise NotImplementedError


def decide(asked: Asked, known: Known) -> Answer:
    """Return the answer 200, or 400 (old size above the new), 409 (not the size that is known), 422 (proof)."""
    raise NotImplementedError


def read_cosignatures(body: bytes, note: str | bytes, keys: Iterable[WitnessKey]) -> list[tuple[WitnessKey, int, str]]:
    """Read the answer 200: each line that a key of ``keys`` made over ``note``: key, Unix time, line with newline.

    Lines of unknown keys are left out. Raises ``VerificationError`` with step "cosignature".
    """
    raise NotImplementedError


def read_size(body: bytes) -> int:
    """Read the answer 409: the size that the witness knows; raise ``VerificationError`` with step "cosignature"."""
    raise NotImplementedError
