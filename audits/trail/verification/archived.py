"""Entries that left the database for the archive, read from its files as if they were still there; and the files.

Which entries these are is what the acts in this very view say. A file is believed where it has the SHA-256 that its act
names, and its bodies only where they hash into the signed tree, as all others.
"""

from collections.abc import Iterator

from orjson import loads

from audits.merkle.canonical import Json
from audits.merkle.segments import ArchivedEntry
from audits.trail.archive import (
    SEGMENTS,
    NotInArchive,
    Segment,
    archived_entries,
    archived_entry,
    segment_of,
    segments_in,
)
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

_COLUMNS = """
SELECT index, epoch || ':' || xid, act_id::text, kind, actor, subject,
       trim('"' from to_json(at AT TIME ZONE 'UTC')::text) || 'Z', content IS NOT NULL
FROM audits_entry WHERE index BETWEEN %s AND %s AND body = '' ORDER BY index
"""

_FIELDS = ("xid", "act_id", "kind", "actor", "subject", "at", "content")


class Archive:
    """The archive behind one view; entries are asked for in order, at a cost of one pass over the files."""

    def __init__(self, reader: Reader) -> None:
        self.segments = segments_in(said for (said,) in reader.rows(SEGMENTS))
        self._at: Segment | None = None
        self._entries: Iterator[ArchivedEntry] = iter(())
        self._absent: set[int] = set()

    def covers(self, index: int) -> bool:
        return segment_of(index, self.segments) is not None

    def entry(self, index: int) -> ArchivedEntry | None:
        """The entry; None where no file holds it (step 9 names the file)."""
        segment = segment_of(index, self.segments)
        if segment is None or segment.first in self._absent:
            return None
        try:
            if segment is not self._at:
                self._at, self._entries = segment, archived_entries(segment)
            for entry in self._entries:
                if entry.index == index:
                    return entry
                if entry.index > index:
                    break
            self._at = None
            return archived_entry(index, self.segments)
        except NotInArchive:
            self._absent.add(segment.first)
            return None


def check_archive(matter: Matter, findings: Findings, tell: Tell) -> None:
    """Each file that an act names is there as it was, and the columns that stayed say what its entries say."""
    for segment in segments_in(said for (said,) in matter.reader.rows(SEGMENTS)):
        try:
            _check_columns(matter.reader, findings, segment, tell)
        except NotInArchive as error:
            findings.add("archive_missing", error.message, key=segment.name, field="sha256", trail=segment.sha256)
        findings.checked += 1


def _check_columns(reader: Reader, findings: Findings, segment: Segment, tell: Tell) -> None:
    columns = reader.stream(_COLUMNS, [segment.first, segment.last])
    row = next(columns, None)
    for entry in archived_entries(segment):
        if row is None or row[0] != entry.index:
            continue
        document = loads(entry.body)
        act = document["act"]
        said: tuple[Json, ...] = (
            document["transaction"],
            *(act[name] for name in ("id", "kind", "actor", "subject", "at")),
            False,  # What was beside it left with it.
        )
        for field, trail, there in zip(_FIELDS, said, row[1:], strict=True):
            if trail != there:
                findings.add(
                    "entry_column",
                    f"Entry {entry.index}: the column {field} says another thing than the entry itself.",
                    table="audits_entry",
                    key=str(entry.index),
                    field=field,
                    trail=trail,
                    there=str(there),
                    index=entry.index,
                )
        tell(1)
        row = next(columns, None)
