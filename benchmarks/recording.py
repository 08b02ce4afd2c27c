"""Recording: a change in an act against the same change by plain Django and by other audit packages.

Ours goes through the product's connection, every peer through Django's own backend.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from functools import partial

import pghistory
from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from audits.trail import Actor, act
from audits.trail.installation import install
from benchmarks.database import analyze
from benchmarks.models import Contract, ContractChanged, GovernedContract, PlainContract
from benchmarks.peers.models import (
    AuditlogContract,
    ContextContract,
    RowTriggerContract,
    SimpleHistoryContract,
    StatementTriggerContract,
)
from benchmarks.peers.stock import stock
from benchmarks.rounds import interleaved
from benchmarks.rows import Row, compare
from benchmarks.writing import ROWS, Around, bulk_create, contracts, rate, update, update_after_single_changes

FEWER_ROWS = 2_000
HELPED_ROWS = 1_000  # simple-history's helper takes some 10 s for ten thousand rows; its time is in proportion.
_ACTOR = Actor.system("bench", via="command")


def in_act() -> AbstractContextManager[object]:
    return act(ContractChanged(), actor=_ACTOR, subject="benchmarks.contracts")


@contextmanager
def in_context() -> Iterator[None]:
    """Who and why by django-pghistory, with the change in one transaction."""
    said = {"actor": _ACTOR.id, "kind": "benchmarks.contract.changed", "subject": "benchmarks.contracts"}
    with pghistory.context(**said), transaction.atomic():
        yield


# Each table with what stands around a change of it and the backend it goes through.
OURS: tuple[type[Contract], Around, Around] = (GovernedContract, in_act, nullcontext)
PEERS: dict[str, tuple[type[Contract], Around, Around]] = {
    "plain save() in atomic()": (PlainContract, transaction.atomic, stock),
    "the same, BEGIN carried as ours": (PlainContract, transaction.atomic, nullcontext),
    "pghistory, append-only": (RowTriggerContract, transaction.atomic, stock),
    "pghistory with context": (ContextContract, in_context, stock),
    "auditlog": (AuditlogContract, transaction.atomic, stock),
    "simple-history": (SimpleHistoryContract, transaction.atomic, stock),
}
STATEMENT_TRIGGERS: tuple[type[Contract], Around, Around] = (StatementTriggerContract, transaction.atomic, stock)
# Issue 3, "Speed"; where it states no ratio there is none.
ONE_CHANGE = {
    "plain save() in atomic()": 0.95,
    "pghistory, append-only": 1.0,
    "pghistory with context": 1.2,
    "auditlog": 2.2,
}


def make_rows() -> None:
    """The same ten thousand rows in ours and in the plain table."""
    with in_act():
        GovernedContract._default_manager.bulk_create(contracts(GovernedContract, ROWS))
    PlainContract._default_manager.bulk_create(contracts(PlainContract, ROWS))
    analyze()


def make_peers() -> None:
    """The peers' triggers and the same rows in their tables, recorded by themselves."""
    call_command("pgtrigger", "install", database="owner", verbosity=0)
    install(connections["owner"])
    tables: dict[type[Contract], int] = {
        RowTriggerContract: ROWS,
        ContextContract: ROWS,
        StatementTriggerContract: ROWS,
        AuditlogContract: HELPED_ROWS,
        SimpleHistoryContract: HELPED_ROWS,
    }
    for model, rows in tables.items():
        model._default_manager.bulk_create(contracts(model, rows))
    analyze()


def measure_recording() -> list[Row]:
    """The goals are issue 3's."""
    make_peers()
    return [*_one_change(1, 60, 9), *_one_change(8, 25, 9), *_updates(), *_bulk_creates()]


def _one_change(threads: int, changes: int, rounds: int) -> list[Row]:
    measure = partial(rate, threads=threads, changes=changes)
    what = f"one change in one act, {threads} thread{'s' if threads > 1 else ''}"
    measured = interleaved(
        f"trail, {what}",
        rounds,
        {name: partial(measure, *candidate) for name, candidate in {"ours": OURS, **PEERS}.items()},
    )
    return [
        compare(
            bench="trail",
            what=what,
            n=changes * threads * rounds,
            unit="changes/s",
            ours=measured["ours"],
            peer=peer,
            theirs=measured[peer],
            goal=ONE_CHANGE.get(peer),
        )
        for peer in PEERS
    ]


def _updates() -> list[Row]:
    plain = (PlainContract, transaction.atomic, stock)
    goals = {
        "plain update() in atomic()": None,
        "pghistory, row triggers": 2.0,
        "pghistory, statement triggers": 0.95,
        "simple-history, bulk_update_with_history()": 50.0,
    }
    measured = interleaved(
        f"trail, update() in one act, {ROWS:,} rows",
        7,
        {
            "ours": partial(update, *OURS),
            "plain update() in atomic()": partial(update, *plain),
            "pghistory, row triggers": partial(update, RowTriggerContract, transaction.atomic, stock),
            "pghistory, statement triggers": partial(update, *STATEMENT_TRIGGERS),
        },
    )
    measured |= interleaved(
        f"trail, bulk_update_with_history(), {HELPED_ROWS:,} rows",
        3,
        {"simple-history, bulk_update_with_history()": _helped_update},
    )
    rows = [
        _milliseconds("update() in one act", ROWS, measured["ours"], peer, measured[peer], goal)
        for peer, goal in goals.items()
    ]
    after = partial(update_after_single_changes, rows=FEWER_ROWS)
    measured = interleaved(
        f"trail, update() after single changes, {FEWER_ROWS:,} rows",
        3,
        {"ours": partial(after, *OURS), "plain": partial(after, *plain)},
    )
    what = "update() in one act, after single changes"
    peer = "plain update() in atomic()"
    return [*rows, _milliseconds(what, FEWER_ROWS, measured["ours"], peer, measured["plain"], None)]


def _bulk_creates() -> list[Row]:
    peers: dict[str, tuple[type[Contract], Around, Around]] = {
        "plain bulk_create() in atomic()": (PlainContract, transaction.atomic, stock),
        "pghistory, row triggers": (RowTriggerContract, transaction.atomic, stock),
        "pghistory, statement triggers": STATEMENT_TRIGGERS,
    }
    measured = interleaved(
        f"trail, bulk_create() in one act, {ROWS:,} rows",
        5,
        {name: partial(bulk_create, *candidate) for name, candidate in {"ours": OURS, **peers}.items()},
    )
    return [
        _milliseconds(
            "bulk_create() in one act",
            ROWS,
            measured["ours"],
            peer,
            measured[peer],
            0.95 if peer.startswith("plain") else None,
        )
        for peer in peers
    ]


def _milliseconds(what: str, n: int, ours: float, peer: str, theirs: float, goal: float | None) -> Row:
    return compare(
        bench="trail", what=what, n=n, unit="ms", ours=ours * 1000, peer=peer, theirs=theirs * 1000, goal=goal
    )


def _helped_update() -> float:
    """Seconds that simple-history's helper would take for as many rows as ours, from fewer."""
    with stock():
        rows = list(SimpleHistoryContract._default_manager.filter(pk__lte=HELPED_ROWS))
        begun = time.perf_counter()
        for row in rows:
            row.amount += Decimal(1)
            row.updated = timezone.now()
        bulk_update_with_history(rows, SimpleHistoryContract, ["amount", "updated"], batch_size=HELPED_ROWS)
        return (time.perf_counter() - begun) * ROWS / HELPED_ROWS
