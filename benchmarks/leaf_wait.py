"""How long an act waits for its leaf while eight writers go as fast as they can and one sequencer runs beside them.

The sequencer is a process of its own, as in a worker. A wait runs from the moment the act was opened (its ``at``) to
the moment a reader sees its entry, who looks every few milliseconds: more than the true wait, never less.
"""

import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.db import connection, connections

from benchmarks.models import GovernedContract
from benchmarks.recording import in_act
from benchmarks.rounds import say
from benchmarks.rows import Row, absolute

WRITERS, SECONDS = 8, 10.0
# Issue 3: p50 under 50 ms and p99 under 150 ms, under full load.
P50, P99 = 50.0, 150.0
_LOOK = 0.004
_PATIENCE = 30.0
_SEQUENCER = (
    "import threading; from benchmarks.database import set_django_up; set_django_up();"
    " from audits.trail.loop import run_forever; run_forever(threading.Event())"
)
_SEEN = """
SELECT index, (extract(epoch FROM clock_timestamp() - at) * 1000)::float8 FROM audits_entry
WHERE index >= %s ORDER BY index
"""


def measure_leaf_wait() -> list[Row]:
    say(f"trail, wait for a leaf: {WRITERS} writers for {SECONDS:.0f} seconds, one sequencer")
    process = subprocess.Popen([sys.executable, "-c", _SEQUENCER], env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    try:
        _wait_for(_size() + 1)
        waits, acts = _watch()
    finally:
        process.terminate()
        process.wait()
    ordered = sorted(waits)
    say(f"trail, wait for a leaf: {acts / SECONDS:,.0f} acts a second, the longest waited {ordered[-1]:.0f} ms")
    return [
        absolute(bench="trail", what=what, n=len(waits), unit="ms", ours=ours, goal=goal)
        for what, ours, goal in (
            ("wait for a leaf under full load, p50", statistics.median(ordered), P50),
            ("wait for a leaf under full load, p99", ordered[int(len(ordered) * 0.99)], P99),
        )
    ]


def _watch() -> tuple[list[float], int]:
    """Every act's wait in milliseconds, and how many acts there were."""
    stop = threading.Event()
    done = [0] * WRITERS
    first = _size()
    writers = [threading.Thread(target=_write, args=(number, done, stop)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    waits: list[float] = []
    begun = time.monotonic()
    while (now := time.monotonic()) - begun < SECONDS + _PATIENCE:
        if not stop.is_set() and now - begun > SECONDS:
            stop.set()
            for writer in writers:
                writer.join()
        with connection.cursor() as cursor:
            cursor.execute(_SEEN, [first])
            rows = cursor.fetchall()
        if rows:
            first = rows[-1][0] + 1
            waits += [wait for _, wait in rows]
        if stop.is_set() and len(waits) >= sum(done):
            return waits, sum(done)
        time.sleep(_LOOK)
    raise RuntimeError(f"{sum(done)} acts, but {len(waits)} leaves: the sequencer does not come along.")


def _write(number: int, done: list[int], stop: threading.Event) -> None:
    """One change an act to a row of this writer's own, until it is told to stop."""
    row = GovernedContract._default_manager.order_by("pk")[number]
    try:
        while not stop.is_set():
            with in_act():
                row.rank += 1
                row.save()
            done[number] += 1
    finally:
        connections.close_all()


def _wait_for(size: int) -> None:
    """The sequencer is at work once it has made an entry of an act."""
    row = GovernedContract._default_manager.order_by("pk")[0]
    with in_act():
        row.rank += 1
        row.save()
    deadline = time.monotonic() + _PATIENCE
    while _size() < size:
        if time.monotonic() > deadline:
            raise RuntimeError("The sequencer does not start.")
        time.sleep(0.05)


def _size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(index) + 1, 0) FROM audits_entry")
        return int(cursor.fetchone()[0])
