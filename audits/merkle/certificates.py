"""The path from a signer's certificate to a root that the verifier trusts, at one moment.

It never looks for revocation, and never takes a root out of what it verifies.

RFC 5280 section 6, without policies and name constraints: a certificate that marks the latter critical is refused.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from audits.merkle.errors import VerificationError

MAX_LENGTH = 8
"""Most certificates in a path."""

MAX_CHECKS = 64
"""Most issuers that are tried before a path is given up."""

LEAST_RSA_BITS = 2048

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
_HASHES = {"sha256", "sha384", "sha512"}
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CERTIFICATE_POLICIES,
}


def require_timestamp_signer(
    signer: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], *, at: datetime
) -> None:
    """Prove that ``signer`` may sign timestamps and stands under one of ``roots`` at the time ``at``.

    ``others`` may serve as issuers between them. Raises ``VerificationError`` with step "timestamp".
    """
    try:
        _require_purpose(signer)
        _require_valid(signer, at)
        _require_path(signer, others, roots, at)
    except VerificationError:
        raise
    except Exception as error:  # noqa: BLE001 - what a hostile certificate raises has no common base class
        raise VerificationError(f"a certificate cannot be read: {error}", step="timestamp") from None


def _require_purpose(signer: x509.Certificate) -> None:
    """RFC 3161 section 2.3: the one purpose of the key is timestamping, and nobody may overlook that."""
    usage = _extension(signer, x509.ExtendedKeyUsage)
    if usage is None or not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise _error("the signer's certificate is not for timestamping alone")
    key_usage = _extension(signer, x509.KeyUsage)
    if key_usage is not None and not (key_usage.value.digital_signature or key_usage.value.content_commitment):
        raise _error("the signer's certificate is not for signatures")


def _require_path(
    signer: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> None:
    checks = 0
    paths = [[signer]]
    why = "no root that is trusted here issued the signer's certificate"
    while paths:
        path = paths.pop()
        if path[-1] in roots:
            return
        if len(path) == MAX_LENGTH:
            continue
        for issuer in (*others, *roots):
            if issuer.subject != path[-1].issuer or issuer in path:
                continue
            checks += 1
            if checks > MAX_CHECKS:
                raise _error(f"more than {MAX_CHECKS} certificates could have issued the signer's")
            try:
                _require_issued(path, issuer, at)
            except VerificationError as error:
                why = error.message
            else:
                paths.append([*path, issuer])
    raise _error(why)


def _require_issued(path: Sequence[x509.Certificate], issuer: x509.Certificate, at: datetime) -> None:
    _require_valid(issuer, at)
    constraints = _extension(issuer, x509.BasicConstraints)
    if constraints is None or not constraints.value.ca:
        raise _error("a certificate was issued by one that is no authority")
    below = sum(certificate.subject != certificate.issuer for certificate in path[1:])
    if constraints.value.path_length is not None and below > constraints.value.path_length:
        raise _error("the path of certificates is longer than an authority in it allows")
    key_usage = _extension(issuer, x509.KeyUsage)
    if key_usage is not None and not key_usage.value.key_cert_sign:
        raise _error("a certificate was issued with a key that is not for certificates")
    usage = _extension(issuer, x509.ExtendedKeyUsage)
    purposes = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usage is not None and not purposes & set(usage.value):
        raise _error("an authority in the path is not for timestamping")
    algorithm = path[-1].signature_hash_algorithm
    if algorithm is not None and algorithm.name not in _HASHES:
        raise _error(f"a certificate is signed over {algorithm.name}, which is too weak")
    try:
        path[-1].verify_directly_issued_by(issuer)
    except InvalidSignature:
        raise _error("a certificate's signature does not hold") from None


def _require_valid(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise _error("a certificate was not valid at the time of the timestamp")
    unknown = [item.oid for item in certificate.extensions if item.critical and item.oid not in _UNDERSTOOD]
    if unknown:
        raise _error(f"a certificate has a critical extension that is not understood: {unknown[0].dotted_string}")
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise _error(f"a certificate's RSA key has {key.key_size} bits; {LEAST_RSA_BITS} are needed")


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> "x509.Extension[_Kind] | None":
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _error(why: str) -> VerificationError:
    return VerificationError(why, step="timestamp")
