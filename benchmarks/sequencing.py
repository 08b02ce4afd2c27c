"""Sequencing: acts into signed leaves, beside its bare floor."""

import hashlib
import time
from statistics import median

from django.db import connection, connections

from audits.trail.keys import signer_state, signing_key
from audits.trail.sequencer import BATCH, Sequencer
from benchmarks.rounds import say
from benchmarks.rows import Row, absolute, compare
from benchmarks.writing import ROWS

ACTS, ROUNDS = 20_000, 4
# Issue 3, acts a second.
SEQUENCED = 30_000.0

# One act and one change a transaction, made by the server itself: how they came is not measured here.
_FILL = """
DO $$
BEGIN
    FOR i IN 1..{acts} LOOP
        PERFORM audits_open_act('benchmarks.contract.changed', 'system:bench', 'command',
            'benchmarks.governedcontract:' || (i % {rows} + 1), '', '{{}}');
        UPDATE benchmarks_governedcontract SET amount = amount + 1, rank = rank + 1, updated = clock_timestamp()
        WHERE id = i % {rows} + 1;
        COMMIT;
    END LOOP;
END $$
"""
_COLUMNS = "index, epoch, xid, act_id, kind, actor, subject, at, body, leaf_hash"


def measure_sequencing() -> list[Row]:
    """Four times twenty thousand acts; the peer stores the same rows with nothing but a hash and COPY."""
    sequencer = Sequencer(key=signing_key(), state=signer_state())
    sequencer.drain()
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE bench_copied (LIKE audits_entry INCLUDING ALL)")
    ours, theirs = [], []
    for number in range(ROUNDS):
        say(f"trail, sequencing {ACTS:,} acts: round {number + 1} of {ROUNDS}")
        _fill(ACTS)
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(index) + 1, 0) FROM audits_entry")
            (before,) = cursor.fetchone()
        begun = time.perf_counter()
        size = sequencer.drain()
        ours.append((size - before) / (time.perf_counter() - begun))
        assert size - before == ACTS
        theirs.append(ACTS / _copy(before))
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP TABLE bench_copied")
    rate = median(ours)
    n = ACTS * ROUNDS
    return [
        compare(
            bench="trail",
            what="sequencing",
            n=n,
            unit="acts/s",
            ours=rate,
            peer="SHA-256 and COPY of the same rows",
            theirs=median(theirs),
        ),
        absolute(bench="trail", what="sequencing", n=n, unit="acts/s", ours=rate, goal=SEQUENCED),
    ]


def _fill(acts: int) -> None:
    """On a connection of its own: a plan that was cached while the tables were small would read them whole."""
    with connections["bare"].cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(_FILL.format(acts=acts, rows=ROWS))


def _copy(first: int) -> float:
    """Seconds to hash the bodies from ``first`` on and store their rows, a batch a transaction."""
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM audits_entry WHERE index >= %s ORDER BY index", [first])
        rows = cursor.fetchall()
    begun = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        with owner.cursor() as cursor, cursor.copy(f"COPY bench_copied ({_COLUMNS}) FROM STDIN") as copy:
            for row in rows[at : at + BATCH]:
                leaf = hashlib.sha256(b"\x00" + row[8]).digest()
                copy.write_row((*row[:9], leaf))
    return time.perf_counter() - begun
