"""Timestamps of checkpoints by an authority that is not the log: RFC 3161 tokens, verified offline.

It never asks an authority and never looks for revocation: a root that is trusted here is trusted by whoever gives it.

RFC 3161, RFC 5652 section 5 (CMS signed data), RFC 5035 (signing certificate), RFC 5754 (signature algorithms).
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from audits.merkle.certificates import require_timestamp_signer
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.der import INTEGER, OCTET_STRING, SEQUENCE, SET, Reader, context
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import signature_line, take_apart

MAX_TOKEN_BYTES = 100_000
"""Longest token or response that is read."""

MAX_CERTIFICATES = 16
"""Most certificates in a token."""

_STEP = "timestamp"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_MAX_ATTRIBUTES = 32
_NULL = b"\x05\x00"

_Hash = type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]
_DIGESTS: dict[str, _Hash] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
_SHA256 = "2.16.840.1.101.3.4.2.1"
# None: the hash is the one that the signer names for its attributes.
_RSA: dict[str, _Hash | None] = {
    "1.2.840.113549.1.1.1": None,
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
_ECDSA: dict[str, _Hash | None] = {
    "1.2.840.10045.2.1": None,
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
_ED25519 = "1.3.101.112"


def stamped_message(note: str | bytes) -> bytes:
    """Return the bytes whose SHA-256 is ``message_imprint``, as `openssl ts -verify -data` wants them."""
    text, signatures = take_apart(note)
    origin = Checkpoint.parse(text).origin
    lines = [
        signature_line(signature.name, signature.key_id, signature.value)
        for signature in signatures
        if signature.name == origin
    ]
    if not lines:
        raise _error(f"the log {excerpt(origin)} has not signed this note, so there is nothing to timestamp")
    return f"{text}\n{''.join(lines)}".encode()


def message_imprint(note: str | bytes) -> bytes:
    """Return the SHA-256 that an authority timestamps: of the note as the log signed it.

    That is the text, the blank line and the signature lines under the origin's name, so that cosignatures may come
    later. The signatures are within, for a time over the text alone would also fit a signature made later with a
    key that was stolen.
    """
    return hashlib.sha256(stamped_message(note)).digest()


def token_of_response(response: bytes) -> bytes:
    """Return the token of a granted TimeStampResp; raise ``VerificationError`` with step "timestamp"."""
    _require_short(response)
    outer = Reader(response, step=_STEP)
    body = outer.enter(SEQUENCE, "the response")
    outer.end("the response")
    status = body.enter(SEQUENCE, "the response's status").integer("the response's status")
    if status not in (0, 1):
        raise _error(f"the authority refused with status {status}")
    token = body.take_whole(SEQUENCE, "the token")
    body.end("the response")
    return token


def verify_timestamp(token: bytes, note: str | bytes, roots: Sequence[x509.Certificate]) -> datetime:
    """Return the time (UTC) at which an authority under ``roots`` saw the note.

    ``token`` is the DER of a TimeStampToken. Raises ``VerificationError`` with step "timestamp".
    """
    expected = message_imprint(note)
    # 1. Signed data with one signer, over a TSTInfo.
    _require_short(token)
    signed = _read_signed_data(token)
    # 2. It speaks of this note.
    imprint, time = _read_info(signed.info)
    if not hmac.compare_digest(imprint, expected):
        raise _error("the timestamp is of something else")
    # 3. The signer is the one that the signed attributes name, and they hold this TSTInfo's digest.
    signer = _find_signer(signed, roots)
    _require_attributes(signed, signer)
    # 4. The attributes are signed with its key.
    _require_signature(signed, signer)
    # 5. It may sign timestamps, under a root that is trusted.
    require_timestamp_signer(signer, signed.certificates, roots, at=time)
    return time


@dataclass(frozen=True, kw_only=True)
class _Signed:
    """The parts of a token: the TSTInfo, its certificates, and what the one signer says."""

    info: bytes
    certificates: tuple[x509.Certificate, ...]
    encoded: tuple[bytes, ...]
    issuer: bytes
    serial: int
    digest: _Hash
    attributes: bytes
    algorithm: str
    signature: bytes


def _read_signed_data(token: bytes) -> _Signed:
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
    if encapsulated.identifier("the type of the signed content") != _TST_INFO:
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
    digest = _read_digest(signer, "the signer's digest algorithm")
    attributes = signer.take(context(0), "the signed attributes")
    algorithm = _read_algorithm(signer, "the signature algorithm")
    signature = signer.take(OCTET_STRING, "the signature")
    signer.skip(context(1), "the unsigned attributes")
    signer.end("the signer")
    return _Signed(
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


def _read_algorithm(reader: Reader, what: str) -> str:
    """Return an AlgorithmIdentifier's identifier; its parameters are NULL or absent in all that are known here."""
    inside = reader.enter(SEQUENCE, what)
    found = inside.identifier(what)
    if inside.more and inside.take_whole(_NULL[0], f"the parameters of {what}") != _NULL:
        raise _error(f"{what} has parameters that are not known")
    inside.end(what)
    return found


def _read_digest(reader: Reader, what: str) -> _Hash:
    found = _read_algorithm(reader, what)
    if found not in _DIGESTS:
        raise _error(f"{what} is {found}, which is not SHA-256, SHA-384 or SHA-512")
    return _DIGESTS[found]


def _read_info(data: bytes) -> tuple[bytes, datetime]:
    """Return the imprint (SHA-256) and the time of a TSTInfo, RFC 3161 section 2.4.2."""
    outer = Reader(data, step=_STEP)
    info = outer.enter(SEQUENCE, "the timestamp")
    outer.end("the timestamp")
    if info.integer("the timestamp's version") != 1:
        raise _error("the timestamp has another version than 1")
    info.identifier("the authority's policy")
    imprint = info.enter(SEQUENCE, "the imprint")
    if _read_algorithm(imprint, "the imprint's algorithm") != _SHA256:
        raise _error("the imprint is not SHA-256")
    digest = imprint.take(OCTET_STRING, "the imprint")
    imprint.end("the imprint")
    info.integer("the timestamp's serial number")
    time = info.generalized_time("the timestamp's time")
    info.skip(SEQUENCE, "the accuracy")
    if info.next_is(0x01) and not info.boolean("the ordering"):
        raise _error("the ordering is spelled out where it is false")
    info.skip(INTEGER, "the nonce")
    info.skip(context(0), "the authority's name")
    if info.next_is(context(1)):
        _require_none_critical(info.enter(context(1), "the extensions"))
    info.end("the timestamp")
    return digest, time


def _require_none_critical(extensions: Reader) -> None:
    while extensions.more:
        extension = extensions.enter(SEQUENCE, "an extension")
        found = extension.identifier("an extension")
        if extension.next_is(0x01) and extension.boolean("an extension"):
            raise _error(f"the timestamp has a critical extension that is not understood: {found}")


def _find_signer(signed: _Signed, roots: Sequence[x509.Certificate]) -> x509.Certificate:
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


def _require_attributes(signed: _Signed, signer: x509.Certificate) -> None:
    """RFC 5652 section 5.3 and RFC 3161 section 2.4.2: type, digest and certificate are named once each."""
    found: dict[str, Reader] = {}
    attributes = Reader(signed.attributes, step=_STEP)
    while attributes.more:
        attribute = attributes.enter(SEQUENCE, "a signed attribute")
        name = attribute.identifier("a signed attribute")
        if name in found or len(found) == _MAX_ATTRIBUTES:
            raise _error("a signed attribute comes twice, or there are too many")
        found[name] = attribute.enter(SET, "a signed attribute")
        attribute.end("a signed attribute")
    # 1. The type.
    if _CONTENT_TYPE not in found or found[_CONTENT_TYPE].identifier("the signed type") != _TST_INFO:
        raise _error("the signed attributes are not those of a timestamp")
    # 2. The digest.
    digest = hashes.Hash(signed.digest())
    digest.update(signed.info)
    expected = digest.finalize()
    if _MESSAGE_DIGEST not in found or found[_MESSAGE_DIGEST].take(OCTET_STRING, "the signed digest") != expected:
        raise _error("the signed attributes are of another timestamp")
    # 3. The certificate, so that no other one with the same key can take its place.
    named = [
        _names_certificate(found[name], name, signer)
        for name in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2)
        if name in found
    ]
    if not named or not all(named):
        raise _error("the signed attributes name another certificate than the signer's")
    for name in (_CONTENT_TYPE, _MESSAGE_DIGEST):
        found[name].end("a signed attribute")


def _names_certificate(values: Reader, name: str, signer: x509.Certificate) -> bool:
    first = values.enter(SEQUENCE, "the signing certificate").enter(SEQUENCE, "the signing certificate")
    identified = first.enter(SEQUENCE, "the signing certificate")
    algorithm: hashes.HashAlgorithm
    if name == _SIGNING_CERTIFICATE:
        # The old attribute knows no other hash; the path to the root does not rest on it.
        algorithm = hashes.SHA1()  # noqa: S303
    elif identified.next_is(SEQUENCE):
        algorithm = _read_digest(identified, "the hash of the signing certificate")()
    else:
        algorithm = hashes.SHA256()
    return identified.take(OCTET_STRING, "the signing certificate") == signer.fingerprint(algorithm)


def _require_signature(signed: _Signed, signer: x509.Certificate) -> None:
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


def _verifier(signed: _Signed, signer: x509.Certificate) -> Callable[[bytes], None]:
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


def _require_short(data: bytes) -> None:
    if len(data) > MAX_TOKEN_BYTES:
        raise _error(f"a timestamp has at most {MAX_TOKEN_BYTES} bytes")


def _error(why: str) -> VerificationError:
    return VerificationError(why, step=_STEP)
