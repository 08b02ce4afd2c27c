"""What waits for a statement to carry it: BEGIN and the opening of an act, sent as one simple query with what follows.

A change in an act then takes two round trips, not four. Nothing that waits is ever lost: a cursor that cannot carry
(one with a name, ``executemany``, COPY, a pipeline) sends it alone first. PostgreSQL's protocol, "Multiple statements
in a simple query": BEGIN within the string makes an ordinary transaction block that outlasts it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.backends.postgresql import base as stock
from psycopg.pq import PipelineStatus, TransactionStatus

# Django's stubs do not know that these are cursors of psycopg.
_Cursor: Any = stock.Cursor
_ServerSideCursor: Any = stock.ServerSideCursor

Receive = Callable[[bytes | None], None]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A statement without parameters; ``receive`` is given the only value of its only row, as text."""

    statement: str
    receive: Receive | None = None


def waiting_of(connection: Any) -> list[Waiting]:
    """What waits on a connection of psycopg, in order; an empty list where nobody has ever waited."""
    found: list[Waiting] | None = getattr(connection, "countersign_waiting", None)
    if found is None:
        found = connection.countersign_waiting = []
    return found


class CarryingCursor(_Cursor):  # type: ignore[misc]  # Of no type, see there.
    """A cursor that binds on the client, as Django's does, and carries what waits."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "CarryingCursor":
        waiting = waiting_of(self.connection)
        if waiting:
            if not options and self.connection.pgconn.pipeline_status == PipelineStatus.OFF:
                # Bound before anything is sent: where that fails, all of it still waits.
                self._send(waiting, self.mogrify(query, params))
                return self
            self.send_waiting()
        super().execute(query, params, **options)
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        self.send_waiting()
        super().executemany(query, params_seq, **options)

    def copy(self, *args: Any, **options: Any) -> Any:
        self.send_waiting()
        return super().copy(*args, **options)

    def stream(self, *args: Any, **options: Any) -> Any:
        self.send_waiting()
        return super().stream(*args, **options)

    def send_waiting(self) -> None:
        """Send what waits by itself."""
        waiting = waiting_of(self.connection)
        if self.connection.pgconn.pipeline_status == PipelineStatus.OFF:
            if waiting:
                self._send(waiting)
            return
        # A pipeline takes one statement at a time.
        while waiting:
            first = waiting.pop(0)
            super().execute(first.statement)
            if first.receive is not None:
                self.fetchone()
                self._receive(first.receive)

    def _send(self, waiting: list[Waiting], *last: str) -> None:
        try:
            super().execute("; ".join([*(each.statement for each in waiting), *last]))
        except BaseException:
            # A string that does not parse runs nothing, BEGIN included: then the next statement must carry it again.
            if self.connection.pgconn.transaction_status != TransactionStatus.IDLE:
                waiting.clear()
            raise
        sent = waiting[:]
        waiting.clear()
        for each in sent:
            if each.receive is not None:
                self._receive(each.receive)
            self.nextset()

    def _receive(self, receive: Receive) -> None:
        receive(self.pgresult.get_value(0, 0))


class CarryingServerSideCursor(_ServerSideCursor):  # type: ignore[misc]  # Of no type, see there.
    """A cursor with a name: DECLARE goes by the extended protocol, which carries nothing."""

    def execute(self, *args: Any, **options: Any) -> "CarryingServerSideCursor":
        if waiting_of(self.connection):
            with self.connection.cursor() as cursor:
                cursor.send_waiting()
        super().execute(*args, **options)
        return self
