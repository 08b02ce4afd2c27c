"""Signed data with one signer: the envelope of a timestamp, taken apart and its signature checked.

It never says whose certificate is to be trusted, nor what the signed content means.

RFC 5652 section 5 (CMS signed data), RFC 5754 (signature algorithms with SHA-2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from audits.merkle.der import OCTET_STRING, SEQUENCE, SET, Reader, context
from audits.merkle.errors import VerificationError

MAX_CERTIFICATES = 16
"""Most certificates in a token."""

TST_INFO = "1.2.840.113549.1.9.16.1.4"
"""The type of a timestamp's content."""

_STEP = "timestamp"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_NULL = b"\x05\x00"

Hash: TypeAlias = type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]
"""The hashes that are taken for strong."""

_DIGESTS: dict[str, Hash] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
# None: the hash is the one that the signer names for its attributes.
_RSA: dict[str, Hash | None] = {
    "1.2.840.113549.1.1.1": None,
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
_ECDSA: dict[str, Hash | None] = {
    "1.2.840.10045.2.1": None,
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
_ED25519 = "1.3.101.112"


@dataclass(frozen=True, kw_only=True)
class SignedData:
    """The parts of a token: the TSTInfo, its certificates, and what the one signer says."""

    info: bytes
    certificates: tuple[x509.Certificate, ...]
    encoded: tuple[bytes, ...]
    issuer: bytes
    serial: int
    digest: Hash
    attributes: bytes
    algorithm: str
    signature: bytes


def read_signed_data(token: bytes) -> SignedData:
    outer = Reader(token, step=_STEP)
    content = outer.enter(SEQUENCE, "the token")
    outer.end("the token")
    if content.identifier("the token's type") != _SIGNED_DATA:
        raise _error("the token is not signed data")
    wrapped = content.enter(context(0), "the signed data")
    content.end("the token")
    data = wrapped.enter(SEQUENCE, "the signed data")
    wrapped.end("the signed data")
    if data.integer("the version of the signed data") != 3:
        raise _error("the signed data has another version than 3")
    data.take(SET, "the digest algorithms")
    encapsulated = data.enter(SEQUENCE, "the signed content")
    if encapsulated.identifier("the type of the signed content") != TST_INFO:
        raise _error("what is signed is not a timestamp")
    octets = encapsulated.enter(context(0), "the timestamp")
    encapsulated.end("the signed content")
    info = octets.take(OCTET_STRING, "the timestamp")
    octets.end("the timestamp")
    encoded = _read_certificates(data)
    data.skip(context(1), "the revocation lists")
    signers = data.enter(SET, "the signers")
    data.end("the signed data")
    signer = signers.enter(SEQUENCE, "the signer")
    signers.end("the one signer")
    if signer.integer("the signer's version") != 1:
        raise _error("the signer is not named by issuer and serial number")
    name = signer.enter(SEQUENCE, "the signer's name")
    issuer, serial = name.take_whole(SEQUENCE, "the signer's issuer"), name.integer("the signer's serial number")
    name.end("the signer's name")
    digest = read_digest(signer, "the signer's digest algorithm")
    attributes = signer.take(context(0), "the signed attributes")
    algorithm = read_algorithm(signer, "the signature algorithm")
    signature = signer.take(OCTET_STRING, "the signature")
    signer.skip(context(1), "the unsigned attributes")
    signer.end("the signer")
    return SignedData(
        info=info,
        certificates=tuple(_loaded(item) for item in encoded),
        encoded=encoded,
        issuer=issuer,
        serial=serial,
        digest=digest,
        attributes=attributes,
        algorithm=algorithm,
        signature=signature,
    )


def _read_certificates(data: Reader) -> tuple[bytes, ...]:
    encoded: list[bytes] = []
    if data.next_is(context(0)):
        inside = data.enter(context(0), "the certificates")
        while inside.more:
            if len(encoded) == MAX_CERTIFICATES:
                raise _error(f"a token holds at most {MAX_CERTIFICATES} certificates")
            encoded.append(inside.take_whole(SEQUENCE, "a certificate"))
    return tuple(encoded)


def _loaded(encoded: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(encoded)
    except Exception as error:  # noqa: BLE001 - what a hostile certificate raises there has no common base class
        raise _error(f"a certificate cannot be read: {error}") from None


def read_algorithm(reader: Reader, what: str) -> str:
    """Return an AlgorithmIdentifier's identifier; its parameters are NULL or absent in all that are known here."""
    inside = reader.enter(SEQUENCE, what)
    found = inside.identifier(what)
    if inside.more and inside.take_whole(_NULL[0], f"the parameters of {what}") != _NULL:
        raise _error(f"{what} has parameters that are not known")
    inside.end(what)
    return found


def read_digest(reader: Reader, what: str) -> Hash:
    found = read_algorithm(reader, what)
    if found not in _DIGESTS:
        raise _error(f"{what} is {found}, which is not SHA-256, SHA-384 or SHA-512")
    return _DIGESTS[found]


def find_signer(signed: SignedData, roots: Sequence[x509.Certificate]) -> x509.Certificate:
    for certificate, encoded in zip(signed.certificates, signed.encoded, strict=True):
        if _issuer_and_serial(encoded) == (signed.issuer, signed.serial):
            return certificate
    for root in roots:
        if root.serial_number == signed.serial and root.issuer.public_bytes() == signed.issuer:
            return root
    raise _error("the token lacks its signer's certificate: ask the authority for it (certReq)")


def _issuer_and_serial(encoded: bytes) -> tuple[bytes, int]:
    body = Reader(encoded, step=_STEP).enter(SEQUENCE, "a certificate").enter(SEQUENCE, "a certificate")
    body.skip(context(0), "a certificate's version")
    serial = body.integer("a certificate's serial number")
    body.take(SEQUENCE, "a certificate's algorithm")
    return body.take_whole(SEQUENCE, "a certificate's issuer"), serial


def require_signature(signed: SignedData, signer: x509.Certificate) -> None:
    # What is signed is the set of attributes under its own tag, not under the one it has in the token.
    length = len(signed.attributes)
    octets = length.to_bytes(-(-length.bit_length() // 8), "big")
    head = bytes((SET, length)) if length < 0x80 else bytes((SET, 0x80 | len(octets))) + octets
    message = head + signed.attributes
    try:
        _verifier(signed, signer)(message)
    except InvalidSignature:
        raise _error("the timestamp's signature does not hold") from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if isinstance(error, VerificationError):
            raise
        raise _error(f"the timestamp's signature cannot be checked: {error}") from None


def _verifier(signed: SignedData, signer: x509.Certificate) -> Callable[[bytes], None]:
    key = signer.public_key()
    if isinstance(key, rsa.RSAPublicKey) and signed.algorithm in _RSA:
        over = _RSA[signed.algorithm] or signed.digest
        return lambda message: key.verify(signed.signature, message, padding.PKCS1v15(), over())
    if isinstance(key, ec.EllipticCurvePublicKey) and signed.algorithm in _ECDSA:
        over = _ECDSA[signed.algorithm] or signed.digest
        return lambda message: key.verify(signed.signature, message, ec.ECDSA(over()))
    if isinstance(key, ed25519.Ed25519PublicKey) and signed.algorithm == _ED25519:
        return lambda message: key.verify(signed.signature, message)
    raise _error(
        f"the timestamp is signed with {signed.algorithm}; known are RSA (PKCS #1 v1.5), ECDSA and Ed25519 with SHA-2"
    )


def _error(why: str) -> VerificationError:
    return VerificationError(why, step=_STEP)
