"""Timestamps of checkpoints by an authority that is not the log: RFC 3161 tokens, verified offline.

It never asks an authority and never looks for revocation: a root that is trusted here is trusted by whoever gives it.

RFC 3161, RFC 5652 (CMS signed data), RFC 5816 (signing certificate), RFC 5280 section 6 (path).
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509


def message_imprint(note: str | bytes) -> bytes:
    """Return the SHA-256 that an authority timestamps: of the note as the log signed it.

    That is the text, the blank line and the signature lines under the origin's name, so that cosignatures may come
    later. The signatures are within, for a time over the text alone would also fit a signature made later with a
    key that was stolen.
    """
    raise NotImplementedError


def stamped_message(note: str | bytes) -> bytes:
    """Return the bytes whose SHA-256 is ``message_imprint``, as `openssl ts -verify -data` wants them."""
    raise NotImplementedError


def token_of_response(response: bytes) -> bytes:
    """Return the token of a granted TimeStampResp; raise ``VerificationError`` with step "timestamp"."""
    raise NotImplementedError


def verify_timestamp(token: bytes, note: str | bytes, roots: Sequence[x509.Certificate]) -> datetime:
    """Return the time (UTC) at which an authority under ``roots`` saw the note.

    ``token`` is the DER of a TimeStampToken. Raises ``VerificationError`` with step "timestamp".
    """
    raise NotImplementedError
