"""What a witness is asked and what it must answer, and how the log reads that; both as pure functions.

It never keeps anything: the caller holds the lock under which it reads what is known, decides and stores.

c2sp.org/tlog-witness v1.0.0.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from audits.merkle.checkpoints import MAX_SIZE, Checkpoint
from audits.merkle.cosignatures import WitnessKey, cosigned_at
from audits.merkle.encoding import from_base64, to_base64
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import MAX_NOTE_BYTES, MAX_SIGNATURES, VerifyingKey, open_note, take_apart
from audits.merkle.tree import EMPTY_ROOT, HASH_SIZE, verify_consistency

MAX_PROOF = 63
"""Most hashes in one request, as the specification says."""

MAX_REQUEST_BYTES = MAX_NOTE_BYTES
"""Longest request that is read."""

SIZE_CONTENT_TYPE = "text/x.tlog.size"
"""Content type of the answer 409."""

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, kw_only=True)
class AddCheckpoint:
    """The request: the size that the log thinks the witness knows, the proof from it, the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read a request's body; raise ``VerificationError`` with step "request"; its note is not looked at."""
        if len(body) > MAX_REQUEST_BYTES:
            raise VerificationError(f"a request has at most {MAX_REQUEST_BYTES} bytes", step="request")
        try:
            head, empty, note = body.decode("utf-8").partition("\n\n")
        except UnicodeDecodeError:
            raise VerificationError("the request is not UTF-8", step="request") from None
        if not empty:
            raise VerificationError("the request has no empty line before its checkpoint", step="request")
        first, *lines = head.split("\n", MAX_PROOF + 2)
        match = _OLD.fullmatch(first)
        if match is None or int(match[1]) > MAX_SIZE:
            raise VerificationError(f"a request begins with `old N`, not {excerpt(first)}", step="request")
        if len(lines) > MAX_PROOF:
            raise VerificationError(f"a request has at most {MAX_PROOF} hashes", step="request")
        proof = tuple(from_base64(line, step="request", what="a hash of the proof") for line in lines)
        if any(len(value) != HASH_SIZE for value in proof):
            raise VerificationError(f"a hash of the proof has {HASH_SIZE} bytes", step="request")
        return cls(old=int(match[1]), proof=proof, note=note)

    def format(self) -> bytes:
        """Return the request's body."""
        lines = [f"old {self.old}", *map(to_base64, self.proof), "", self.note]
        return "\n".join(lines).encode("utf-8")


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
    """Return the request, or the answer 400 (malformed), 404 (unknown origin) or 403 (signature).

    A log is trusted under its key's name; several keys of one name are one log that changed its key.
    """
    try:
        request = AddCheckpoint.parse(body)
        checkpoint = Checkpoint.parse(take_apart(request.note)[0])
    except VerificationError as error:
        return _refusal(400, error.message)
    keys = [key for key in logs if key.name == checkpoint.origin]
    if not keys:
        return _refusal(404, f"this witness does not know the log {excerpt(checkpoint.origin)}")
    try:
        open_note(request.note, keys)
    except VerificationError as error:
        return _refusal(403, error.message)
    return Asked(request=request, checkpoint=checkpoint)


def decide(asked: Asked, known: Known) -> Answer:
    """Return the answer 200, or 400 (old size above the new), 409 (not the size that is known), 422 (proof).

    409 for a second root at the size that is known is proof of a fork: ``is_fork`` tells it from a stale size.
    """
    old, checkpoint = asked.request.old, asked.checkpoint
    # 1. In the specification's order, so that a client which knows nothing learns the size.
    if old > checkpoint.size:
        return _refusal(400, f"the old size {old} is above the checkpoint's {checkpoint.size}")
    if old != known.size:
        return _conflict(known)
    # 2. The empty tree begins every other, and needs no proof; so does every tree itself.
    if old in (0, checkpoint.size) and asked.request.proof:
        return _refusal(422, "the proof should be empty here")
    if is_fork(asked, known):
        return _conflict(known)
    try:
        verify_consistency(
            first=old,
            first_root=known.root,
            second=checkpoint.size,
            second_root=checkpoint.root,
            proof=asked.request.proof,
        )
    except VerificationError as error:
        return _refusal(422, error.message)
    return Answer(status=200, checkpoint=checkpoint)


def is_fork(asked: Asked, known: Known) -> bool:
    """Tell whether the log has signed another root for the size that the witness cosigned."""
    return asked.checkpoint.size == known.size and asked.checkpoint.root != known.root


def read_cosignatures(body: bytes, note: str | bytes, keys: Iterable[WitnessKey]) -> list[tuple[WitnessKey, int, str]]:
    """Read the answer 200: each line that a key of ``keys`` made over ``note``: key, Unix time, line with newline.

    Lines of unknown keys are left out. Raises ``VerificationError`` with step "cosignature" where no key of ``keys``
    made one, where one does not hold, and for anything that is not signature lines.
    """
    text, _ = take_apart(note)
    if len(body) > MAX_NOTE_BYTES - len(text.encode("utf-8")) - 1:
        raise VerificationError("the witness's answer is too long", step="cosignature")
    try:
        lines = body.decode("utf-8").split("\n", MAX_SIGNATURES + 1)
    except UnicodeDecodeError:
        raise VerificationError("the witness's answer is not UTF-8", step="cosignature") from None
    if lines[-1] or len(lines) == 1:
        raise VerificationError("the witness's answer is not a sequence of signature lines", step="cosignature")
    found = []
    trusted = tuple(keys)
    for line in lines[:-1]:
        alone = f"{text}\n{line}\n"
        for key in trusted:
            found += [(key, at, f"{line}\n") for at in cosigned_at(alone, key)]
    if not found:
        raise VerificationError("the witness's answer holds no cosignature of a known key", step="cosignature")
    return found


def read_size(body: bytes) -> int:
    """Read the answer 409: the size that the witness knows; raise ``VerificationError`` with step "cosignature"."""
    match = _SIZE.fullmatch(body) if len(body) <= 20 else None
    if match is None or int(match[1]) > MAX_SIZE:
        raise VerificationError("the witness's answer 409 does not state a size", step="cosignature")
    return int(match[1])


def _conflict(known: Known) -> Answer:
    return Answer(status=409, body=b"%d\n" % known.size, content_type=SIZE_CONTENT_TYPE)


def _refusal(status: int, why: str) -> Answer:
    return Answer(status=status, body=f"{why}\n".encode())
