"""Cosignatures: what a witness says about a checkpoint, and when.

It never cosigns on its own judgment: whoever calls ``cosign`` has checked the log's signature and consistency.

c2sp.org/tlog-cosignature v1.0.1: type 0x04 (Ed25519, cosignature/v1) and type 0x06 (ML-DSA-44, subtree/v1).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Algorithm: TypeAlias = Literal["ed25519", "ml-dsa-44"]


@dataclass(frozen=True, kw_only=True)
class WitnessKey:
    """A witness's name and the public key (32 bytes for Ed25519, 1,312 for ML-DSA-44) that speaks for it."""

    name: str
    public: bytes
    algorithm: Algorithm = "ed25519"

    @classmethod
    def parse(cls, vkey: str) -> "WitnessKey":
        """Read ``name+hex8+base64``; raise ``VerificationError`` with step "key" if it contradicts itself."""
        raise NotImplementedError

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name || 0x0A || type || public key)."""
        raise NotImplementedError

    @property
    def vkey(self) -> str:
        """The key in one line, as it is published: ``name+hex8+base64``."""
        raise NotImplementedError

    def signed(self, signature: bytes, text: bytes) -> bool:
        """Tell whether ``signature`` (time and signature) is this key's over the checkpoint ``text``."""
        raise NotImplementedError


class Cosigner:
    """A witness's name and its private key; it never shows the private half except where it is asked to."""

    @classmethod
    def from_seed(cls, name: str, seed: bytes, algorithm: Algorithm = "ed25519") -> "Cosigner":
        """Return the key of 32 secret bytes."""
        raise NotImplementedError

    @classmethod
    def parse(cls, line: str) -> "Cosigner":
        """Read what ``to_line`` writes; raise ``ValueError`` for anything else, never showing it."""
        raise NotImplementedError

    def to_line(self) -> str:
        """Return the secret key in one line: ``PRIVATE+KEY+name+hex8+base64``, as Go's notes keep theirs."""
        raise NotImplementedError

    @property
    def witness_key(self) -> WitnessKey:
        """The half that may be given away."""
        raise NotImplementedError


def cosign(note: str | bytes, key: Cosigner, *, at: int) -> str:
    """Return the signature line, with its newline, by which ``key`` cosigns the note's checkpoint at Unix time ``at``.

    ``note + line`` is the cosigned note.
    """
    raise NotImplementedError


def verify_cosignature(note: str | bytes, key: WitnessKey) -> int:
    """Return the Unix time at which ``key`` cosigned the note's checkpoint, the earliest where it did so often.

    Raises ``VerificationError`` with step "cosignature" where no line is the key's or one of its lines does not hold.
    """
    raise NotImplementedError
