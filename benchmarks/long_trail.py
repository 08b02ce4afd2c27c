"""A long trail made in bulk: acts, changes, entries and rows that agree, as recording and sequencing leave them.

Written by the owner past the triggers, with the SQL that the triggers and the sequencer are made of; only for a
database of the benchmarks' own.
"""

from collections.abc import Iterator

from django.db import connections

from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.tree import Frontier
from audits.trail.assembly import entry_texts
from audits.trail.encoding import Column, difference_of, differs, object_of
from audits.trail.governed import governed_tables
from audits.trail.installation import columns_of, install
from audits.trail.keys import signer_state, signing_key
from benchmarks.rounds import say

# Above every transaction id of the run itself.
_FIRST_XID = 1_000_000_000
_AT_ONCE = 200_000
_SIGNED_EVERY = 2_000  # As a sequencer at work does.
_TABLE = "benchmarks_governedcontract"

# The row ``id`` after its ``v``-th update; one change sets three of the ten columns.
_VERSION = """
SELECT (g % {rows} + 1)::bigint AS id, ('C-' || g % {rows})::varchar(32) AS number,
    ('Party ' || g % 977)::varchar(100) AS party, (g / {rows} + 100.25)::numeric(14, 2) AS amount,
    'EUR'::varchar(3) AS currency, 'open'::varchar(16) AS status, (g / {rows})::integer AS rank, true AS active,
    date '2026-01-01' + (g % 300)::integer AS due, '{{"days": 30, "notice": "three months"}}'::jsonb AS terms,
    timestamptz '2026-01-01 00:00:00.123456Z' + g * interval '1 second' AS updated
FROM generate_series({first}::bigint, {last}::bigint) AS g
"""


class LongTrail:
    """One change an entry, over ``rows`` rows: the first entries insert them, the others update them in turn."""

    def __init__(self, *, rows: int) -> None:
        self.rows = rows
        self.made = 0
        self._frontier = Frontier()
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT coalesce(max(index) + 1, 0) FROM audits_entry")
            (self._before,) = cursor.fetchone()

    @property
    def size(self) -> int:
        """Entries of the log: those that stood there before, too."""
        return int(self._before) + self.made

    def grow(self, entries: int) -> None:
        """Make entries until there are so many, bring the rows to where the last ones leave them, and sign."""
        with connections["owner"].cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            cursor.execute("SET work_mem = '256MB'")
            # The tables grow by a fifth at each statement: no plan by what they held before.
            cursor.execute("SET enable_nestloop = off")
            [governed] = [governed for governed in governed_tables() if governed.table == _TABLE]
            columns = columns_of(cursor, governed.table, governed.capture)
            for first in range(self.made, entries, _AT_ONCE):
                last = min(first + _AT_ONCE, entries) - 1
                say(f"trail: making entries up to {last + 1:,} of {entries:,}")
                for statement in _entries(columns, self.rows, first, last, self._before):
                    cursor.execute(statement)
            cursor.execute(f"ALTER TABLE {_TABLE} DISABLE TRIGGER USER")
            cursor.execute(f"DELETE FROM {_TABLE}")
            versions = _VERSION.format(rows=self.rows, first=max(0, entries - self.rows), last=entries - 1)
            names = "id, number, party, amount, currency, status, rank, active, due, terms, updated"
            cursor.execute(f"INSERT INTO {_TABLE} ({names}) SELECT {names} FROM ({versions}) n")
        install(connections["owner"])
        self.made = entries
        self._sign()
        with connections["owner"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")

    def _sign(self) -> None:
        """Checkpoints every two thousand entries and at the end; the signer remembers the last."""
        key = signing_key()
        kept = []
        frontier = self._frontier
        with connections["owner"].chunked_cursor() as cursor:
            cursor.execute("SELECT leaf_hash FROM audits_entry WHERE index >= %s ORDER BY index", [frontier.size])
            while leaves := cursor.fetchmany(_SIGNED_EVERY):
                frontier.extend(bytes(leaf) for (leaf,) in leaves)
                root = frontier.root()
                note = sign_checkpoint(Checkpoint(origin=key.name, size=frontier.size, root=root), key)
                kept.append((frontier.size, root, note))
        with connections["owner"].cursor() as cursor:
            cursor.executemany(
                "INSERT INTO audits_checkpoint (size, root, note) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", kept
            )
        signer_state().store(kept[-1][2])


def _entries(columns: list[Column], rows: int, first: int, last: int, before: int) -> Iterator[str]:
    xid = f"({_FIRST_XID} + g)::text::xid8"
    yield (
        "INSERT INTO audits_act (epoch, xid, kind, actor, via, role, subject, reason, data, at)"
        f" SELECT (SELECT audits_current_epoch()), {xid}, 'benchmarks.contract.changed', 'system:bench', 'command',"
        f" session_user, 'benchmarks.governedcontract:' || g % {rows} + 1, '', '{{}}',"
        " timestamptz '2026-01-01 00:00:00.123456Z' + g * interval '1 second'"
        f" FROM generate_series({first}::bigint, {last}) AS g"
    )
    if first < rows:
        source = _VERSION.format(rows=rows, first=first, last=min(last, rows - 1))
        yield (
            "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff)"
            f" SELECT (SELECT audits_current_epoch()), ({_FIRST_XID} + n.id - 1)::text::xid8, '{_TABLE}', 'I',"
            f" n.id::text, {object_of(columns, 'n')} FROM ({source}) AS n ORDER BY n.id"
        )
    if last >= rows:
        start = max(first, rows)
        new = _VERSION.format(rows=rows, first=start, last=last)
        old = _VERSION.format(rows=rows, first=start - rows, last=last - rows)
        changed = " OR ".join(differs(column) for column in columns)
        yield (
            "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff)"
            f" SELECT (SELECT audits_current_epoch()), ({_FIRST_XID} + n.rank::bigint * {rows} + n.id - 1)::text::xid8,"
            f" '{_TABLE}', 'U', n.id::text, {difference_of(columns)}"
            f" FROM ({new}) AS n JOIN ({old}) AS o ON o.id = n.id AND o.rank = n.rank - 1 WHERE {changed}"
            " ORDER BY n.rank, n.id"
        )
    texts = entry_texts(
        f"SELECT * FROM audits_act WHERE epoch = (SELECT audits_current_epoch()) AND xid >= '{_FIRST_XID + first}'"
        f" AND xid <= '{_FIRST_XID + last}'"
    )
    yield (
        "INSERT INTO audits_entry (index, epoch, xid, act_id, kind, actor, subject, at, body, leaf_hash)"
        f" SELECT {before} + t.xid::bigint - {_FIRST_XID}, t.epoch, t.xid::xid8, t.id, t.kind, t.actor, t.subject,"
        f" t.at, t.body, sha256('\\x00'::bytea || t.body)"
        f" FROM ({texts}) AS t (epoch, xid, id, kind, actor, subject, at, body, content)"
    )
