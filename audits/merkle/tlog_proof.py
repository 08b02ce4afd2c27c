"""The receipt: one text that proves, offline, that an entry is in a log.

It never proves anything without the verifier's own policy, and its extra data is covered by no signature.

c2sp.org/tlog-proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audits.merkle.policy import Judgement, Policy


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
    raise NotImplementedError


def read_tlog_proof(text: str | bytes) -> TlogProof:
    """Read a receipt; raise ``VerificationError`` with step "receipt" for any other text."""
    raise NotImplementedError


def verify_tlog_proof(text: str | bytes, body: bytes, policy: Policy) -> Proved:
    """Prove that the entry ``body`` is in a log of ``policy``, under a checkpoint that meets its quorum."""
    raise NotImplementedError
