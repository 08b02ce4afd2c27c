"""Writes whole segments of the trail to files, and releases from the database those past their retention.

Never removes an entry before its file is on disk and was read back, nor without an act that names the file; leaf hashes
never leave. Runs as the owner of the tables: the application's role could neither lift the guards nor delete.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.db import connections, transaction
from django.db.utils import OperationalError
from django.utils import timezone

from audits import events
from audits.errors import Conflict, DomainError
from audits.merkle.errors import VerificationError
from audits.merkle.notes import VerifyingKey
from audits.merkle.segments import MOST, SegmentHeader, range_proof, subtree_root, verify_segment, write_segment
from audits.merkle.tree import Frontier, leaf_hash
from audits.retention import Retention
from audits.trail import Actor, act
from audits.trail.archive import Segment, released_segments, segment_name
from audits.trail.keys import trail_keys

TILE = 256
_AT_ONCE = 2000
_GUARDED = ("audits_entry", "audits_act", "audits_change")
# Whoever waits for a table's lock has every later act wait behind: so not long, and not only once.
_LOCK_WAIT = "1s"
_ATTEMPTS = 5
_PAUSE = 1.0  # Seconds between attempts, in which acts go on.
_NOT_TO_BE_HAD = {"55P03", "40P01"}  # lock_not_available, deadlock_detected


@dataclass(frozen=True, kw_only=True)
class ArchivedSegment:
    """One segment of the archive. ``written``: this run wrote its file; ``released``: its entries left the database.

    ``held`` says until when retention holds the last of its entries.
    """

    first: int
    last: int
    sha256: str
    path: Path
    written: bool
    released: bool
    held: datetime


def archive(
    *,
    actor: Actor,
    entries: int = MOST,
    release: bool = False,
    reason: str = "",
    now: datetime | None = None,
    each: Callable[[ArchivedSegment], None] | None = None,
    using: str = "owner",
) -> list[ArchivedSegment]:
    """Write every whole segment that a signed checkpoint covers; with ``release`` take those past retention out.

    ``entries`` a segment, a multiple of 256. Safe to kill anywhere and to run again: a file that is there is not
    written anew, and an entry leaves with its act in one transaction. Raises DomainError, Conflict.
    """
    if entries % TILE or not TILE <= entries <= MOST:
        raise DomainError(f"A segment has a multiple of {TILE} entries, at most {MOST}.", code="bad_segment")
    if release and not reason.strip():
        raise DomainError("Say why the entries are released: the trail keeps the reason.", code="no_reason")
    folder = Path(settings.ARCHIVE_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder):
        _sweep(folder)
        return _Archiving(actor=actor, folder=folder, now=now or timezone.now(), using=using).run(
            entries=entries, release=release, reason=reason, each=each
        )


class _Archiving:
    """One run over the whole log."""

    def __init__(self, *, actor: Actor, folder: Path, now: datetime, using: str) -> None:
        self._actor = actor
        self._folder = folder
        self._now = now
        self._using = using
        self._keys = trail_keys()
        self._retention: Retention = settings.RETENTION

    def run(
        self, *, entries: int, release: bool, reason: str, each: Callable[[ArchivedSegment], None] | None
    ) -> list[ArchivedSegment]:
        done = []
        known = {segment.first: segment for segment in released_segments(self._using)}
        signed = self._checkpoints()
        newest = signed[-1].size if signed else 0
        frontier, first = Frontier(), 0
        while first < newest:
            if first in known:
                # Whatever the size asked for now: it is archived as it was then.
                segment = known[first]
                frontier.extend(self._leaves(first, segment.last + 1))
                first = segment.last + 1
                continue
            end = min([first + entries, *(start for start in known if start > first)])
            if end > newest:
                break
            found = self._one(first, end, frontier, signed, release=release, reason=reason)
            frontier.extend(self._leaves(first, end))
            done.append(found)
            if each is not None:
                each(found)
            first = end
        return done

    def _one(
        self,
        first: int,
        end: int,
        frontier: Frontier,
        signed: Sequence["_Signed"],
        *,
        release: bool,
        reason: str,
    ) -> ArchivedSegment:
        # 1. The file: written, flushed, named by what is in it, and read back with the eyes of a stranger.
        # The first checkpoint that covers it makes the file the same whenever it is written.
        checkpoint = next(found for found in signed if found.size >= end)
        leaves = self._leaves(first, checkpoint.size)
        sizes = _peak_sizes(first)

        def subtree(low: int, high: int) -> bytes:
            if high <= first:
                return frontier.nodes[sizes.index((low, high))]
            return subtree_root(leaves[low - first : high - first])

        header = SegmentHeader(
            origin=checkpoint.key.name,
            key=checkpoint.key.vkey,
            first=first,
            count=end - first,
            checkpoint=checkpoint.note,
            proof=range_proof(first, end, checkpoint.size, subtree),
        )
        path, sha256, written = self._write(header, checkpoint.key, leaves[: end - first])
        # 2. What retention says.
        held = self._held(first, end)
        released = False
        if release and held <= self._now:
            # 3. The act and the removal, in one transaction.
            segment = Segment(
                first=first, last=end - 1, sha256=sha256, size=checkpoint.size, root=checkpoint.root.hex()
            )
            self._release(segment, reason)
            released = True
        return ArchivedSegment(
            first=first, last=end - 1, sha256=sha256, path=path, written=written, released=released, held=held
        )

    def _write(self, header: SegmentHeader, key: VerifyingKey, leaves: Sequence[bytes]) -> tuple[Path, str, bool]:
        last = header.first + header.count - 1
        with NamedTemporaryFile(dir=self._folder, prefix=".writing-", delete=False) as out:
            temporary = Path(out.name)
            try:
                sha256 = write_segment(out, header, self._bodies(header, leaves))
                out.flush()
                os.fsync(out.fileno())
            except VerificationError as error:
                temporary.unlink()
                raise Conflict(f"{error.message}: run ./run verify.", code="inconsistent") from None
            except BaseException:
                temporary.unlink()
                raise
        path = self._folder / segment_name(header.first, last, sha256)
        try:
            with temporary.open("rb") as stream:
                verify_segment(stream, [key])
            if path.exists() and _sha256(path) == sha256:
                return path, sha256, False
            temporary.chmod(0o600)
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(self._folder)
        return path, sha256, True

    def _bodies(self, header: SegmentHeader, leaves: Sequence[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
        expected = header.first
        for index, body, content in self._stream(
            "SELECT index, body, content FROM audits_entry WHERE index >= %s AND index < %s ORDER BY index",
            header.first,
            header.first + header.count,
        ):
            if index != expected or leaf_hash(bytes(body)) != leaves[index - header.first]:
                raise VerificationError(f"entry {expected} is not as its leaf says", step="entries", index=expected)
            yield bytes(body), None if content is None else bytes(content)
            expected += 1

    def _held(self, first: int, end: int) -> datetime:
        """Until when the last of these entries is to be kept in the database."""
        latest = self._now.replace(year=1)
        with connections[self._using].cursor() as cursor:
            cursor.execute(
                "SELECT kind, max(at) FROM audits_entry WHERE index >= %s AND index < %s GROUP BY kind", [first, end]
            )
            for kind, at in cursor.fetchall():
                latest = max(latest, self._retention.ends(kind, at))
        return latest

    def _release(self, segment: Segment, reason: str) -> None:
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE)
            try:
                self._release_once(segment, reason)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in _NOT_TO_BE_HAD:
                    raise
            else:
                return
        raise Conflict(
            f"Entries {segment.first} to {segment.last} were not released, since another session's open transaction "
            "holds the trail's tables: nothing was changed by this. End that transaction, or run this again when it "
            "has ended.",
            code="tables_held",
        )

    def _release_once(self, segment: Segment, reason: str) -> None:
        what = events.SegmentArchived(
            first=segment.first, last=segment.last, sha256=segment.sha256, size=segment.size, root=segment.root
        )
        bounds = [segment.first, segment.last]
        with (
            transaction.atomic(using=self._using, durable=True),
            act(what, actor=self._actor, subject="system:trail", reason=reason, using=self._using),
            connections[self._using].cursor() as cursor,
        ):
            # The guards are lifted inside this transaction alone: its lock on each table keeps every other session from
            # writing there until they stand again, and a kill at any point undoes all of it.
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
            for table in _GUARDED:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER audits_refuse")
            # Acts that archived stay: they say which file holds what is gone. So do those about the trail's keys:
            # without them a retired key is like one that somebody put on the list.
            those = (
                "index BETWEEN %s AND %s AND kind NOT IN"
                " ('audits.segment.archived', 'audits.key.announced', 'audits.key.rotated')"
            )
            of_segment = f"SELECT epoch, xid FROM audits_entry WHERE {those}"
            cursor.execute(f"DELETE FROM audits_change WHERE (epoch, xid) IN ({of_segment})", bounds)
            cursor.execute(f"DELETE FROM audits_act WHERE (epoch, xid) IN ({of_segment})", bounds)
            cursor.execute(f"UPDATE audits_entry SET body = ''::bytea, content = NULL WHERE {those}", bounds)
            for table in _GUARDED:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audits_refuse")

    def _checkpoints(self) -> list["_Signed"]:
        """Every checkpoint that a key of the log signed, smallest first."""
        found = []
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT size, note FROM audits_checkpoint WHERE size > 0 ORDER BY size")
            for size, note in cursor.fetchall():
                try:
                    checkpoint, key = self._keys.opened_by(note)
                except VerificationError:
                    continue
                if checkpoint.size == size:
                    found.append(_Signed(size=size, root=checkpoint.root, note=note, key=key))
        return found

    def _leaves(self, first: int, end: int) -> list[bytes]:
        with connections[self._using].cursor() as cursor:
            cursor.execute(
                "SELECT leaf_hash FROM audits_entry WHERE index >= %s AND index < %s ORDER BY index", [first, end]
            )
            found = [bytes(leaf) for (leaf,) in cursor.fetchall()]
        if len(found) != end - first:
            raise Conflict("Entries are missing from the log: run ./run verify.", code="holes")
        return found

    def _stream(self, query: str, first: int, end: int) -> Iterator[tuple[int, bytes, bytes | None]]:
        with connections[self._using].cursor() as cursor:
            for low in range(first, end, _AT_ONCE):
                cursor.execute(query, [low, min(low + _AT_ONCE, end)])
                yield from cursor.fetchall()


@dataclass(frozen=True, kw_only=True)
class _Signed:
    size: int
    root: bytes
    note: str
    key: VerifyingKey


def _peak_sizes(size: int) -> list[tuple[int, int]]:
    """The ranges of the perfect subtrees of a log of ``size``, largest first, as a frontier's nodes stand."""
    found, low = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            found.append((low, low + (1 << bit)))
            low += 1 << bit
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sweep(folder: Path) -> None:
    """What a run that was killed left half-written has no name of a segment; nobody else is at work here."""
    for left in folder.glob(".writing-*"):
        left.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One archiving at a time."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("Somebody is archiving already: wait until that has ended.", code="archiving") from None
        yield
