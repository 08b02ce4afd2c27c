"""Moments of the log: an entry, a time or a checkpoint, as the number of entries that count at it.

A moment is a size of the log and nothing else: never a guess by the clock where the order of the log says otherwise,
and never a size that the log does not have. Checkpoints are C2SP tlog-checkpoints.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias

from django.db import connection
from django.utils import timezone

from audits.errors import DomainError
from audits.trail.log import size_of_log, smallest_checkpoint_over

_FORMS = "an entry (entry:123), a checkpoint (checkpoint:456), a day (2026-03-14) or a time (2026-03-14T09:26:53Z)"
_NUMBERED = re.compile(r"(entry|checkpoint):([0-9]{1,18})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# The first entry of an act that began later, looked for from the newest checkpoint that was signed before: what a
# checkpoint covers had begun when it was signed.
SIZE_AT = """
SELECT coalesce(
    (SELECT e.index FROM audits_entry e
     WHERE e.at > %(at)s AND e.index >= coalesce(
        (SELECT c.size FROM audits_checkpoint c WHERE c.signed_at <= %(at)s ORDER BY c.signed_at DESC LIMIT 1), 0)
     ORDER BY e.index LIMIT 1),
    (SELECT max(e.index) + 1 FROM audits_entry e), 0)
"""


class NoSuchMoment(DomainError):
    """What was asked is no moment of the log: nonsense, or in the future."""

    code = "no_such_moment"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """``size`` entries count, those below that index. ``checkpoint`` is the size of the smallest signed checkpoint that
    covers them, None while none does; ``at`` is set where a time was asked for."""

    size: int
    checkpoint: int | None
    at: datetime | None = None

    @property
    def entry(self) -> int | None:
        """The last entry that counts; None before the first."""
        return self.size - 1 if self.size else None


When: TypeAlias = "Moment | int | datetime"


def moment_of(when: When) -> Moment:
    """A whole number is the index of an entry. Raises NoSuchMoment."""
    if isinstance(when, Moment):
        return when
    return at_time(when) if isinstance(when, datetime) else at_entry(when)


def at_entry(index: int) -> Moment:
    """Just after entry ``index``. Raises NoSuchMoment where the log does not reach it."""
    size = size_of_log()
    if not 0 <= index < size:
        raise NoSuchMoment(f"There is no entry {index}: the log holds {size} entries, counted from 0.")
    return Moment(size=index + 1, checkpoint=smallest_checkpoint_over(index + 1))


def at_checkpoint(size: int) -> Moment:
    """The log that the checkpoint of ``size`` entries covers. Raises NoSuchMoment where we signed none of that size."""
    if smallest_checkpoint_over(size) != size:
        raise NoSuchMoment(
            f"No checkpoint of {size} entries was signed; GET /api/v1/trail/checkpoint shows the newest."
        )
    return Moment(size=size, checkpoint=size)


def at_time(at: datetime) -> Moment:
    """The log before the first entry whose act began after ``at``. Raises NoSuchMoment for the future.

    An act that began earlier and was still open then stands behind that entry in the log, and so does not count: nobody
    saw its changes yet. Acts that are not sequenced yet count as later than every entry.
    """
    if at.tzinfo is None:
        raise NoSuchMoment("A time needs its zone, for example 2026-03-14T09:26:53Z.")
    # Clocks of two machines are never the same to the second.
    if at > timezone.now() + timedelta(seconds=5):
        raise NoSuchMoment(f"{at.isoformat()} lies in the future; ask for a moment that has been.")
    with connection.cursor() as cursor:
        cursor.execute(SIZE_AT, {"at": at})
        (size,) = cursor.fetchone()
    return Moment(size=size, checkpoint=smallest_checkpoint_over(size), at=at)


def now() -> Moment:
    """Everything that is in the log."""
    size = size_of_log()
    return Moment(size=size, checkpoint=smallest_checkpoint_over(size))


def parse_moment(text: str) -> Moment:
    """``entry:123``, ``checkpoint:456``, a day (its end, in UTC) or a time (UTC where it names no zone).

    Raises NoSuchMoment with the forms that are understood.
    """
    asked = text.strip()
    if numbered := _NUMBERED.fullmatch(asked):
        kind, number = numbered.groups()
        return at_entry(int(number)) if kind == "entry" else at_checkpoint(int(number))
    try:
        if _DAY.fullmatch(asked):
            return at_time(_end_of(date.fromisoformat(asked)))
        # An unescaped plus of a zone arrives as a space.
        at = datetime.fromisoformat(re.sub(r" (?=[0-9]{2}:[0-9]{2}$)", "+", asked) if "T" in asked else asked)
        return at_time(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise NoSuchMoment(f"{asked[:100]!r} is no moment: write {_FORMS}.") from error


def _end_of(day: date) -> datetime:
    """Its last microsecond; for today, now."""
    end = datetime.combine(day, time.max, tzinfo=UTC)
    present = timezone.now()
    return present if day == present.astimezone(UTC).date() else end
