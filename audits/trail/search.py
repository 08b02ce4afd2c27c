"""Searches the trail: entries by subject, actor, kind, period and words, newest first.

Words stand in an index of their own (migration 0006) that a worker fills after the log, so that no act and no
sequencer waits for it. Entries that it has not reached yet are searched directly, up to a limit that the answer tells.
The index proves nothing, and that nothing was found proves nothing: what is found is proved by its entry.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.utils import CursorWrapper
from django.db.utils import Error as DatabaseError

from audits.errors import DomainError
from audits.trail.act import EVENTS

AT_ONCE = 500
"""Entries whose words are taken in by one statement."""
TAIL = 5_000
"""Entries that the index has not reached yet and that are searched all the same: the newest."""
RECENT = 5_000
"""Entries among which words are looked for one by one, before the index of words is asked."""
_LONGEST_TEXT = 500
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # Seconds.
# A word that begins so; shorter ones would be found in every second entry.
_PREFIX = 3

_log = logging.getLogger(__name__)


class UnclearSearch(DomainError):
    """What was asked cannot be searched for."""

    code = "unclear_search"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an entry must have, all of it. ``kind`` may be the beginning of one, to a dot; ``since`` and ``until`` are
    times at which the act began, both included; ``text``: words, each of which begins one of the entry's."""

    subject: str = ""
    actor: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    @property
    def is_in_the_log_itself(self) -> bool:
        """Whether the log's own indexes answer it."""
        return not (self.kind or self.since or self.until or self.text)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Indexes, newest first. ``more``: whether there are others before them. ``unsearched``: how many entries are not
    searched, since a worker has not taken them in yet: those just below the newest ones."""

    indexes: tuple[int, ...]
    more: bool
    unsearched: int


def find(asked: Asked, *, before: int | None = None, limit: int = 50) -> Found:
    """The newest entries that fit, below index ``before`` where that is given. Raises UnclearSearch.

    Stable: entries are never changed nor removed, so pages that go on from the last index miss nothing and repeat
    nothing.
    """
    params: dict[str, Any] = {
        "subject": asked.subject,
        "actor": asked.actor,
        "kinds": _kinds(asked.kind),
        "since": asked.since,
        "until": asked.until,
        "before": 2**62 if before is None else before,
        "limit": limit + 1,
        "tail": TAIL,
    }
    with connection.cursor() as cursor:
        if asked.text:
            params["words"] = _words(cursor, asked.text)
        if asked.is_in_the_log_itself:
            cursor.execute(_statement(_log_part(asked)), params)
            rows, unsearched = [index for (index,) in cursor.fetchall()], 0
        else:
            cursor.execute(_REACHED)
            reached, size = cursor.fetchone()
            params |= {"reached": max(reached, size - TAIL), "size": size}
            params["recent"] = min(max(reached, size - TAIL), reached if before is None else before) - RECENT
            # What is common is found among the newest; only what is not is worth asking the index of words for.
            parts = (_indexed_part(asked, recent=True),) if asked.text else (_indexed_part(asked),)
            cursor.execute(_statement(*parts, _tail_part(asked)), params)
            rows = [index for (index,) in cursor.fetchall()]
            if asked.text and len(rows) <= limit:
                cursor.execute(_statement(_indexed_part(asked, recent=False), _tail_part(asked)), params)
                rows = [index for (index,) in cursor.fetchall()]
            unsearched = max(0, size - TAIL - reached)
    return Found(indexes=tuple(rows[:limit]), more=len(rows) > limit, unsearched=unsearched)


def index_words(*, using: str = DEFAULT_DB_ALIAS) -> int:
    """Take in the words of the next entries; how many. Nothing while another worker does."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT audits_index_words(%s)", [AT_ONCE])
        return int(cursor.fetchone()[0])


def index_forever(stop: threading.Event, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Take in words until ``stop`` is set. Run it in a thread of its own: the connection is this thread's."""
    delay = _PAUSE
    try:
        while not stop.is_set():
            try:
                # A little rest after each batch: the sequencer comes first.
                delay = 0.01 if index_words(using=using) else _PAUSE
            except DatabaseError as error:
                if delay <= _PAUSE:
                    _log.error("No words are taken in for searching: %s", error)
                connections[using].close()
                delay = min(max(delay, _PAUSE) * 2, _LONGEST_PAUSE)
            stop.wait(delay)
    finally:
        connections[using].close()


_REACHED = """
SELECT coalesce((SELECT max(index) + 1 FROM audits_search), 0), coalesce((SELECT max(index) + 1 FROM audits_entry), 0)
"""
# The words of the question are cut as those of the entries are.
_QUERY = """
SELECT string_agg('''' || t.term || '''' || CASE WHEN length(t.term) < %s THEN '' ELSE ':*' END, ' & ')
FROM unnest(audits_terms(%s)) AS t (term)
"""


def _words(cursor: CursorWrapper, text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise UnclearSearch(f"Search for at most {_LONGEST_TEXT} characters; a word or two find more.")
    cursor.execute(_QUERY, [_PREFIX, text])
    (words,) = cursor.fetchone()
    if words is None:
        raise UnclearSearch("Search for words: letters or digits.")
    return str(words)


def _kinds(asked: str) -> list[str]:
    """The kinds that are it or begin with it, to a dot; a kind of former times stands for itself."""
    whole = asked.rstrip(".")
    return [whole, *(kind for kind in EVENTS if kind.startswith(f"{whole}."))]


def _statement(*parts: str) -> str:
    """The newest of what the parts find, each part bounded itself."""
    union = " UNION ALL ".join(f"({part} ORDER BY 1 DESC LIMIT %(limit)s)" for part in parts)
    return f"SELECT index FROM ({union}) AS found ORDER BY index DESC LIMIT %(limit)s"


def _of_the_entry(asked: Asked) -> list[str]:
    return [
        *(["e.subject = %(subject)s"] if asked.subject else []),
        *(["e.actor = %(actor)s"] if asked.actor else []),
    ]


def _log_part(asked: Asked) -> str:
    conditions = ["e.index < %(before)s", *_of_the_entry(asked)]
    return f"SELECT e.index FROM audits_entry e WHERE {' AND '.join(conditions)}"


def _indexed_part(asked: Asked, *, recent: bool | None = None) -> str:
    """``recent``: for words, whether among the newest entries, or by the index of words."""
    conditions = ["s.index < %(before)s", "s.index < %(reached)s", *_of_the_entry(asked)]
    source = "audits_search s"
    if asked.subject or asked.actor:
        source += " JOIN audits_entry e ON e.index = s.index"
    if asked.kind:
        conditions.append("s.kind = ANY (%(kinds)s)")
    if asked.text and recent:
        conditions += ["s.index >= %(recent)s", "s.words @@ %(words)s::tsquery"]
    elif asked.text:
        # By itself: else the planner, expecting some soon, reads the entries one by one to the first.
        had = "SELECT w.index FROM audits_search w WHERE w.words @@ %(words)s::tsquery OFFSET 0"
        source += f" JOIN ({had}) AS had ON had.index = s.index"
    if asked.until:
        # By themselves first: else the newest entries are read one by one back to the period.
        period = "p.at <= %(until)s" + (" AND p.at >= %(since)s" if asked.since else "")
        source += (
            f" JOIN (SELECT p.index FROM audits_search p WHERE {period} OFFSET 0) AS period ON period.index = s.index"
        )
    elif asked.since:
        # What a checkpoint signed before covers began before: nothing of it is looked at.
        conditions += [
            "s.at >= %(since)s",
            "s.index >= coalesce((SELECT c.size FROM audits_checkpoint c WHERE c.signed_at < %(since)s"
            " ORDER BY c.signed_at DESC LIMIT 1), 0)",
        ]
    return f"SELECT s.index FROM {source} WHERE {' AND '.join(conditions)}"


def _tail_part(asked: Asked) -> str:
    conditions = ["e.index < %(before)s", "e.index >= %(reached)s", "e.index < %(size)s", *_of_the_entry(asked)]
    if asked.kind:
        conditions.append("e.kind = ANY (%(kinds)s)")
    if asked.since:
        conditions.append("e.at >= %(since)s")
    if asked.until:
        conditions.append("e.at <= %(until)s")
    if asked.text:
        conditions.append("audits_words(e.body, e.content) @@ %(words)s::tsquery")
    return f"SELECT e.index FROM audits_entry e WHERE {' AND '.join(conditions)}"
