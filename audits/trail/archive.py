"""Reads what has left the database: entries past their retention, from the files of the archive.

Which entries these are, and the SHA-256 of the file that holds them, the trail itself says (audits.segment.archived).
Never takes a file for what it is not: every body is compared with the leaf hash that stayed.
"""

import hashlib
import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from audits.errors import DomainError
from audits.merkle.canonical import Json, canonical_bytes
from audits.merkle.entries import whole
from audits.merkle.errors import VerificationError
from audits.merkle.segments import ArchivedEntry, read_entries, read_header
from audits.merkle.tree import leaf_hash
from audits.models import Entry

SEGMENTS = (
    "SELECT data FROM audits_act WHERE kind = 'audits.segment.archived'"
    " AND role = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = 'audits_act'::regclass)"
)
"""SQL for what the acts say that archived segments: see segments_in. Only the owner of the tables archives."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FILES_KNOWN = 8


class NotInArchive(DomainError):
    """A file of the archive is missing or is not the one that the trail names."""

    code = "not_in_archive"
    status = 409


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Entries ``first`` to ``last`` are in the file with this SHA-256; ``root`` is that of the log of ``size``."""

    first: int
    last: int
    sha256: str
    size: int
    root: str

    @property
    def name(self) -> str:
        return segment_name(self.first, self.last, self.sha256)

    @property
    def path(self) -> Path:
        return Path(settings.ARCHIVE_DIR) / self.name

    def missing(self) -> NotInArchive:
        return NotInArchive(
            f"Entries {self.first} to {self.last} are past their retention and left the database for the file "
            f"{self.name}, which is not in the archive folder (COUNTERSIGN_ARCHIVE_DIR) as the trail knows it: "
            "put it there again from a copy."
        )


@dataclass(frozen=True, kw_only=True)
class ArchivedChange:
    """One change of a governed row, from a file; ``diff`` is JSON text as in audits_change."""

    index: int
    table: str
    key: str
    op: str
    diff: str
    at: datetime
    kind: str
    actor: str
    act_id: str
    reason: str


def segment_name(first: int, last: int, sha256: str) -> str:
    return f"{first:012}-{last:012}-{sha256}.segment"


def released_segments(using: str = DEFAULT_DB_ALIAS) -> list[Segment]:
    """The segments that left the database, oldest entries first. One look-up by index where there are none."""
    with connections[using].cursor() as cursor:
        cursor.execute(SEGMENTS)
        return segments_in(data for (data,) in cursor.fetchall())


def segments_in(data: Iterable[str]) -> list[Segment]:
    """The segments that acts say were archived, by what each act holds; oldest entries first."""
    found = (_segment(said) for said in data)
    return sorted((segment for segment in found if segment is not None), key=lambda segment: segment.first)


def _segment(said: str) -> Segment | None:
    """None where an act of that kind does not say what an archiving act says: it archived nothing."""
    try:
        match orjson.loads(said):
            case {"first": int(first), "last": int(last), "sha256": str(digest), "size": int(size), "root": str(root)}:
                if 0 <= first <= last < size and _DIGEST.fullmatch(digest):
                    return Segment(first=first, last=last, sha256=digest, size=size, root=root)
    except ValueError:
        pass
    return None


def segment_of(index: int, segments: list[Segment]) -> Segment | None:
    place = bisect_right(segments, index, key=lambda segment: segment.first) - 1
    return segments[place] if place >= 0 and index <= segments[place].last else None


def archived_entries(segment: Segment) -> Iterator[ArchivedEntry]:
    """Every entry of a segment's file, in order. Raises NotInArchive where it is missing or altered."""
    with _opened(segment) as stream:
        try:
            header = read_header(stream)
            if (header.first, header.first + header.count - 1) != (segment.first, segment.last):
                raise segment.missing()
            yield from read_entries(stream, header)
        except VerificationError as error:
            raise segment.missing() from error


def archived_entry(index: int, segments: list[Segment] | None = None) -> ArchivedEntry:
    """One entry that left the database. Raises NotInArchive."""
    found = segment_of(index, released_segments() if segments is None else segments)
    if found is None:
        raise NotInArchive(f"Entry {index} has no body, and no act says that it was archived: run ./run verify.")
    return _places.entry(found, index)


def archived_changes(
    tables: Collection[str], keys: Collection[str] | None = None, *, segments: Iterable[Segment] | None = None
) -> Iterator[ArchivedChange]:
    """What released entries changed in these tables (in these rows), in order. Reads every file of the archive.

    Nothing, and one look-up, where no entries have left. Raises NotInArchive.
    """
    for segment in released_segments() if segments is None else segments:
        for entry in archived_entries(segment):
            document = orjson.loads(whole(entry.body, entry.content))
            act = document["act"]
            for change in document["changes"]:
                if change["table"] in tables and (keys is None or change["key"] in keys):
                    yield ArchivedChange(
                        index=entry.index,
                        table=change["table"],
                        key=change["key"],
                        op=change["op"],
                        diff=orjson.dumps(change["diff"]).decode(),
                        at=datetime.fromisoformat(act["at"]),
                        kind=act["kind"],
                        actor=act["actor"],
                        act_id=act["id"],
                        reason=(act["reason"] or {}).get("committed", ""),
                    )


def recover(entry: Entry) -> None:
    """Put the body that left the database back into an entry just read; a stand-in where its file is missing."""
    try:
        found = archived_entry(entry.index)
        if leaf_hash(found.body) != bytes(entry.leaf_hash):
            raise NotInArchive(f"The archive holds another entry {entry.index} than its leaf says: run ./run verify.")
    except NotInArchive as error:
        entry.not_at_hand = error.message
        entry.body = canonical_bytes(_stand_in(entry, error.message))
    else:
        entry.body, entry.content = found.body, found.content


def _stand_in(entry: Entry, why: str) -> dict[str, Json]:
    """What the columns still say, in the shape of an entry, for pages to show."""
    return {
        "act": {
            "actor": entry.actor,
            "at": entry.at.isoformat(),
            "data": {"not_at_hand": why},
            "id": str(entry.act_id),
            "kind": entry.kind,
            "reason": None,
            "role": "",
            "subject": entry.subject,
            "via": "archive",
        },
        "changes": [],
        "format": "none",
    }


@contextmanager
def _opened(segment: Segment) -> Iterator[BinaryIO]:
    _places.check(segment)
    try:
        with segment.path.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise segment.missing() from None


class _Places:
    """Where each entry begins in the files that were read lately; a file is hashed whole before it is believed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, int, int], list[int]] = OrderedDict()

    def check(self, segment: Segment) -> list[int]:
        """The places of the segment's entries. Raises NotInArchive where the file is not the one of the trail."""
        try:
            stat = segment.path.stat()
            mark = (str(segment.path), stat.st_mtime_ns, stat.st_size)
            with self._lock:
                if mark in self._known:
                    self._known.move_to_end(mark)
                    return self._known[mark]
            with segment.path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != segment.sha256:
                    raise segment.missing()
                stream.seek(0)
                places = []
                header = read_header(stream)
                place = stream.tell()
                for entry in read_entries(stream, header):
                    places.append(place)
                    place += len(entry.body) + 1 + (0 if entry.content is None else len(entry.content) + 1)
        except (OSError, VerificationError) as error:
            raise segment.missing() from error
        with self._lock:
            self._known[mark] = places
            while len(self._known) > _FILES_KNOWN:
                self._known.popitem(last=False)
        return places

    def entry(self, segment: Segment, index: int) -> ArchivedEntry:
        places = self.check(segment)
        try:
            with segment.path.open("rb") as stream:
                header = read_header(stream)
                stream.seek(places[index - segment.first])
                return next(read_entries(stream, header, at=index))
        except (OSError, VerificationError, LookupError) as error:
            raise segment.missing() from error


_places = _Places()
