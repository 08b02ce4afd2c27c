"""What a step is: it may see every page of entries as they are read, once for all steps, and then finishes by itself.

A new step is a name and a class (or a function, see ``once``) in the engine's list.
"""

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

from orjson import loads

from audits.merkle.errors import VerificationError
from audits.merkle.tree import leaf_hashes
from audits.trail.entries import stated_content, whole
from audits.trail.verification.archived import Archive
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader, Row
from audits.trail.verification.report import Findings

Document: TypeAlias = dict[str, Any]
"""An entry as parsed: any JSON object, since a database that somebody has been at can hold anything."""

_ENTRIES = "SELECT index, body, leaf_hash, content IS NOT NULL FROM audits_entry WHERE index >= {first} ORDER BY index"
_LARGE = 4 << 20  # Bytes of a page's bodies; parsed, they take some ten times as much.


class Page:
    """Entries that follow one another in the table. What several steps need of them is computed once."""

    def __init__(self, rows: list[Row], reader: Reader, archive: Archive) -> None:
        # Released entries with what their files hold; None where the file is missing, which the step of files names.
        self._released = {
            row[0]: archive.entry(row[0])
            for row in (rows if archive.segments else ())
            if not row[1] and archive.covers(row[0])
        }
        self.indexes: list[int] = [row[0] for row in rows]
        self.bodies: list[bytes] = [self._body(row) if self._released else row[1] for row in rows]
        self.leaves: list[bytes] = [row[2] for row in rows]
        self.contents: list[bool] = [row[3] for row in rows]
        self._reader = reader

    @property
    def released(self) -> Collection[int]:
        """The entries that left the database; neither their acts nor their columns can be compared with it."""
        return self._released

    @cached_property
    def hashes(self) -> list[bytes]:
        """The leaf hash of each body, computed now (RFC 6962 section 2.1).

        That of an entry whose file is missing is the stored one, so that the tree of the others can be checked.
        """
        hashes = leaf_hashes(self.bodies)
        for place, index in enumerate(self.indexes if self._released else ()):
            if index in self._released and self._released[index] is None:
                hashes[place] = self.leaves[place]
        return hashes

    @cached_property
    def texts(self) -> "list[bytes | VerificationError]":
        """Each entry with its changes in place; the error where what is beside it is not what it states."""
        return [
            self._whole(place) if content or (b'"changes":' not in body and stated_content(body)) else body
            for place, (body, content) in enumerate(zip(self.bodies, self.contents, strict=True))
        ]

    @cached_property
    def documents(self) -> "list[Document | Exception]":
        """Each entry parsed, its changes in place; what went wrong where it has no such form."""
        return [_parsed(text) for text in self.texts]

    def _whole(self, place: int) -> "bytes | VerificationError":
        content = None
        released = self._released.get(self.indexes[place])
        if released is not None:
            content = released.content
        elif self.contents[place]:
            rows = self._reader.rows("SELECT content FROM audits_entry WHERE index = %s", [self.indexes[place]])
            content = bytes(rows[0][0])
        try:
            return whole(self.bodies[place], content)
        except VerificationError as error:
            return error

    def _body(self, row: Row) -> bytes:
        released = self._released.get(row[0])
        body: bytes = row[1] if released is None else released.body
        return body


def _parsed(text: "bytes | VerificationError") -> "Document | Exception":
    if isinstance(text, VerificationError):
        return text
    try:
        document = loads(text)
    except (ValueError, RecursionError) as error:
        return error
    return document if type(document) is dict else TypeError("it is no JSON object")


def pages(matter: Matter, first: int = 0) -> Generator[Page, None, None]:
    """All entries from ``first`` on. A page is small, and an act whose changes are kept beside it is one by itself."""
    reader = matter.reader
    archive = Archive(reader)
    for rows in matter.beside.pages(_ENTRIES.format(first=first)):
        begun, size = 0, 0
        for place, row in enumerate(rows):
            if begun < place and (row[3] or size > _LARGE):
                yield Page(rows[begun:place], reader, archive)
                begun, size = place, 0
            size += _LARGE + 1 if row[3] else len(row[1])
        yield Page(rows[begun:], reader, archive)


class Check:
    """One step at work. ``reads`` says whether it takes the pages of entries."""

    reads: ClassVar[bool] = False

    def __init__(self, matter: Matter, findings: Findings, tell: Tell) -> None:
        self.matter = matter
        self.findings = findings
        self.tell = tell

    def take(self, page: Page) -> None:
        """See a page of entries; pages come in order."""

    def finish(self) -> None:
        """Check what can be checked once the entries were seen, or what has nothing to do with them."""


Function = Callable[[Matter, Findings, Tell], None]


def once(function: Function) -> type[Check]:
    """A step that is one function and reads no entries."""

    class Once(Check):
        def finish(self) -> None:
            function(self.matter, self.findings, self.tell)

    return Once


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """A step in the list: its name for people, what does it, and whether it belongs to the log by itself."""

    name: str
    check: type[Check]
    log: bool = False
    """Whether the log alone is checked by it: signatures, leaves and tree."""
