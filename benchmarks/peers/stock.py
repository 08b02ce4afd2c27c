"""Django's own PostgreSQL backend to the benchmarks' database, for peers: they must not profit from ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections


@contextmanager
def stock() -> Iterator[None]:
    """Meanwhile ``default`` is Django's own backend, in this thread.

    By this way and not by ``using``: django-pghistory's context knows no other connection.
    """
    ours = connections["default"]
    connections["default"] = connections["stock"]
    try:
        yield
    finally:
        connections["default"] = ours
