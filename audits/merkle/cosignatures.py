"""Cosignatures: what a witness says about a checkpoint, and when.

It never cosigns on its own judgment: whoever calls ``cosign`` has checked the log's signature and consistency.

c2sp.org/tlog-cosignature v1.0.1: type 0x04 (Ed25519, cosignature/v1), and type 0x06 (ML-DSA-44, subtree/v1) of its
successor, over whole trees only.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audits.merkle.checkpoints import Checkpoint
from audits.merkle.encoding import from_base64, to_base64
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import Signature, require_name, signature_line, take_apart

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

Algorithm: TypeAlias = Literal["ed25519", "ml-dsa-44"]
"""Type 0x04 and type 0x06."""

MAX_TIME = 2**63 - 1
"""Latest time that a cosignature can state, in Unix seconds."""

SEED_BYTES = 32
"""Secret bytes of a key of either type."""

_TYPES: dict[bytes, Algorithm] = {b"\x04": "ed25519", b"\x06": "ml-dsa-44"}
_BYTES: dict[Algorithm, bytes] = {"ed25519": b"\x04", "ml-dsa-44": b"\x06"}
_PUBLIC_SIZES: dict[Algorithm, int] = {"ed25519": 32, "ml-dsa-44": 1312}
_SIGNATURE_SIZES: dict[Algorithm, int] = {"ed25519": 64, "ml-dsa-44": 2420}
_TIME_SIZE = 8
_LONGEST_KEY = 4096
_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_SECRET = "PRIVATE+KEY+"  # noqa: S105 - a prefix


@dataclass(frozen=True, kw_only=True)
class WitnessKey:
    """A witness's name and the public key (32 bytes for Ed25519, 1,312 for ML-DSA-44) that speaks for it."""

    name: str
    public: bytes
    algorithm: Algorithm = "ed25519"

    def __post_init__(self) -> None:
        require_name(self.name, step="key")
        expected = _PUBLIC_SIZES[self.algorithm]
        if len(self.public) != expected:
            raise VerificationError(
                f"a public key of {self.algorithm} has {expected} bytes, not {len(self.public)}", step="key"
            )

    @classmethod
    def parse(cls, vkey: str) -> "WitnessKey":
        """Read ``name+hex8+base64``; raise ``VerificationError`` with step "key" if it contradicts itself."""
        match = _VKEY.fullmatch(vkey) if len(vkey) <= _LONGEST_KEY else None
        if match is None:
            raise VerificationError(f"a key reads name+8 hex digits+Base 64, not {excerpt(vkey)}", step="key")
        name, key_id, encoded = match.groups()
        material = from_base64(encoded, step="key", what="the key")
        algorithm = _TYPES.get(material[:1])
        if algorithm is None:
            raise VerificationError("a witness's key is of type 0x04 (Ed25519) or 0x06 (ML-DSA-44)", step="key")
        key = cls(name=name, public=material[1:], algorithm=algorithm)
        if key.key_id.hex() != key_id:
            raise VerificationError(f"the key's id should be {key.key_id.hex()}, not {key_id}", step="key")
        return key

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name || 0x0A || type || public key)."""
        material = self.name.encode() + b"\n" + _BYTES[self.algorithm] + self.public
        return hashlib.sha256(material).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key in one line, as it is published: ``name+hex8+base64``."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(_BYTES[self.algorithm] + self.public)}"

    def __str__(self) -> str:
        return self.vkey

    def signed(self, signature: bytes, text: bytes) -> bool:
        """Tell whether ``signature`` (time and signature) is this key's over the checkpoint ``text``.

        Raises ``VerificationError`` for a text that type 0x06 cannot sign, or where ML-DSA-44 is not to be had.
        """
        if len(signature) != _TIME_SIZE + _SIGNATURE_SIZES[self.algorithm]:
            return False
        at = int.from_bytes(signature[:_TIME_SIZE], "big")
        if at > MAX_TIME:
            return False
        message = _message(self.name, self.algorithm, text, at)
        try:
            if self.algorithm == "ed25519":
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[_TIME_SIZE:], message)
            else:
                _verify_ml_dsa_44(self.public, signature[_TIME_SIZE:], message)
        except InvalidSignature:
            return False
        return True


class Cosigner:
    """A witness's name and its private key; it never shows the private half except where it is asked to."""

    __slots__ = ("_key", "_private")

    def __init__(self, name: str, private: "Ed25519PrivateKey | MLDSA44PrivateKey") -> None:
        self._private = private
        algorithm: Algorithm = "ed25519" if isinstance(private, Ed25519PrivateKey) else "ml-dsa-44"
        self._key = WitnessKey(name=name, public=private.public_key().public_bytes_raw(), algorithm=algorithm)

    @classmethod
    def from_seed(cls, name: str, seed: bytes, algorithm: Algorithm = "ed25519") -> "Cosigner":
        """Return the key of 32 secret bytes (RFC 8032 section 5.1.5, FIPS 204 section 6.1)."""
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a private key is made of {SEED_BYTES} bytes, not {len(seed)}")
        if algorithm == "ed25519":
            return cls(name, Ed25519PrivateKey.from_private_bytes(seed))
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        return cls(name, MLDSA44PrivateKey.from_seed_bytes(seed))

    @classmethod
    def parse(cls, line: str) -> "Cosigner":
        """Read what ``to_line`` writes; raise ``ValueError`` for anything else, never showing it."""
        match = _VKEY.fullmatch(line.removeprefix(_SECRET)) if len(line) <= _LONGEST_KEY else None
        if match is None or not line.startswith(_SECRET):
            raise ValueError("a witness's private key reads PRIVATE+KEY+name+8 hex digits+Base 64")
        name, key_id, encoded = match.groups()
        try:
            material = from_base64(encoded, step="key", what="the private key")
        except VerificationError:
            raise ValueError("the private key is not standard Base 64") from None
        algorithm = _TYPES.get(material[:1])
        if algorithm is None:
            raise ValueError("a witness's private key is of type 0x04 (Ed25519) or 0x06 (ML-DSA-44)")
        key = cls.from_seed(name, material[1:], algorithm)
        if key.witness_key.key_id.hex() != key_id:
            raise ValueError("the private key's id is not that of its name and bytes: the line was altered")
        return key

    def to_line(self) -> str:
        """Return the secret key in one line: ``PRIVATE+KEY+name+hex8+base64``, as Go's notes keep theirs."""
        material = _BYTES[self._key.algorithm] + self._private.private_bytes_raw()
        return f"{_SECRET}{self._key.name}+{self._key.key_id.hex()}+{to_base64(material)}"

    @property
    def witness_key(self) -> WitnessKey:
        """The half that may be given away."""
        return self._key

    def __repr__(self) -> str:
        return f"Cosigner({self._key.vkey})"

    def sign(self, text: str, at: int) -> bytes:
        """Return time and signature over the checkpoint ``text``."""
        if not 1 <= at <= MAX_TIME:
            raise ValueError(f"a cosignature's time is 1 to {MAX_TIME}, not {at}")
        message = _message(self._key.name, self._key.algorithm, text.encode("utf-8"), at)
        return at.to_bytes(_TIME_SIZE, "big") + self._private.sign(message)


def cosign(note: str | bytes, key: Cosigner, *, at: int) -> str:
    """Return the signature line, with its newline, by which ``key`` cosigns the note's checkpoint at Unix time ``at``.

    ``note + line`` is the cosigned note.
    """
    text, _ = take_apart(note)
    Checkpoint.parse(text)  # Nothing else has a meaning that a witness could state.
    witness = key.witness_key
    return signature_line(witness.name, witness.key_id, key.sign(text, at))


def verify_cosignature(note: str | bytes, key: WitnessKey) -> int:
    """Return the Unix time at which ``key`` cosigned the note's checkpoint, the earliest where it did so often.

    Raises ``VerificationError`` with step "cosignature" where no line is the key's or one of its lines does not hold.
    """
    times = cosigned_at(note, key)
    if not times:
        raise VerificationError(f"the witness {excerpt(key.name)} has not cosigned this checkpoint", step="cosignature")
    return min(times)


def cosigned_at(note: str | bytes, key: WitnessKey) -> list[int]:
    """Return every Unix time at which ``key`` cosigned; raise ``VerificationError`` where one does not hold.

    Time 0, which type 0x06 allows, says that the tree was consistent but not that it was the largest.
    """
    return times_of(*take_apart(note), key)


def times_of(text: str, signatures: Iterable[Signature], key: WitnessKey) -> list[int]:
    """As ``cosigned_at``, of a note that was taken apart already: with many keys this is done once."""
    Checkpoint.parse(text)
    times = []
    wanted = (key.name, key.key_id)
    for signature in signatures:
        if (signature.name, signature.key_id) != wanted:
            continue
        if not key.signed(signature.value, text.encode("utf-8")):
            raise VerificationError(f"the cosignature of {excerpt(key.name)} does not hold", step="cosignature")
        times.append(int.from_bytes(signature.value[:_TIME_SIZE], "big"))
    return times


def _verify_ml_dsa_44(public: bytes, signature: bytes, message: bytes) -> None:
    # A verifier with an older library must still read everything that needs no ML-DSA.
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

        key = MLDSA44PublicKey.from_public_bytes(public)
    except (ImportError, UnsupportedAlgorithm):
        raise VerificationError(
            "this installation of cryptography has no ML-DSA-44: version 50 has", step="cosignature"
        ) from None
    key.verify(signature, message)


def _message(name: str, algorithm: Algorithm, text: bytes, at: int) -> bytes:
    """Return what is signed; for type 0x06 the checkpoint's fields, in the presentation of RFC 8446 section 3."""
    if algorithm == "ed25519":
        return b"cosignature/v1\ntime %d\n" % at + text
    checkpoint = Checkpoint.parse(text.decode("utf-8"))
    return b"".join(
        (
            b"subtree/v1\n\0",
            _short_vector(name),
            at.to_bytes(8, "big"),
            _short_vector(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _short_vector(text: str) -> bytes:
    data = text.encode("utf-8")
    if not 1 <= len(data) <= 255:
        raise VerificationError("ML-DSA-44 cosignatures take names and origins of 1 to 255 bytes", step="cosignature")
    return bytes((len(data),)) + data
