"""Timestamps of checkpoints by an authority that is not the log: RFC 3161 tokens, verified offline.

It never asks an authority and never looks for revocation: a root that is trusted here is trusted by whoever gives it.

RFC 3161, RFC 5035 (signing certificate); signed_data.py has the envelope, certificates.py the path.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from audits.merkle.certificates import require_timestamp_signer
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.der import BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, SET, Reader, context
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import signature_line, take_apart
from audits.merkle.signed_data import (
    TST_INFO,
    SignedData,
    find_signer,
    read_algorithm,
    read_digest,
    read_signed_data,
    require_signature,
)

MAX_TOKEN_BYTES = 100_000
"""Longest token or response that is read."""

_STEP = "timestamp"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_MAX_ATTRIBUTES = 32
_SHA256 = "2.16.840.1.101.3.4.2.1"


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


def verify_timestamp(
    token: bytes, note: str | bytes, roots: Sequence[x509.Certificate], *, nonce: int | None = None
) -> datetime:
    """Return the time (UTC) at which an authority under ``roots`` saw the note.

    ``token`` is the DER of a TimeStampToken; whoever has just asked for it gives the request's ``nonce``.
    Raises ``VerificationError`` with step "timestamp".
    """
    expected = message_imprint(note)
    # 1. Signed data with one signer, over a TSTInfo.
    _require_short(token)
    signed = read_signed_data(token)
    # 2. It speaks of this note.
    imprint, time, answered = _read_info(signed.info)
    if not hmac.compare_digest(imprint, expected):
        raise _error("the timestamp is of something else")
    if nonce is not None and answered != nonce:
        raise _error("the timestamp answers another request")
    # 3. The signer is the one that the signed attributes name, and they hold this TSTInfo's digest.
    signer = find_signer(signed, roots)
    _require_attributes(signed, signer)
    # 4. The attributes are signed with its key.
    require_signature(signed, signer)
    # 5. It may sign timestamps, under a root that is trusted.
    require_timestamp_signer(signer, signed.certificates, roots, at=time)
    return time


def _read_info(data: bytes) -> tuple[bytes, datetime, int | None]:
    """Return the imprint (SHA-256), the time and the nonce of a TSTInfo, RFC 3161 section 2.4.2."""
    outer = Reader(data, step=_STEP)
    info = outer.enter(SEQUENCE, "the timestamp")
    outer.end("the timestamp")
    if info.integer("the timestamp's version") != 1:
        raise _error("the timestamp has another version than 1")
    info.identifier("the authority's policy")
    imprint = info.enter(SEQUENCE, "the imprint")
    if read_algorithm(imprint, "the imprint's algorithm") != _SHA256:
        raise _error("the imprint is not SHA-256")
    digest = imprint.take(OCTET_STRING, "the imprint")
    imprint.end("the imprint")
    info.integer("the timestamp's serial number")
    time = info.generalized_time("the timestamp's time")
    info.skip(SEQUENCE, "the accuracy")
    if info.next_is(BOOLEAN) and not info.boolean("the ordering"):
        raise _error("the ordering is spelled out where it is false")
    nonce = info.integer("the nonce") if info.next_is(INTEGER) else None
    info.skip(context(0), "the authority's name")
    if info.next_is(context(1)):
        _require_none_critical(info.enter(context(1), "the extensions"))
    info.end("the timestamp")
    return digest, time, nonce


def _require_none_critical(extensions: Reader) -> None:
    while extensions.more:
        extension = extensions.enter(SEQUENCE, "an extension")
        found = extension.identifier("an extension")
        if extension.next_is(BOOLEAN) and extension.boolean("an extension"):
            raise _error(f"the timestamp has a critical extension that is not understood: {found}")


def _require_attributes(signed: SignedData, signer: x509.Certificate) -> None:
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
    if _CONTENT_TYPE not in found or found[_CONTENT_TYPE].identifier("the signed type") != TST_INFO:
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
        algorithm = read_digest(identified, "the hash of the signing certificate")()
    else:
        algorithm = hashes.SHA256()
    return identified.take(OCTET_STRING, "the signing certificate") == signer.fingerprint(algorithm)


def _require_short(data: bytes) -> None:
    if len(data) > MAX_TOKEN_BYTES:
        raise _error(f"a timestamp has at most {MAX_TOKEN_BYTES} bytes")


def _error(why: str) -> VerificationError:
    return VerificationError(why, step=_STEP)
