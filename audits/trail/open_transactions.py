"""Transactions left open: what they hold back is no leaf before they end, and nobody else can see what it is.

Only tells; it never ends anybody's transaction. A session that merely reads has no number and holds nothing back.
"""

import logging
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

# A session's times are shown to its own role and to monitors only. Where they are not, the sequencer's last look tells
# how old a transaction is at least: it was open then.
_OPEN = """
SELECT s.xid::text, l.pid, coalesce(a.usename, x.owner, '') AS role, x.gid,
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, x.prepared,
        CASE WHEN s.xid = ANY (p.running) THEN p.looked_at END))::float8
FROM pg_snapshot_xip(pg_current_snapshot()) AS s (xid)
LEFT JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = s.xid::xid AND l.granted
    AND l.mode = 'ExclusiveLock' AND l.pid IS NOT NULL
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_prepared_xacts x ON x.transaction = s.xid::xid
LEFT JOIN audits_progress p ON true
WHERE coalesce(a.datname, x.database) = current_database()
ORDER BY s.xid
"""
_EVERY = 5.0  # Seconds between looks: it is no cheap question.

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class OpenTransaction:
    """``seconds``: how long it has been open, at least; None where that cannot be told yet. ``whose``: for people."""

    xid: str
    seconds: float | None
    whose: str


def open_transactions(*, using: str = DEFAULT_DB_ALIAS) -> list[OpenTransaction]:
    """The transactions of this database that have written something and have not ended, the oldest number first."""
    with connections[using].cursor() as cursor:
        cursor.execute(_OPEN)
        return [
            OpenTransaction(
                xid=xid,
                seconds=seconds,
                whose=f"session {pid} of {role}" if gid is None else f"prepared transaction {gid!r} of {role}",
            )
            for xid, pid, role, gid, seconds in cursor.fetchall()
        ]


def long_transactions(*, using: str = DEFAULT_DB_ALIAS) -> list[OpenTransaction]:
    """Those open for longer than the setting TRAIL_OPEN_SECONDS: an alarm, since their acts stay out of the log."""
    limit = settings.TRAIL_OPEN_SECONDS
    return [found for found in open_transactions(using=using) if found.seconds is not None and found.seconds >= limit]


class Watch:
    """Says once of each transaction that it was left open. Remembers itself since when, where the database hides it."""

    def __init__(self) -> None:
        self._looked = 0.0
        self._since: dict[str, float] = {}
        self._said: set[str] = set()

    def look(self, *, using: str = DEFAULT_DB_ALIAS) -> None:
        now = time.monotonic()
        if now - self._looked < _EVERY:
            return
        self._looked = now
        found = open_transactions(using=using)
        self._since = {one.xid: self._since.get(one.xid, now) for one in found}
        self._said &= self._since.keys()
        for one in found:
            seconds = max(one.seconds or 0.0, now - self._since[one.xid])
            if seconds >= settings.TRAIL_OPEN_SECONDS and one.xid not in self._said:
                self._said.add(one.xid)
                _log.warning(
                    "A transaction has been open for %.0f seconds (%s, transaction %s): its act is no entry of the "
                    "trail before it ends, and whoever needs its rows waits. End it where nobody works in it.",
                    seconds,
                    one.whose,
                    one.xid,
                )
