"""Gives the feed of the trail to those who may have it, over HTTP or into a file that only grows. Never skips an entry.

Reading out is an act; a feed is asked for all day, so going on is covered by the reader's act of that day in the same
format. Whoever reads again from where that began, or from before, leaves another act.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson
from django.utils import timezone

from audits import events
from audits.errors import Conflict, DomainError
from audits.merkle.encoding import to_base64
from audits.models import Entry
from audits.trail import Actor, act
from audits.trail.feed import FORMATS, covered, feed, format_of, index_in

PERMISSION = "audits.export_trail"
LARGEST = 10_000
_AT_ONCE = 1000
_TAIL = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Appended:
    """``lines`` were added, up to entry ``last``; ``mended`` bytes of a half-written line were taken away first."""

    lines: int
    mended: int
    last: int


def read_feed(*, actor: Actor, after: int, limit: int, form: str) -> Iterator[bytes]:
    """The lines after an index. Raises NotPermitted, Conflict, DomainError before the first."""
    actor.require(PERMISSION)
    if form not in FORMATS:
        raise DomainError(f"A feed is one of {', '.join(FORMATS)}.", code="unknown_format")
    size = covered(after)
    if after + 1 < size:
        _record(actor, form, after + 1)
    return feed(after=after, limit=min(limit, LARGEST), form=form)


def append_feed(*, actor: Actor, path: Path, form: str) -> Appended:
    """Add what is new to a file, from the entry after its last whole line. Each thousand lines are on disk before more.

    A line that a kill cut off is taken away and written anew. Raises DomainError where the file is no feed of this log
    and this format, Conflict where somebody else is writing it.
    """
    actor.require(PERMISSION)
    if form not in FORMATS:
        raise DomainError(f"A feed is one of {', '.join(FORMATS)}.", code="unknown_format")
    with _locked(path) as file:
        last, mended = _resume(file, form, path.name)
        size = covered(last)
        if last + 1 < size:
            _record(actor, form, last + 1)
        lines = feed(after=last, limit=None, form=form)
        written = 0
        while batch := list(islice(lines, _AT_ONCE)):
            file.write(b"".join(batch))
            file.flush()
            os.fsync(file.fileno())
            written += len(batch)
        return Appended(lines=written, mended=mended, last=last + written)


def _record(actor: Actor, form: str, first: int) -> None:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for entry in Entry.objects.filter(actor=actor.id, kind="audits.trail.exported", at__gte=today):
        said = orjson.loads(bytes(entry.body))["act"]["data"]
        # The export of a list is an act of this kind too, in another format.
        if said["format"] == form and said["first"] < first:
            return
    with act(events.TrailExported(format=form, first=first), actor=actor, subject="system:trail"):
        pass


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"Somebody else is writing {path.name}.", code="feed_is_written") from None
        yield file


def _resume(file: BinaryIO, form: str, name: str) -> tuple[int, int]:
    """The index of the last whole line (-1: none), the file standing after it; and how many bytes were cut off."""
    length = file.seek(0, os.SEEK_END)
    end, line = _last_line(file, length)
    if line:
        last, leaf = index_in(line)
        if format_of(line) != form:
            raise DomainError(f"{name} holds the feed in another format: take another file.", code="other_format")
        entry = Entry.objects.defer("body").filter(index=last).first()
        if entry is None or to_base64(bytes(entry.leaf_hash)) != leaf:
            raise Conflict(
                f"The last line of {name} is entry {last} of another log, or the log was set back: keep the file and "
                "ask whoever audits it.",
                code="ahead_of_log",
            )
    else:
        last = -1
    if end != length:
        file.truncate(end)
        os.fsync(file.fileno())
    file.seek(end)
    return last, length - end


def _last_line(file: BinaryIO, length: int) -> tuple[int, bytes]:
    """Where the last whole line ends, and that line; read from the end, however long the file is."""
    tail, start = b"", length
    while start > 0:
        step = min(_TAIL, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
        end = tail.rfind(b"\n")
        begun = tail.rfind(b"\n", 0, max(end, 0))
        if end >= 0 and (begun >= 0 or start == 0):
            return start + end + 1, tail[begun + 1 : end]
    return 0, b""
