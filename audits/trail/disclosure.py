"""Commitments to texts: SHA-256 of a 32-byte salt and the UTF-8 text, in hexadecimal.

The trail holds the commitment; salt and text lie beside it (audits_disclosure), where they can be erased.
"""

import hashlib
import re

# Quotes inside a JSON string are escaped, so this never matches inside one.
_COMMITTED = re.compile(rb'\{"committed":"([0-9a-f]{64})"\}')


def commitment_of(salt: bytes, text: str) -> str:
    return hashlib.sha256(salt + text.encode()).hexdigest()


def commitments_in(body: bytes) -> list[str]:
    """Every commitment in an entry, in order: the act's reason and personal values."""
    return [digest.decode() for digest in _COMMITTED.findall(body)]
