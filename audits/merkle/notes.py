"""Signed notes: text with Ed25519 signatures that a person can read and a program can check.

It never returns text that no known key has signed, and never accepts two spellings of one note.

c2sp.org/signed-note v1.0.0, signature type 0x01 (Ed25519).
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from audits.merkle.encoding import from_base64, to_base64
from audits.merkle.errors import VerificationError, excerpt

MAX_NOTE_BYTES = 1_000_000
"""Longest note that is read."""

MAX_SIGNATURES = 100
"""Most signature lines that are read; the specification asks for at least 16."""

_ED25519 = b"\x01"
_PREFIX = "\N{EM DASH} "
_KEY_ID_BYTES = 4
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, kw_only=True)
class VerifyingKey:
    """A name and the Ed25519 public key (32 bytes) that speaks for it."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        require_name(self.name, step="key")
        if len(self.public) != 32:
            raise VerificationError(f"an Ed25519 public key has 32 bytes, not {len(self.public)}", step="key")

    @classmethod
    def parse(cls, vkey: str) -> "VerifyingKey":
        """Read ``name+hex8+base64``; raise ``VerificationError`` with step "key" if it contradicts itself."""
        match = _VKEY.fullmatch(vkey)
        if match is None:
            raise VerificationError(f"a key reads name+8 hex digits+Base 64, not {excerpt(vkey)}", step="key")
        name, key_id, encoded = match.groups()
        material = from_base64(encoded, step="key", what="the key")
        if material[:1] != _ED25519:
            raise VerificationError("the key is not of type 0x01 (Ed25519)", step="key")
        key = cls(name=name, public=material[1:])
        if key.key_id.hex() != key_id:
            raise VerificationError(f"the key's id should be {key.key_id.hex()}, not {key_id}", step="key")
        return key

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name || 0x0A || 0x01 || public key)."""
        material = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(material).digest()[:_KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key in one line, as it is published: ``name+hex8+base64``."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(_ED25519 + self.public)}"

    def __str__(self) -> str:
        return self.vkey

    def signed(self, signature: bytes, text: bytes) -> bool:
        """Tell whether ``signature`` (64 bytes) is this key's over ``text``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


class NoteSigner(Protocol):
    """Whatever signs notes for a name: a private key in this process, or one that is kept elsewhere."""

    @property
    def name(self) -> str: ...

    @property
    def verifying_key(self) -> VerifyingKey: ...

    def sign_note(self, text: str) -> str: ...


def text_to_sign(text: str) -> bytes:
    """The bytes of a note's text that are signed; ``ValueError`` for what no note may hold."""
    if not text.endswith("\n"):
        raise ValueError("the text of a note ends in a newline")
    if _CONTROL.search(text):
        raise ValueError("the text of a note holds no control character but the newline")
    return text.encode("utf-8")


def signed_note(text: str, key: VerifyingKey, signature: bytes) -> str:
    """Return ``text``, a blank line and the line of this Ed25519 ``signature`` (64 bytes)."""
    return f"{text}\n" + signature_line(key.name, key.key_id, signature)


class SigningKey:
    """A name and its Ed25519 private key; it never shows the private half except where it is asked to."""

    __slots__ = ("_private", "_verifying")

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._verifying = VerifyingKey(name=name, public=private.public_key().public_bytes_raw())

    @classmethod
    def from_raw(cls, name: str, seed: bytes) -> "SigningKey":
        """Return the key of 32 secret bytes (RFC 8032 section 5.1.5)."""
        if len(seed) != 32:
            raise ValueError(f"an Ed25519 private key has 32 bytes, not {len(seed)}")
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, name: str, pem: bytes, *, password: bytes | None = None) -> "SigningKey":
        """Return the key of a PKCS #8 PEM file; raise ``ValueError`` for anything but Ed25519."""
        try:
            private = load_pem_private_key(pem, password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"not a readable PEM private key: {error}") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError("the private key is not Ed25519: make one with `openssl genpkey -algorithm ed25519`")
        return cls(name, private)

    @property
    def name(self) -> str:
        """The key's name, which is the log's origin when it signs checkpoints."""
        return self._verifying.name

    @property
    def verifying_key(self) -> VerifyingKey:
        """The half that may be given away."""
        return self._verifying

    def to_raw(self) -> bytes:
        """Return the 32 secret bytes."""
        return self._private.private_bytes_raw()

    def to_pem(self) -> bytes:
        """Return the secret key as unencrypted PKCS #8 PEM."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"SigningKey({self._verifying.vkey})"

    def sign_note(self, text: str) -> str:
        """Return ``text`` (which ends in a newline), a blank line and this key's signature line."""
        return signed_note(text, self._verifying, self._private.sign(text_to_sign(text)))


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature line: who, which key (4 bytes), and the bytes that follow the key id."""

    name: str
    key_id: bytes
    value: bytes


class NoteKey(Protocol):
    """A key of any type that can say whether a note's text is signed with it."""

    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> bytes: ...

    def signed(self, signature: bytes, text: bytes) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Note:
    """Text that at least one known key signed, with those signatures and the ones of unknown keys."""

    text: str
    verified: tuple[Signature, ...]
    unknown: tuple[Signature, ...]


def take_apart(note: str | bytes) -> tuple[str, tuple[Signature, ...]]:
    """Return a note's text, with its final newline, and its signatures. Nothing of it is verified."""
    text, lines = _split(_decoded(note))
    return text, tuple(parse_signature(line) for line in lines)


def signature_line(name: str, key_id: bytes, value: bytes) -> str:
    """Return one signature line with its newline."""
    return f"{_PREFIX}{name} {to_base64(key_id + value)}\n"


def open_note(note: str | bytes, keys: Iterable[NoteKey]) -> Note:
    """Return the note if a key of ``keys`` signed it and none of their signatures fails.

    Signatures of unknown keys are ignored, also where they share a name or an id with a known one. Raises
    ``VerificationError`` with step "note" otherwise.
    """
    # 1. Limits and characters, before anything is taken apart.
    text, signatures = take_apart(note)
    # 2. A name and an id together name one key.
    known: dict[tuple[str, bytes], NoteKey] = {}
    for key in keys:
        other = known.setdefault((key.name, key.key_id), key)
        if other != key:
            raise VerificationError(f"two known keys share the name and id of {key.name}", step="note")
    # 3. Every signature of a known key must hold, also a repeated one.
    signed = text.encode("utf-8")
    verified: dict[tuple[str, bytes], Signature] = {}
    unknown = []
    for signature in signatures:
        who = (signature.name, signature.key_id)
        if who not in known:
            unknown.append(signature)
        elif known[who].signed(signature.value, signed):
            verified.setdefault(who, signature)
        else:
            raise VerificationError(f"the signature of {excerpt(signature.name)} does not hold", step="note")
    # 4. Without one the text means nothing.
    if not verified:
        raise VerificationError("no known key signed this note", step="note")
    return Note(text=text, verified=tuple(verified.values()), unknown=tuple(unknown))


def _decoded(note: str | bytes) -> str:
    if len(note) > MAX_NOTE_BYTES:
        raise VerificationError(f"a note has at most {MAX_NOTE_BYTES} bytes", step="note")
    try:
        # Text goes both ways too: it may hold a surrogate, which no UTF-8 note can.
        text = note.decode("utf-8") if isinstance(note, bytes) else note.encode("utf-8").decode("utf-8")
    except UnicodeError:
        raise VerificationError("the note is not UTF-8", step="note") from None
    if _CONTROL.search(text):
        raise VerificationError("the note holds a control character other than the newline", step="note")
    return text


def _split(note: str) -> tuple[str, list[str]]:
    """Return the text with its final newline, and the signature lines after the last blank line."""
    text, blank, block = note.rpartition("\n\n")
    if not blank:
        raise VerificationError("the note has no blank line before its signatures", step="note")
    if not block.endswith("\n"):
        raise VerificationError("the note does not end in a signature line with its newline", step="note")
    lines = block[:-1].split("\n", MAX_SIGNATURES)
    if len(lines) > MAX_SIGNATURES:
        raise VerificationError(f"the note has more than {MAX_SIGNATURES} signatures", step="note")
    return text + "\n", lines


def parse_signature(line: str) -> Signature:
    """Read one signature line without its newline; raise ``VerificationError`` with step "note"."""
    name, _, encoded = line.removeprefix(_PREFIX).partition(" ")
    if not line.startswith(_PREFIX) or not encoded:
        raise VerificationError(f"not a signature line: {excerpt(line)}", step="note")
    require_name(name, step="note")
    value = from_base64(encoded, step="note", what="the signature")
    if len(value) <= _KEY_ID_BYTES:
        raise VerificationError("the signature holds nothing but a key id", step="note")
    return Signature(name=name, key_id=value[:_KEY_ID_BYTES], value=value[_KEY_ID_BYTES:])


def require_name(name: str, *, step: str) -> None:
    """Raise ``VerificationError`` at ``step`` for what the specification does not allow as a key's name."""
    bad = not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name)
    if bad or any("\ud800" <= character <= "\udfff" for character in name):
        raise VerificationError(
            f"a key name is not empty and holds no space, plus or control character: {excerpt(name)}",
            step=step,
        )
