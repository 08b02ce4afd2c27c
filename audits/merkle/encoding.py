"""Standard Base 64 with exactly one text for each value.

It never accepts a second spelling of the same bytes: stray bits, missing padding and line breaks are refused.

RFC 4648 sections 3.5 and 4.
"""

import base64
import binascii

from audits.merkle.errors import VerificationError, excerpt


def to_base64(data: bytes) -> str:
    """Return the padded standard Base 64 text of ``data``."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, *, step: str, what: str) -> bytes:
    """Return the bytes of ``text``; raise ``VerificationError`` at ``step`` if they have another spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = None
    # Python ignores bits after the last byte, so two texts could stand for one value.
    if data is None or to_base64(data) != text:
        raise VerificationError(f"{what} is not standard Base 64: {excerpt(text)}", step=step)
    return data
