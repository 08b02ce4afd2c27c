"""How the trail is, for monitoring: whether the last verification held and is fresh, whether the sequencer keeps up.

Says no more than a stranger may know: counts and ages, no names, no findings.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audits.services.verification import last_verification
from audits.trail.open_transactions import open_transactions

# A night and two hours: the next verification is due every 24 hours.
FRESH = timedelta(hours=26)
# An act has its leaf within a second; a minute is a sequencer that stands.
LONGEST_WAIT = 60.0
_COUNTED = 1000

_STATE = """
SELECT (SELECT coalesce(max(index) + 1, 0) FROM audits_entry),
    (SELECT min(started_at) FROM audits_epoch),
    count(*), extract(epoch FROM clock_timestamp() - min(at))::float8
FROM (
    SELECT at FROM audits_act a WHERE (epoch, xid) > (
        SELECT coalesce(max(epoch), 0), coalesce(max(xid::text)::xid8, '0'::xid8)
        FROM (SELECT epoch, xid FROM audits_entry ORDER BY index DESC LIMIT 1) AS last
    ) AND NOT EXISTS (SELECT FROM audits_entry e WHERE e.epoch = a.epoch AND e.xid = a.xid) LIMIT %s
) AS waiting
"""


@dataclass(frozen=True, kw_only=True)
class TrailHealth:
    """``pending`` counts to a thousand; ages and lags are seconds; ``problems`` are codes."""

    entries: int
    pending: int
    sequencer_lag: float
    long_transaction: float
    verified_at: datetime | None
    verified: bool | None
    verified_entries: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def age(self) -> float | None:
        return None if self.verified_at is None else (timezone.now() - self.verified_at).total_seconds()


def trail_health() -> TrailHealth:
    """Three queries, whatever the size of the trail."""
    last = last_verification()
    with connection.cursor() as cursor:
        cursor.execute(_STATE, [_COUNTED])
        entries, begun, pending, lag = cursor.fetchone()
    lag = round(lag or 0.0, 3)
    longest = round(max((found.seconds or 0.0 for found in open_transactions()), default=0.0), 3)
    now = timezone.now()
    problems = []
    if last is not None and not last.ok:
        problems.append("differs")
    if (last.finished_at if last is not None else begun) < now - FRESH:
        problems.append("not_verified")
    if lag > LONGEST_WAIT:
        problems.append("sequencer_behind")
    if longest >= settings.TRAIL_OPEN_SECONDS:
        problems.append("long_transaction")
    return TrailHealth(
        entries=entries,
        pending=pending,
        sequencer_lag=lag,
        long_transaction=longest,
        verified_at=None if last is None else last.finished_at,
        verified=None if last is None else last.ok,
        verified_entries=0 if last is None else last.entries,
        problems=tuple(problems),
    )
