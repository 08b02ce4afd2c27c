"""Verification of a long trail: the log, log and state, their memory, how both grow, and how long proofs are.

Each verification runs in a process of its own, so that its memory is its own.
"""

import hashlib
import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median

from django.db import connection

from audits.merkle.tree import Frontier
from audits.trail.keys import signer_state, signing_key
from audits.trail.log import inclusion_proof
from audits.trail.sequencer import Sequencer
from benchmarks.long_trail import LongTrail
from benchmarks.rounds import say
from benchmarks.rows import Row, absolute, compare

ENTRIES, ROWS, FEWER = 1_000_000, 100_000, 200_000
ROUNDS = 3
# Issue 3, in seconds.
LOG, LOG_AND_STATE = 8.0, 25.0
GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)
_BENCH = "trail"


@dataclass(frozen=True, kw_only=True)
class Verified:
    """``seconds`` of the whole, ``memory`` at its peak in MiB."""

    seconds: float
    memory: float
    entries: int


def verified(*, log_only: bool) -> Verified:
    """One verification in a fresh process; AssertionError where the trail does not hold."""
    command = [sys.executable, "-m", "benchmarks.verifying", *(["--log"] if log_only else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    said = json.loads(done.stdout)
    if said["problem"]:
        raise AssertionError(f"The trail does not hold: {said['problem']}")
    return Verified(seconds=said["seconds"], memory=said["memory"], entries=said["entries"])


def measure_verification() -> list[Row]:
    trail = _trail(ROWS)
    trail.grow(FEWER)
    say(f"trail, verification of {FEWER:,} entries, for its memory")
    fewer = verified(log_only=False)
    trail.grow(ENTRIES)
    logs, wholes, hashes = [], [], []
    for number in range(ROUNDS):
        say(f"trail, verification of {ENTRIES:,} entries: round {number + 1} of {ROUNDS}")
        logs.append(verified(log_only=True))
        wholes.append(verified(log_only=False))
        hashes.append(_hashing())
    n = trail.size
    log, whole = median(one.seconds for one in logs), median(one.seconds for one in wholes)
    pure = median(hashes)
    return [
        absolute(bench=_BENCH, what="verification of the log", n=n, unit="s", ours=log, goal=LOG),
        compare(
            bench=_BENCH,
            what="verification of the log",
            n=n,
            unit="s",
            ours=log,
            peer="SHA-256 of the same leaves and nodes in memory",
            theirs=pure,
        ),
        absolute(bench=_BENCH, what="verification of log and state", n=n, unit="s", ours=whole, goal=LOG_AND_STATE),
        compare(
            bench=_BENCH,
            what="verification of log and state",
            n=n,
            unit="s",
            ours=whole,
            peer="SHA-256 of the same leaves and nodes in memory",
            theirs=pure,
        ),
        compare(
            bench=_BENCH,
            what="memory of log and state at its peak",
            n=n,
            unit="MiB",
            ours=max(one.memory for one in wholes),
            peer=f"the same rows, {fewer.entries:,} entries",
            theirs=fewer.memory,
            goal=0.9,
        ),
        absolute(
            bench=_BENCH,
            what="memory of the log at its peak",
            n=n,
            unit="MiB",
            ours=max(one.memory for one in logs),
            goal=128.0,
        ),
        _proofs(n),
    ]


def measure_growth() -> list[Row]:
    """Seconds per million entries at each size; the peer of each is the size before."""
    rows: list[Row] = []
    trail = _trail(GROWTH[0])
    before: tuple[float, float] | None = None
    for size in GROWTH:
        trail.grow(size)
        say(f"trail, verification of {size:,} entries")
        per = tuple(verified(log_only=only).seconds * 1e6 / trail.size for only in (True, False))
        for at, what in enumerate(("verification of the log", "verification of log and state")):
            rows.append(
                compare(
                    bench="trail-growth",
                    what=f"{what}, a million entries",
                    n=trail.size,
                    unit="s",
                    ours=per[at],
                    peer="the size before" if before is not None else "itself",
                    theirs=per[at] if before is None else before[at],
                    # Below a hundred thousand what is the same for every trail counts for more than its entries.
                    goal=0.8 if size > 100_000 else None,
                )
            )
        before = (per[0], per[1])
        rows.append(_proofs(trail.size))
    return rows


def _trail(rows: int) -> LongTrail:
    Sequencer(key=signing_key(), state=signer_state()).drain()
    return LongTrail(rows=rows)


def _proofs(size: int) -> Row:
    longest = max(len(inclusion_proof(index, size)) for index in (0, size // 2, size - 1))
    return absolute(
        bench=_BENCH, what="inclusion proof", n=size, unit="hashes", ours=longest, goal=math.ceil(math.log2(size))
    )


def _hashing() -> float:
    """Seconds that SHA-256 itself takes for every leaf and every node, the bytes being there."""
    sha256 = hashlib.sha256
    frontier = Frontier()
    seconds = 0.0
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT body FROM audits_entry ORDER BY index")
        while rows := cursor.fetchmany(10_000):
            bodies = [b"\x00" + bytes(body) for (body,) in rows]
            begun = time.perf_counter()
            leaves = [sha256(body).digest() for body in bodies]
            frontier.extend(leaves)
            seconds += time.perf_counter() - begun
    return seconds
