"""Keeps publishing and timestamping until it is told to stop: what the worker runs beside the sequencer.

Survives a database that restarts, a full disk and a trail that is not as it was published; it never publishes over an
alarm, and never ends because of one.
"""

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseError

from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.trail.publishing.publisher import Publisher
from audits.trail.publishing.source import tile_files
from audits.trail.publishing.trust import witness_policy
from audits.trail.publishing.witnesses import Witnesses

_LONGEST = 60.0  # Seconds between attempts while something is wrong.
_STAMPING = 5.0  # Seconds between looks at whether a timestamp is due.

_log = logging.getLogger(__name__)


def publish_forever(stop: threading.Event, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Publish until ``stop`` is set. Run it in a thread of its own: the connection is this thread's."""

    def start() -> Callable[[], bool]:
        publisher = Publisher(tile_files(), ask=Witnesses(witness_policy(), using=using), using=using)

        def once() -> bool:
            done = publisher.run()
            return done is not None and done.more

        return once

    _forever(stop, start, what="publisher", seconds=settings.PUBLISH_SECONDS, using=using)


def stamp_forever(stop: threading.Event, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Ask for timestamps until ``stop`` is set; nothing where no authority is named. Run it in a thread of its own."""
    if not settings.TSA_URL:
        return

    def start() -> Callable[[], bool]:
        from audits.trail.publishing.stamps import Authority, Stamper

        stamper = Stamper(Authority.configured(), using=using)

        def once() -> bool:
            stamper.run()
            return False

        return once

    _forever(stop, start, what="timestamper", seconds=_STAMPING, using=using)


def _forever(
    stop: threading.Event, start: Callable[[], Callable[[], bool]], *, what: str, seconds: float, using: str
) -> None:
    """Run what ``start`` returns, again at once where it says that there is more."""
    once: Callable[[], bool] | None = None
    said = ""
    delay = seconds
    try:
        while not stop.is_set():
            try:
                if once is None:
                    once = start()
                more = once()
                if said:
                    _log.warning("The %s is at work again.", what)
                said = ""
                delay = 0 if more else seconds
            except (DatabaseError, DomainError, VerificationError, OSError) as error:
                if str(error) != said:
                    _log.error("The %s waits: %s", what, error)
                said = str(error)
                # What rests after a failure keeps its own time; anything else starts anew.
                once = once if isinstance(error, DomainError) else None
                connections[using].close()
                delay = min(max(delay, seconds, 0.1) * 2, _LONGEST)
            stop.wait(delay)
    finally:
        connections[using].close()
