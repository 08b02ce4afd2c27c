"""Commitments to texts: SHA-256 of a 32-byte salt and the UTF-8 text, in hexadecimal.

The trail holds the commitment; salt and text lie beside it (audits_disclosure), where they can be erased.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from audits.merkle.canonical import Json
from audits.merkle.entries import whole
from audits.merkle.errors import VerificationError

# The operation of a change that takes a text from beside the trail; its key is the commitment.
ERASED = "E"
ERASING = b'"audits.text.erased"'
MARK = b'{"committed":"'
_DIGEST = re.compile(r"[0-9a-f]{64}")


def commitment_of(salt: bytes, text: str) -> str:
    return hashlib.sha256(salt + text.encode()).hexdigest()


def commitments_in(body: bytes, content: bytes | None = None) -> list[str]:
    """Every commitment in an entry, in order: the act's reason and personal values; none where it is no entry.

    ``content`` is what is kept beside a large entry: changes that are not the ones it states count for nothing.
    What the caller of an act put into its data is no commitment, whatever it looks like.
    """
    text = whole_or_leaf(body, content)
    if MARK not in text:
        return []
    try:
        return commitments_of(orjson.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError):
        return []  # The verification names what has not the shape of an entry.


def commitments_of(entry: Mapping[str, Any]) -> list[str]:
    """As ``commitments_in``, of an entry that is parsed. Raises LookupError and the like where it is none."""
    changes = entry.get("changes", ())
    return [*_committed(entry["act"]["reason"]), *(found for change in changes for found in _in(change))]


def whole_or_leaf(body: bytes, content: bytes | None) -> bytes:
    """The entry with its changes; the leaf alone where those beside it are not the ones it states."""
    try:
        return whole(body, content)
    except VerificationError:
        return body  # The verification names it; the act is still the leaf's own.


def erasures_in(body: bytes) -> list[str]:
    """Every commitment whose text this entry's act erased, in order; none where it erased nothing."""
    if ERASING not in body:
        return []
    try:
        return erasures_of(orjson.loads(body))
    except (ValueError, LookupError, TypeError, AttributeError):
        return []  # The verification names what has not the shape of an entry.


def erasures_of(entry: Mapping[str, Any]) -> list[str]:
    """As ``erasures_in``, of an entry that is parsed. Raises LookupError and the like where it is none."""
    return [
        str(change["key"])
        for change in entry.get("changes", ())
        if change["op"] == ERASED and change["table"] == "audits_disclosure"
    ]


def _in(change: dict[str, dict[str, Json]]) -> Iterator[str]:
    for value in change["diff"].values():
        for item in value if isinstance(value, list) else (value,):
            yield from _committed(item)


def _committed(value: Json) -> Iterator[str]:
    if isinstance(value, dict) and value.keys() == {"committed"}:
        digest = value["committed"]
        if isinstance(digest, str) and _DIGEST.fullmatch(digest):
            yield digest
