"""The receipt: one text that proves, offline, that an entry is in a log.

It never proves anything without the verifier's own policy, and its extra data is covered by no signature.

c2sp.org/tlog-proof.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from audits.merkle.checkpoints import MAX_SIZE, Checkpoint
from audits.merkle.encoding import from_base64, to_base64
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import MAX_NOTE_BYTES, VerifyingKey, take_apart
from audits.merkle.policy import Judgement, Policy
from audits.merkle.tree import HASH_SIZE, leaf_hash, verify_inclusion

MAX_EXTRA_BYTES = 100_000
"""Most extra data that is written or read."""

MAX_PROOF = 63
"""Most hashes in one path: what a tree of 2^63 entries needs."""

MAX_RECEIPT_BYTES = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES
"""Longest receipt that is read."""

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, kw_only=True)
class TlogProof:
    """A receipt of the right shape, not yet proved: the entry's index, its path, the signed checkpoint."""

    index: int
    proof: tuple[bytes, ...]
    note: str
    extra: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Proved:
    """The entry is at ``index`` of the log of ``judgement``, whose policy the checkpoint satisfies."""

    index: int
    judgement: Judgement
    extra: bytes | None


def write_tlog_proof(index: int, proof: Sequence[bytes], note: str, extra: bytes | None = None) -> str:
    """Return the receipt; ``note`` is the checkpoint with its signature and cosignature lines."""
    lines = [_FIRST_LINE]
    if extra:
        lines.append(_EXTRA + to_base64(extra))
    lines.append(f"index {index}")
    lines += [to_base64(sibling) for sibling in proof]
    text = "\n".join(lines) + "\n\n" + note
    read_tlog_proof(text)  # No receipt leaves that a reader would refuse.
    return text


def read_tlog_proof(text: str | bytes) -> TlogProof:
    """Read a receipt; raise ``VerificationError`` with step "receipt" for any other text."""
    if len(text) > MAX_RECEIPT_BYTES:
        raise VerificationError(f"a receipt has at most {MAX_RECEIPT_BYTES} bytes", step="receipt")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise VerificationError("the receipt is not UTF-8", step="receipt") from None
    # 1. Everything before the first empty line is the proof, the rest is the checkpoint, verbatim.
    head, empty, note = decoded.partition("\n\n")
    if not empty:
        raise VerificationError("the receipt has no empty line before its checkpoint", step="receipt")
    first, *lines = head.split("\n", MAX_PROOF + 4)
    if first != _FIRST_LINE:
        raise VerificationError(f"a receipt begins with {_FIRST_LINE}, not {excerpt(first)}", step="receipt")
    # 2. Extra data, where there is any.
    extra = None
    if lines and lines[0].startswith(_EXTRA):
        extra = from_base64(lines.pop(0)[len(_EXTRA) :], step="receipt", what="the extra data")
        if not 1 <= len(extra) <= MAX_EXTRA_BYTES:
            raise VerificationError(f"extra data has 1 to {MAX_EXTRA_BYTES} bytes", step="receipt")
    # 3. The index, and the hashes from the leaf's sibling up.
    match = _INDEX.fullmatch(lines.pop(0)) if lines else None
    index = -1 if match is None else int(match[1])
    if not 0 <= index <= MAX_SIZE:
        raise VerificationError("the receipt has no line `index N`", step="receipt")
    if len(lines) > MAX_PROOF:
        raise VerificationError(f"a path has at most {MAX_PROOF} hashes", step="receipt")
    proof = tuple(from_base64(line, step="receipt", what="a hash of the path") for line in lines)
    if any(len(sibling) != HASH_SIZE for sibling in proof):
        raise VerificationError(f"a hash of the path has {HASH_SIZE} bytes", step="receipt")
    # 4. The checkpoint has its shape; its signatures are for the policy.
    Checkpoint.parse(take_apart(note)[0])
    return TlogProof(index=index, proof=proof, note=note, extra=extra)


def verify_tlog_proof(text: str | bytes, body: bytes, policy: Policy, *, logs: Sequence[VerifyingKey] = ()) -> Proved:
    """Prove that the entry ``body`` is in a log of ``policy``, under a checkpoint that meets its quorum.

    ``logs`` are trusted where the policy lists none. Raises ``VerificationError``, whose step says what failed.
    """
    receipt = read_tlog_proof(text)
    judgement = policy.require(receipt.note, logs=logs)
    verify_inclusion(
        leaf=leaf_hash(body),
        index=receipt.index,
        size=judgement.checkpoint.size,
        proof=receipt.proof,
        root=judgement.checkpoint.root,
    )
    return Proved(index=receipt.index, judgement=judgement, extra=receipt.extra)
