"""ENGINE ``audits.postgres``: Django's PostgreSQL backend; a transaction's opening travels with its first statement.

psycopg stays in autocommit throughout; ``atomic()`` lets BEGIN wait for the first statement (see ``carrying``), and
COMMIT and ROLLBACK are sent as ever. Never sends a statement outside the transaction that Django believes to be in.
Django asks for the name ``base`` (django.db.utils.load_backend).
"""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.base import Cursor
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.postgresql.psycopg_any import register_tzloader
from psycopg.pq import Format, TransactionStatus

from audits.postgres.carrying import CarryingCursor, CarryingServerSideCursor, Receive, Waiting, waiting_of


class DatabaseWrapper(PostgresWrapper):
    """A connection whose transactions begin with their first statement."""

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if params["cursor_factory"] is not Cursor:
            # Any other would not send the BEGIN that waits: what is written in atomic() would be outside a transaction.
            raise ImproperlyConfigured(
                f"The engine of the database {self.alias!r} carries BEGIN with its own cursors: take cursor_factory "
                "and server_side_binding out of its OPTIONS."
            )
        params["cursor_factory"] = CarryingCursor
        return params

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None:
            return super().create_cursor(name)
        # As Django makes it, but for ``withhold``: psycopg is in autocommit within a transaction as well.
        cursor = CarryingServerSideCursor(self.connection, name=name, scrollable=False, withhold=self.autocommit)
        loader = self.connection.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT)
        if self.timezone != loader.timezone:
            register_tzloader(self.timezone, cursor)
        return cursor

    def carry(self, statement: str, params: list[str], receive: Receive) -> Waiting:
        """Let a statement of one value wait for the next one, which carries it; call within ``atomic()``.

        Raises DataError at once where a parameter cannot be sent.
        """
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            waiting = Waiting(statement=cursor.mogrify(statement, params), receive=receive)
        waiting_of(self.connection).append(waiting)
        return waiting

    def forget(self, waiting: Waiting) -> None:
        """What was left to be carried and was not: it is not wanted any more."""
        if self.connection is not None and waiting in (left := waiting_of(self.connection)):
            left.remove(waiting)

    def send_waiting(self) -> None:
        """Send what waits by itself."""
        if waiting_of(self.connection):
            self.validate_no_broken_transaction()
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.send_waiting()

    @property
    def transaction_failed(self) -> bool:
        """Whether the server will answer COMMIT by rolling back."""
        return self.connection is None or self.connection.pgconn.transaction_status in _FAILED

    def _start_transaction_under_autocommit(self) -> None:
        """What Django's ``set_autocommit`` calls in place of switching autocommit off, where a backend has it."""
        mode = ""
        if "isolation_level" in self.settings_dict["OPTIONS"]:
            mode = f" ISOLATION LEVEL {self.isolation_level.name.replace('_', ' ')}"  # type: ignore[attr-defined]  # Neither.
        waiting_of(self.connection).append(Waiting(statement=f"BEGIN{mode}"))

    def _set_autocommit(self, autocommit: bool) -> None:
        # After an atomic block psycopg is where it was: it was never told.
        if not (autocommit and self.connection.autocommit):
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # The stubs know no such method.

    def _commit(self) -> None:
        if self.connection is not None:
            waiting = waiting_of(self.connection)
            if any(each.receive is not None for each in waiting):
                self.send_waiting()
            # BEGIN alone: there is nothing to commit.
            waiting.clear()
        super()._commit()  # type: ignore[misc]  # As of _set_autocommit.

    def _rollback(self) -> None:
        if self.connection is not None:
            waiting_of(self.connection).clear()
        super()._rollback()  # type: ignore[misc]  # As of _set_autocommit.

    def _close(self) -> None:
        if self.connection is not None:
            waiting_of(self.connection).clear()
        super()._close()  # type: ignore[misc]  # As of _set_autocommit.


_FAILED = (TransactionStatus.INERROR, TransactionStatus.UNKNOWN)
_TIMESTAMPTZ = 1184  # PostgreSQL's number for the type (pg_type.dat).
