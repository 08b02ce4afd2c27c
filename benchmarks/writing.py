"""What is measured of recording: one change at a time by one thread or several, and bulk writes. Rates and seconds.

The same code for ours and for every peer; what differs is the table, and what stands around each change.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from typing import TypeVar

from django.db import connection, connections
from django.db.models import F
from django.utils import timezone

from benchmarks.models import Contract

ROWS = 10_000

Around = Callable[[], AbstractContextManager[object]]
C = TypeVar("C", bound=Contract)


def contracts(model: type[C], count: int) -> list[C]:
    now = timezone.now()
    return [
        model(
            number=f"C-{number:08}",
            party=f"Party {number % 97}",
            amount=Decimal(number) + Decimal("0.25"),
            currency="EUR",
            status="draft",
            rank=number % 11,
            active=True,
            due=date(2030, 1, 1),
            terms={"days": 30, "note": "as agreed"},
            updated=now,
        )
        for number in range(count)
    ]


def rate(model: type[Contract], around: Around, on: Around, *, threads: int, changes: int) -> float:
    """Changes per second of so many threads, each with a connection (``on``) and a row of its own."""
    if threads == 1:
        with on():
            row = model._default_manager.get(pk=1)
            return changes / _seconds_of(row, around, changes)
    together = threading.Barrier(threads + 1)
    failed: list[BaseException] = []

    def work(key: int) -> None:
        try:
            with on():
                row = model._default_manager.get(pk=key)
                together.wait()
                _seconds_of(row, around, changes)
        except BaseException as error:
            failed.append(error)
            together.abort()
            raise
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work, args=(key,)) for key in range(1, threads + 1)]
    for worker in workers:
        worker.start()
    together.wait()
    begun = time.perf_counter()
    for worker in workers:
        worker.join()
    lasted = time.perf_counter() - begun
    if failed:
        raise failed[0]
    return threads * changes / lasted


def _seconds_of(row: Contract, around: Around, changes: int) -> float:
    begun = time.perf_counter()
    for _ in range(changes):
        with around():
            row.amount += 1
            row.status = "signed" if row.status == "draft" else "draft"
            row.updated = timezone.now()
            row.save()
    return time.perf_counter() - begun


def update(model: type[Contract], around: Around, on: Around, *, rows: int = ROWS) -> float:
    """Seconds of one update of so many rows, by a session that has planned nothing yet."""
    with on():
        connection.close()
        connection.ensure_connection()
        return _seconds_of_update(model, around, rows)


def update_after_single_changes(model: type[Contract], around: Around, on: Around, *, rows: int) -> float:
    """The same by a session whose triggers have planned for one row: that plan must not be used for thousands."""
    with on():
        connection.close()
        rate(model, around, on, threads=1, changes=10)
        return _seconds_of_update(model, around, rows)


def _seconds_of_update(model: type[Contract], around: Around, rows: int) -> float:
    begun = time.perf_counter()
    with around():
        changed = model._default_manager.filter(pk__lte=rows).update(amount=F("amount") + 1, updated=timezone.now())
    assert changed == rows
    return time.perf_counter() - begun


def bulk_create(model: type[Contract], around: Around, on: Around) -> float:
    """Seconds of one bulk_create of ten thousand rows."""
    made = contracts(model, ROWS)
    with on():
        begun = time.perf_counter()
        with around():
            model._default_manager.bulk_create(made)
        return time.perf_counter() - begun
