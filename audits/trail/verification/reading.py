"""One frozen view of the database for a whole verification: repeatable read, read only, streamed.

Nothing here can write, and no statement depends on the session's own settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, islice
from typing import Any, TypeAlias, TypeVar

import psycopg
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

AT_ONCE = 2000
# Entries of one page: at most 64 KiB each, so a page of the largest is 128 MiB and one of usual acts 1 MiB.
_PAGE = 2000

# What a query of ours is given: values that the driver knows, or lists of them.
Params: TypeAlias = "Sequence[Any] | Mapping[str, Any] | None"
# A row as the driver gives it; each query's reader knows its types.
Row: TypeAlias = tuple[Any, ...]
_Item = TypeVar("_Item")
_numbers = count()

_SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    # Whatever the role or the database was told: no schema comes between.
    "SET LOCAL search_path = pg_catalog, public",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL \"DateStyle\" = 'ISO'",
    # Of what is personal or hashed, the trail has the text (encoding.pins).
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL bytea_output = 'hex'",
    # Whole tables are joined here. A plan for few rows, made from statistics that are behind, never ends.
    "SET LOCAL enable_nestloop = off",
    "SET LOCAL work_mem = '64MB'",
    # Hashing a large file between two statements is no idling.
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)


class Reader:
    """Queries inside the view. ``stream`` keeps the rows on the server; memory does not grow with them."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def rows(self, query: str, params: Params = None) -> list[Row]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, params)
            found: list[Row] = cursor.fetchall()
        return found

    def stream(self, query: str, params: Params = None) -> Iterator[Row]:
        with self._connection.chunked_cursor() as cursor:
            cursor.execute(query, params)
            while rows := cursor.fetchmany(AT_ONCE):
                yield from rows

    def pages(self, query: str, params: Params = None) -> Iterator[list[Row]]:
        """Pages of rows in the driver's binary format, which costs half of the text format."""
        raw = self._connection.connection
        if not isinstance(raw, psycopg.Connection):
            raise TypeError("the view is not on a connection to PostgreSQL")
        with (
            self._connection.wrap_database_errors,
            psycopg.ServerCursor(raw, f"audits_pages_{next(_numbers)}", scrollable=False) as cursor,
        ):
            cursor.execute(query.encode(), params, binary=True)
            while rows := cursor.fetchmany(_PAGE):
                yield rows

    def cancel(self) -> None:
        """Stop the statement that another thread is waiting for."""
        raw = self._connection.connection
        if isinstance(raw, psycopg.Connection):
            raw.cancel_safe(timeout=5)

    def snapshot(self) -> str:
        """The view's name, by which another connection can have the same one."""
        [(name,)] = self.rows("SELECT pg_export_snapshot()")
        return str(name)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A database error inside leaves the view usable."""
        with transaction.atomic(using=self._connection.alias):
            yield


@contextmanager
def frozen_view(using: str, *, snapshot: str | None = None) -> Iterator[Reader]:
    """What is committed by now, or what another view sees, by its snapshot's name."""
    connection = connections[using]
    with transaction.atomic(using=using, durable=True):
        with connection.cursor() as cursor:
            first, *settings = _SETTINGS
            cursor.execute(first)
            if snapshot is not None:
                cursor.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
            for statement in settings:
                cursor.execute(statement)
            cursor.execute("SELECT 1")  # The view is what is committed by now.
        yield Reader(connection)


def batches(items: Iterator[_Item], size: int = AT_ONCE) -> Iterator[list[_Item]]:
    while batch := list(islice(items, size)):
        yield batch
