"""Reads whole entries: what a leaf states by digest is put back in place.

Every reader of an entry's changes comes through here. Never returns changes that are not those of the leaf.
"""

from audits.merkle.entries import LARGEST, Stated, stated_content, whole
from audits.models.trail import Entry

__all__ = ["LARGEST", "Stated", "content_of", "stated_content", "whole", "whole_entry"]


def whole_entry(entry: Entry) -> bytes:
    """The entry's full canonical JSON, with "changes". Raises VerificationError ("content")."""
    return whole(bytes(entry.body), content_of(entry))


def content_of(entry: Entry) -> bytes | None:
    """What is kept beside the entry, read where the entry states it only: it can be large."""
    if stated_content(bytes(entry.body)) is None:
        return None
    return None if entry.content is None else bytes(entry.content)
