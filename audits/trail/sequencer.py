"""Turns committed acts into leaves of the Merkle log, in order, and signs checkpoints.

Order is (epoch, transaction id) below the snapshot horizon, so an act that commits late is never skipped.
One sequencer at a time (an advisory lock); it may be killed anywhere. It never signs what it has not
re-hashed, nor anything that is not consistent with what it signed before (RFC 9162; C2SP tlog-checkpoint).
"""

from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from audits.merkle import tree
from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.notes import SigningKey
from audits.trail.signer_state import SignerState, TrailAlarm

BATCH = 2000
_LOCK = 0x636F756E7473  # "counts": one sequencer a database.

_PENDING = """
WITH a AS MATERIALIZED (
    SELECT * FROM audits_act
    WHERE (epoch, xid) > (%(epoch)s, %(xid)s::xid8)
      AND (epoch < audits_current_epoch() OR xid < pg_snapshot_xmin(pg_current_snapshot()))
    ORDER BY audits_act.epoch, audits_act.xid LIMIT %(limit)s
), c AS (
    SELECT epoch, xid, string_agg('{"diff":' || diff || ',"key":' || to_json(key) || ',"op":' || to_json(op)
        || ',"table":' || to_json(tbl) || '}', ',' ORDER BY n) AS changes
    FROM audits_change WHERE (epoch, xid) IN (SELECT epoch, xid FROM a) GROUP BY epoch, xid
)
SELECT a.epoch, a.xid::text, a.id, a.kind, a.actor, a.subject, a.at, convert_to(
    '{"act":{"actor":' || to_json(actor) || ',"at":"' || trim('"' from to_json(a.at AT TIME ZONE 'UTC')::text)
    || 'Z","data":' || data || ',"id":"' || id || '","kind":' || to_json(kind)
    || ',"reason":' || CASE WHEN reason = '' THEN 'null' ELSE '{"committed":"' || reason || '"}' END
    || ',"role":' || to_json(role) || ',"subject":' || to_json(subject) || ',"via":' || to_json(via)
    || '},"changes":[' || coalesce(changes, '') || '],"format":"countersign/entry/v1","transaction":"'
    || a.epoch || ':' || a.xid || '"}', 'UTF8')
FROM a LEFT JOIN c USING (epoch, xid) ORDER BY a.epoch, a.xid
"""


@dataclass(frozen=True, kw_only=True)
class Sequenced:
    """What one run did: new leaves, the size now, and whether acts may be left (the batch was full)."""

    added: int
    size: int
    more: bool


class Sequencer:
    """One candidate. Between runs it keeps the right edge of the tree, and checks that it still fits."""

    def __init__(self, *, key: SigningKey, state: SignerState, using: str = DEFAULT_DB_ALIAS) -> None:
        self._key = key
        self._state = state
        self._using = using
        self._frontier: tree.Frontier | None = None
        self._checked: tree.Frontier | None = None

    def run(self, *, limit: int = BATCH) -> Sequenced | None:
        """Sequence one batch and sign its checkpoint; None where another sequencer is at work.

        Raises TrailAlarm, and signs nothing, where the log is behind or inconsistent with what was signed.
        """
        connection = connections[self._using]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            (mine,) = cursor.fetchone()
            if not mine:
                return None
            try:
                return self._run(limit)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

    def drain(self) -> int:
        """Sequence everything that is committed; the size of the log afterwards."""
        while True:
            done = self.run()
            if done is None:
                raise TrailAlarm(
                    "Another sequencer is at work: wait for it or stop it.", code="sequencer_busy"
                )
            if not done.more:
                return done.size

    def _run(self, limit: int) -> Sequenced:
        frontier = self._frontier_of_table()
        signed = self._state.load(self._key.verifying_key)
        if signed is not None and signed.size > frontier.size:
            raise TrailAlarm(
                f"The log holds {frontier.size} entries, but a checkpoint of {signed.size} was signed: the "
                "database was rolled back or entries were removed. Nothing is signed until it is explained.",
                code="rolled_back",
            )
        added = self._append(frontier, limit)
        if signed is None or frontier.size > signed.size or not self._has_checkpoint(signed.size):
            self._sign(frontier, signed)
        self._frontier = frontier
        return Sequenced(added=added, size=frontier.size, more=added == limit)

    def _frontier_of_table(self) -> tree.Frontier:
        """The right edge, rebuilt where the table is not as this sequencer left it."""
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT coalesce(max(index) + 1, 0) FROM audits_entry")
            (size,) = cursor.fetchone()
            if self._frontier is not None and self._frontier.size == size:
                return self._frontier
            cursor.execute("SELECT leaf_hash FROM audits_entry ORDER BY index")
            frontier = tree.Frontier(bytes(row[0]) for row in cursor.fetchall())
        if frontier.size != size:
            raise TrailAlarm("The log has holes: indexes are missing. Run ./run verify.", code="holes")
        return frontier

    def _append(self, frontier: tree.Frontier, limit: int) -> int:
        """Read committed acts past the last leaf, and store them as leaves in one transaction."""
        self._frontier = (
            None  # Until the transaction has committed, what is in memory may be ahead of the table.
        )
        with transaction.atomic(using=self._using), connections[self._using].cursor() as cursor:
            cursor.execute("SELECT epoch, xid::text FROM audits_entry ORDER BY index DESC LIMIT 1")
            epoch, xid = cursor.fetchone() or (0, "0")
            cursor.execute(_PENDING, {"epoch": epoch, "xid": xid, "limit": limit})
            rows = []
            for row in cursor.fetchall():
                body = bytes(row[7])
                leaf = tree.leaf_hash(body)
                rows.append((frontier.size, *row[:7], body, leaf))
                frontier.append(leaf)
            if rows:
                cursor.executemany(
                    "INSERT INTO audits_entry"
                    " (index, epoch, xid, act_id, kind, actor, subject, at, body, leaf_hash)"
                    " VALUES (%s, %s, %s::xid8, %s, %s, %s, %s, %s, %s, %s)",
                    rows,
                )
        return len(rows)

    def _sign(self, frontier: tree.Frontier, signed: Checkpoint | None) -> None:
        """Sign the log as it is stored. Order matters: check, then the signer's memory, then the database."""
        # 1. Re-hash the stored bytes on top of the tree that was signed last.
        checked = self._checked_frontier(signed)
        self._checked = None
        self._rehash(checked)
        if checked.size != frontier.size or checked.root() != frontier.root():
            raise TrailAlarm(
                "Stored entries and stored hashes differ: run ./run verify.", code="inconsistent"
            )
        # 2. The signer's memory outside the database: a rolled-back database is an alarm and never a fork.
        if signed is not None and signed.size == frontier.size:
            note = self._state.note()
        else:
            note = sign_checkpoint(
                Checkpoint(origin=self._key.name, size=frontier.size, root=frontier.root()), self._key
            )
            self._state.store(note)
        # 3. The database.
        with connections[self._using].cursor() as cursor:
            cursor.execute(
                "INSERT INTO audits_checkpoint (size, root, note) VALUES (%s, %s, %s)"
                " ON CONFLICT (size) DO NOTHING",
                [frontier.size, frontier.root(), note],
            )
        self._checked = checked

    def _checked_frontier(self, signed: Checkpoint | None) -> tree.Frontier:
        """The tree at the last signed size, proved to have the root that was signed."""
        if signed is None:
            return tree.Frontier()
        if (
            self._checked is not None
            and self._checked.size == signed.size
            and self._checked.root() == signed.root
        ):
            return self._checked
        with connections[self._using].cursor() as cursor:
            cursor.execute(
                "SELECT leaf_hash FROM audits_entry WHERE index < %s ORDER BY index", [signed.size]
            )
            frontier = tree.Frontier(bytes(row[0]) for row in cursor.fetchall())
        if frontier.size != signed.size or frontier.root() != signed.root:
            raise TrailAlarm(
                f"The first {signed.size} entries do not hash to the checkpoint signed for them: "
                "the log was changed. Run ./run verify to see where.",
                code="inconsistent",
            )
        return frontier

    def _rehash(self, frontier: tree.Frontier) -> None:
        """Append every entry past the frontier, each body hashed anew and compared with its stored leaf."""
        with connections[self._using].cursor() as cursor:
            cursor.execute(
                "SELECT body, leaf_hash FROM audits_entry WHERE index >= %s ORDER BY index", [frontier.size]
            )
            while rows := cursor.fetchmany(BATCH):
                for body, leaf in rows:
                    if tree.leaf_hash(bytes(body)) != bytes(leaf):
                        raise TrailAlarm(
                            f"Entry {frontier.size} does not hash to its leaf: run ./run verify.",
                            code="inconsistent",
                        )
                    frontier.append(bytes(leaf))

    def _has_checkpoint(self, size: int) -> bool:
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM audits_checkpoint WHERE size = %s)", [size])
            (found,) = cursor.fetchone()
        return bool(found)
