"""Recording: a change in an act against the same change by plain Django on a table that nothing governs."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TypeVar

from django.db import connection, connections, transaction
from django.db.models import F
from django.utils import timezone

from audits.trail import Actor, act
from benchmarks.database import analyze
from benchmarks.models import Contract, ContractChanged, GovernedContract, PlainContract
from benchmarks.rounds import interleaved
from benchmarks.rows import Row, compare

ROWS, FEWER_ROWS = 10_000, 2_000
ONE_THREAD, EIGHT_THREADS = 100, 25  # Changes a round, by each thread.
_ACTOR = Actor.system("bench", via="command")

Around = Callable[[], AbstractContextManager[object]]
C = TypeVar("C", bound=Contract)


def in_act() -> AbstractContextManager[object]:
    return act(ContractChanged(), actor=_ACTOR, subject="benchmarks.contracts")


def make_rows() -> None:
    """The same ten thousand rows in both tables."""
    with in_act():
        GovernedContract._default_manager.bulk_create(_contracts(GovernedContract, ROWS))
    PlainContract._default_manager.bulk_create(_contracts(PlainContract, ROWS))
    analyze()


def measure_recording() -> list[Row]:
    """Issue 3 states goals against a plain save (0.95) and a plain bulk_create (0.95)."""
    rows = []
    for threads, changes, rounds in ((1, ONE_THREAD, 7), (8, EIGHT_THREADS, 9)):
        measured = interleaved(
            f"trail, one change in one act, threads: {threads}",
            rounds,
            {
                "ours": partial(_rate, GovernedContract, in_act, threads=threads, changes=changes),
                "plain": partial(_rate, PlainContract, transaction.atomic, threads=threads, changes=changes),
            },
        )
        rows.append(
            compare(
                bench="trail",
                what=f"one change in one act, {threads} thread{'s' if threads > 1 else ''}",
                n=changes * threads * rounds,
                unit="changes/s",
                ours=measured["ours"],
                peer="plain save() in atomic()",
                theirs=measured["plain"],
                goal=0.95,
            )
        )
    for what, write, n, rounds, goal in (
        ("update() in one act", _update, ROWS, 5, None),
        ("update() in one act, after single changes", _update_after_single_changes, FEWER_ROWS, 3, None),
        ("bulk_create() in one act", _bulk_create, ROWS, 3, 0.95),
    ):
        measured = interleaved(
            f"trail, {what}, {n:,} rows",
            rounds,
            {
                "ours": partial(write, GovernedContract, in_act),
                "plain": partial(write, PlainContract, transaction.atomic),
            },
        )
        rows.append(
            compare(
                bench="trail",
                what=what,
                n=n,
                unit="ms",
                ours=measured["ours"] * 1000,
                peer=f"plain {what.split()[0]} in atomic()",
                theirs=measured["plain"] * 1000,
                goal=goal,
            )
        )
    return rows


def _contracts(model: type[C], count: int) -> list[C]:
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


def _rate(model: type[Contract], around: Around, *, threads: int, changes: int) -> float:
    """Changes per second of so many threads, each with a connection and a row of its own."""
    if threads == 1:
        row = model._default_manager.get(pk=1)
        return changes / _seconds_of(row, around, changes)
    together = threading.Barrier(threads + 1)
    failed: list[BaseException] = []

    def work(key: int) -> None:
        try:
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


def _update(model: type[Contract], around: Around, rows: int = ROWS) -> float:
    """Seconds of one update of so many rows, by a session that has planned nothing yet."""
    connection.close()
    connection.ensure_connection()
    return _seconds_of_update(model, around, rows)


def _update_after_single_changes(model: type[Contract], around: Around) -> float:
    """The same by a session whose triggers have planned for one row: that plan must not be used for thousands."""
    connection.close()
    _rate(model, around, threads=1, changes=10)
    return _seconds_of_update(model, around, FEWER_ROWS)


def _seconds_of_update(model: type[Contract], around: Around, rows: int) -> float:
    begun = time.perf_counter()
    with around():
        changed = model._default_manager.filter(pk__lte=rows).update(amount=F("amount") + 1, updated=timezone.now())
    assert changed == rows
    return time.perf_counter() - begun


def _bulk_create(model: type[Contract], around: Around) -> float:
    made = _contracts(model, ROWS)
    begun = time.perf_counter()
    with around():
        model._default_manager.bulk_create(made)
    return time.perf_counter() - begun
