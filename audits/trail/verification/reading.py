"""One frozen view of the database for a whole verification: repeatable read, read only, streamed.

Nothing here can write, and no statement depends on the session's own settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

AT_ONCE = 2000

# What a query of ours is given: values that the driver knows, or lists of them.
Params: TypeAlias = "Sequence[Any] | Mapping[str, Any] | None"
# A row as the driver gives it; each query's reader knows its types.
Row: TypeAlias = tuple[Any, ...]
_Item = TypeVar("_Item")

_SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL \"DateStyle\" = 'ISO'",
    # Whole tables are joined here. A plan for few rows, made from statistics that are behind, never ends.
    "SET LOCAL enable_nestloop = off",
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

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A database error inside leaves the view usable."""
        with transaction.atomic(using=self._connection.alias):
            yield


@contextmanager
def frozen_view(using: str) -> Iterator[Reader]:
    connection = connections[using]
    with transaction.atomic(using=using, durable=True):
        with connection.cursor() as cursor:
            for statement in _SETTINGS:
                cursor.execute(statement)
            cursor.execute("SELECT 1")  # The view is what is committed by now.
        yield Reader(connection)


def batches(items: Iterator[_Item], size: int = AT_ONCE) -> Iterator[list[_Item]]:
    while batch := list(islice(items, size)):
        yield batch
