"""The keys that sign permits: ECDSA on P-256, their ids, and the document that publishes them.

Private keys are never printed, and never appear in an error.
Keys: RFC 5915 and RFC 5208 (PEM), RFC 5280 (public PEM), RFC 7517 and 7518 section 6.2 (JSON Web Key).
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from governance.json_documents import JSON, DocumentError, Place, read_document
from governance.permits.errors import PermitError

_ALGORITHM = ec.ECDSA(SHA256())
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class VerifyingKey:
    """A public key on P-256 and its id.

    The id is the OpenSSH fingerprint, ``SHA256:`` and 43 characters of unpadded Base 64: the same that
    ``ssh-keygen -l`` prints, and the one that DSSE verifiers in Go (slsa-verifier, cosign) derive when they
    are given a key without an id.
    """

    public: ec.EllipticCurvePublicKey = field(repr=False)
    id: str

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether the signature over the data is by this key: DER, or the two plain numbers that some signers
        write.

        ECDSA in DSSE has no one encoding: most write DER, others r and s in 32 bytes each (IEEE P1363, RFC
        7518).
        """
        forms = [signature]
        if len(signature) == 64:
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            forms.append(encode_dss_signature(r, s))
        return any(self._verifies(data, form) for form in forms)

    def _verifies(self, data: bytes, signature: bytes) -> bool:
        try:
            self.public.verify(signature, data, _ALGORITHM)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """The public key as SubjectPublicKeyInfo in PEM."""
        return self.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def jwk(self) -> dict[str, JSON]:
        """The public key as a JSON Web Key for ES256."""
        numbers = self.public.public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _base64url(numbers.x.to_bytes(32, "big")),
            "y": _base64url(numbers.y.to_bytes(32, "big")),
            "use": "sig",
            "alg": "ES256",
            "kid": self.id,
        }


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A private key on P-256 with its public half; the id is worked out once, not per signature."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    verifying: VerifyingKey

    @property
    def id(self) -> str:
        return self.verifying.id

    def sign(self, data: bytes) -> bytes:
        """The DER-encoded ECDSA signature over SHA-256 of the data, 70 to 72 bytes."""
        return self.private.sign(data, _ALGORITHM)

    def pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 in PEM; the caller guards the file."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def generate_key() -> SigningKey:
    """A new key from the random source of the operating system."""
    return _signing(ec.generate_private_key(ec.SECP256R1()))


def load_signing_key(pem: bytes, password: bytes | None = None) -> SigningKey:
    """The private key in a PEM file. Raises ``PermitError`` for anything but an ECDSA key on P-256."""
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message may quote the input, so it is not passed on.
        raise PermitError("The signing key cannot be read; it must be a private key in PEM.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PermitError("The signing key is of another kind; permits are signed by ECDSA on P-256.")
    return _signing(key)


def load_verifying_key(pem: bytes) -> VerifyingKey:
    """The public key in a PEM file. Raises ``PermitError`` for anything but an ECDSA key on P-256."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PermitError("The public key cannot be read; it must be a public key in PEM.") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise PermitError("The public key is of another kind; permits are signed by ECDSA on P-256.")
    return verifying_key(key)


def verifying_key(public: ec.EllipticCurvePublicKey) -> VerifyingKey:
    """A public key with its id. Raises ``PermitError`` if it is not on P-256."""
    if not isinstance(public.curve, ec.SECP256R1):
        raise PermitError("The public key is on another curve; permits are signed by ECDSA on P-256.")
    digest = serialization.ssh_key_fingerprint(public, SHA256())
    return VerifyingKey(public=public, id="SHA256:" + base64.b64encode(digest).rstrip(b"=").decode())


def keys_document(keys: Iterable[VerifyingKey]) -> dict[str, JSON]:
    """The published set of keys: a JSON Web Key Set. Retired keys stay in it, so that old permits can be
    checked.
    """
    return {"keys": [key.jwk() for key in keys]}


def read_keys_document(data: bytes) -> Mapping[str, VerifyingKey]:
    """The P-256 keys of a JSON Web Key Set by id; keys of other kinds are passed over (RFC 7517 section 5).

    Raises ``PermitError`` if the document is unsound, or a key's id is not the one that its numbers give.
    """
    try:
        root = read_document(data, max_bytes=_MAX_BYTES)
        listed = root.members(at_most=20).get("keys")
        if listed is None:
            root.fail('"keys" is missing.')
        found = [_from_jwk(place) for place in listed.items(at_least=1, at_most=100)]
    except DocumentError as error:
        raise PermitError(f"The document of keys cannot be read: {error.message}") from None
    return {key.id: key for key in found if key is not None}


def _signing(private: ec.EllipticCurvePrivateKey) -> SigningKey:
    return SigningKey(private=private, verifying=verifying_key(private.public_key()))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_jwk(place: Place) -> VerifyingKey | None:
    fields = place.members(at_most=20)
    for name, wanted in (("kty", "EC"), ("crv", "P-256")):
        if name not in fields or fields[name].value != wanted:
            return None
    for name in ("x", "y", "kid"):
        if name not in fields:
            place.fail(f'"{name}" is missing.')
    numbers = ec.EllipticCurvePublicNumbers(_coordinate(fields["x"]), _coordinate(fields["y"]), ec.SECP256R1())
    try:
        key = verifying_key(numbers.public_key())
    except ValueError:
        place.fail("its numbers are no point of P-256.")
    if key.id != fields["kid"].text():
        fields["kid"].fail(f"the id does not belong to this key, whose id is {key.id}.")
    return key


def _coordinate(place: Place) -> int:
    text = place.text(at_most=100)
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        place.fail("it is not Base 64 for URLs.")
    if len(data) != 32:
        place.fail(f"it has {len(data)} bytes; a number of P-256 has 32.")
    return int.from_bytes(data, "big")
