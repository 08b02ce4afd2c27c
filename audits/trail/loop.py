"""Keeps sequencing until it is told to stop: what the worker runs beside its jobs.

Survives a database that restarts and a trail that is not as it was signed; it never signs over an alarm, and never
ends because of one.
"""

import logging
import threading
import time

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseError

from audits.errors import DomainError
from audits.trail.keys import signer_state, signing_key
from audits.trail.open_transactions import Watch
from audits.trail.sequencer import Sequencer
from audits.trail.signer_state import KeyRetired

BUSY, IDLE = 0.02, 0.1  # Seconds between runs.
_HELD = 30.0  # Seconds without a turn after which it is said, once.
_LONGEST = 10.0  # Seconds between attempts while the database is away or the trail is not as it was signed.

_log = logging.getLogger(__name__)


def run_forever(stop: threading.Event, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Sequence until ``stop`` is set. Run it in a thread of its own: the connection is this thread's."""
    sequencer: Sequencer | None = None
    said = ""
    delay = BUSY
    turns, watch = _Turns(), Watch()
    try:
        while not stop.is_set():
            try:
                if sequencer is None:
                    sequencer = Sequencer(key=signing_key(), state=signer_state(), using=using)
                done = sequencer.run()
                turns.note(mine=done is not None)
                watch.look(using=using)
                if said:
                    _log.warning("The sequencer is at work again.")
                said = ""
                delay = BUSY if done is not None and done.added else IDLE
            except KeyRetired as changed:
                if str(changed) != said:
                    _log.warning("%s", changed)
                said = str(changed)
                sequencer = None
                delay = IDLE
            except (DatabaseError, DomainError, OSError) as error:
                # The message of an alarm is for people and says what to do; a second time it says nothing new.
                if str(error) != said:
                    _log.error("The sequencer waits: %s", error)
                said = str(error)
                sequencer = None
                connections[using].close()
                delay = min(max(delay, IDLE) * 2, _LONGEST)
            stop.wait(delay)
    finally:
        connections[using].close()


class _Turns:
    """Says once when this sequencer has not had its turn for long."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._said = False

    def note(self, *, mine: bool) -> None:
        if mine:
            self._last, self._said = time.monotonic(), False
        elif not self._said and time.monotonic() - self._last > _HELD:
            self._said = True
            _log.warning(
                "The sequencer has waited %.0f seconds for its turn. Another session holds its lock: another worker's "
                "sequencer, or one that should not (pg_locks, locktype advisory).",
                _HELD,
            )
