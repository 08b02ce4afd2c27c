"""Entries whose changes are kept beside them: an entry holds at most 65,535 bytes, a larger act goes in by digest.

Never returns changes that are not the ones whose digest is in the entry.

C2SP tlog-tiles (entry bundles) sets the limit. The entry then says ``"content":{"length":...,"sha256":...}`` where
others say ``"changes":[...]``; the content is the exact canonical JSON (RFC 8785) of that array.
"""

import hashlib
import re
from dataclasses import dataclass

from audits.merkle.errors import VerificationError

LARGEST = 65_535
"""Bytes of the largest entry: tlog-tiles writes its length in 16 bits."""

# In JSON these bytes can stand nowhere but at the top level: the quotes are those of names, the last brace is the last.
_BY_DIGEST = re.compile(
    rb',"content":\{"length":(0|[1-9][0-9]{0,15}),"sha256":"([0-9a-f]{64})"\}'
    rb'(,"format":"countersign/entry/v1","transaction":"[0-9]+:[0-9]+"\})\Z'
)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What an entry says of its changes: their length in bytes, and SHA-256 in lower-case hexadecimal."""

    length: int
    sha256: str


def stated_content(body: bytes) -> Stated | None:
    """What the entry says of changes kept beside it; None where it holds them itself."""
    found = _found(body)
    return None if found is None else Stated(length=int(found[1]), sha256=found[2].decode())


def whole(body: bytes, content: bytes | None) -> bytes:
    """The entry with its ``changes`` in place, as canonical JSON.

    ``body`` is the leaf's bytes, ``content`` what is kept beside it, if anything. Raises VerificationError ("content")
    where the content is missing, too much, or not the one that the entry states.
    """
    found = _found(body)
    if found is None:
        if content is not None:
            raise VerificationError("changes are kept beside an entry that does not state them", step="content")
        return body
    if content is None:
        raise VerificationError("the changes of this entry are kept beside it, and are not there", step="content")
    if len(content) != int(found[1]) or hashlib.sha256(content).hexdigest().encode() != found[2]:
        raise VerificationError("the changes beside this entry are not those that it states", step="content")
    return b"".join((body[: found.start()], b',"changes":', content, found[3]))


def _found(body: bytes) -> "re.Match[bytes] | None":
    # An entry with changes ends otherwise: looking at its end is quick.
    return _BY_DIGEST.search(body, max(0, len(body) - _TAIL)) if b'"content":{"length":' in body[-_TAIL:] else None


# Bytes at the end of an entry in which all of that stands.
_TAIL = 320
