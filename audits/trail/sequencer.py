"""Turns committed acts into leaves of the Merkle log, in order, and signs checkpoints.

The order is one in which the acts can have happened: of two that touched one row, the one that touched it
first comes first. An act that commits late is found late, and never skipped. One sequencer at a time (an
advisory lock); it may be killed anywhere. It never signs what it has not re-hashed, nor anything that is not
consistent with what it signed before (RFC 9162; C2SP tlog-checkpoint).
"""

import logging
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.utils import Error as DatabaseError

from audits.errors import Conflict
from audits.merkle import tree
from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.notes import NoteSigner
from audits.trail.assembly import entry_texts
from audits.trail.signer_state import SignerState, TrailAlarm

BATCH = 2000
_FOUND_AT_ONCE = 50_000
LOCK = 0x636F756E7473  # "counts": one sequencer a database.
_PATIENCE = 10.0  # Seconds that drain waits for another sequencer's batch.

# Committed acts that are no leaves yet, in the order of their last change. A change gets its number while its
# transaction holds the row, so a transaction that touches the row later has a higher last number, whichever
# of the two began first. What commits after this query's snapshot comes after these for the same reason.
# An act without changes has no such order; it follows the act that began before it.
_COMMITTED = """
SELECT a.epoch, a.xid::text
FROM audits_act a
LEFT JOIN LATERAL (
    SELECT n FROM audits_change c WHERE (c.epoch, c.xid) <= (a.epoch, a.xid)
    ORDER BY c.epoch DESC, c.xid DESC, c.n DESC LIMIT 1
) l ON true
WHERE (a.epoch, a.xid) >= (%(epoch)s, %(xid)s::xid8)
  AND NOT EXISTS (SELECT FROM audits_entry e WHERE e.epoch = a.epoch AND e.xid = a.xid)
ORDER BY a.epoch, l.n NULLS FIRST, a.xid LIMIT %(limit)s
"""

# Every look-up here is by key. Left to its statistics, which are always behind on tables that only grow,
# PostgreSQL now and then reads a whole table for each row.
_BY_KEY = "SET LOCAL enable_seqscan = off"

# Seconds that somebody else's open transaction may hold up an append.
_LOCKS = "SET LOCAL lock_timeout = '20s'"

_ONE = entry_texts("SELECT * FROM public.audits_act WHERE epoch = %s AND xid = %s::xid8")

_log = logging.getLogger(__name__)


class SequencerBusy(Conflict):
    """Another sequencer is at work, for longer than a batch takes."""

    code = "sequencer_busy"


@dataclass(frozen=True, kw_only=True)
class Sequenced:
    """What one run did: new leaves, the size now, and whether acts may be left (the batch was full)."""

    added: int
    size: int
    more: bool


class Sequencer:
    """One candidate. Between runs it keeps the right edge of the tree, and checks that it still fits."""

    def __init__(self, *, key: NoteSigner, state: SignerState, using: str = DEFAULT_DB_ALIAS) -> None:
        self._key = key
        self._state = state
        self._using = using
        self._frontier: tree.Frontier | None = None
        self._checked: tree.Frontier | None = None
        self._queue: deque[tuple[int, str]] = deque()
        # Every act below this (epoch, transaction) is a leaf; acts below _next are, once the queue is empty.
        self._low = self._next = (0, "0")

    def run(self, *, limit: int = BATCH) -> Sequenced | None:
        """Sequence one batch and sign its checkpoint; None where another sequencer is at work.

        Raises TrailAlarm, and signs nothing, where the log is behind or inconsistent with what was signed.
        """
        connection = connections[self._using]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            (mine,) = cursor.fetchone()
            if not mine:
                return None
            try:
                return self._run(limit)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    def drain(self) -> int:
        """Sequence everything that is committed; the size of the log afterwards. Raises SequencerBusy."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            done = self.run()
            if done is not None:
                if not done.more:
                    return done.size
                deadline = time.monotonic() + _PATIENCE
            elif time.monotonic() > deadline:
                raise SequencerBusy("Another sequencer is at work: wait for it or stop it.")
            else:
                time.sleep(0.02)

    def _run(self, limit: int) -> Sequenced:
        frontier = self._frontier_of_table()
        signed = self._state.load_for(self._key)
        if signed is not None and signed.size > frontier.size:
            raise TrailAlarm(
                f"The log holds {frontier.size} entries, but a checkpoint of {signed.size} was signed: the "
                "database was rolled back or entries were removed. Nothing is signed until it is explained.",
                code="rolled_back",
            )
        if signed is None and self._has_own_checkpoint():
            raise TrailAlarm(
                "The database holds checkpoints, but the signer's memory of them is gone: restore the folder "
                "COUNTERSIGN_SIGNER_DIR from a backup. Without it a rolled-back database would be signed.",
                code="signer_forgot",
            )
        added = self._append(frontier, limit)
        if signed is None or frontier.size > signed.size or not self._has_checkpoint(signed.size):
            self._sign(frontier, signed)
        self._frontier = frontier
        return Sequenced(added=added, size=frontier.size, more=bool(self._queue))

    def _frontier_of_table(self) -> tree.Frontier:
        """The right edge, rebuilt where the table is not as this sequencer left it."""
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT coalesce(max(index), -1) FROM audits_entry")
            size = cursor.fetchone()[0] + 1
            if self._frontier is not None and self._frontier.size == size:
                return self._frontier
            self._forget_queue()
            cursor.execute("SELECT leaf_hash FROM audits_entry ORDER BY index")
            frontier = tree.Frontier(bytes(row[0]) for row in cursor.fetchall())
        if frontier.size != size:
            raise TrailAlarm("The log has holes: indexes are missing. Run ./run verify.", code="holes")
        return frontier

    def _append(self, frontier: tree.Frontier, limit: int) -> int:
        """Store committed acts as leaves, in one transaction; the number of them."""
        self._frontier = None  # Until the transaction has committed, memory may be ahead of the table.
        if not self._queue:
            self._find_committed()
        batch = list(islice(self._queue, limit))
        if batch:
            try:
                batch = self._store(frontier, batch)
            except BaseException:
                self._forget_queue()
                raise
            for _ in batch:
                self._queue.popleft()
        if not self._queue:
            self._low = self._next
        return len(batch)

    def _find_committed(self) -> None:
        with transaction.atomic(using=self._using), connections[self._using].cursor() as cursor:
            cursor.execute(_BY_KEY)
            # Asked before the acts: what is below it was finished, and is visible to the next statement.
            cursor.execute("SELECT audits_current_epoch(), pg_snapshot_xmin(pg_current_snapshot())::text")
            horizon = cursor.fetchone()
            epoch, xid = self._low
            cursor.execute(_COMMITTED, {"epoch": epoch, "xid": xid, "limit": _FOUND_AT_ONCE})
            self._queue.extend(cursor.fetchall())
        self._next = horizon if len(self._queue) < _FOUND_AT_ONCE else self._low

    def _forget_queue(self) -> None:
        self._queue.clear()
        self._low = self._next = (0, "0")

    def _store(self, frontier: tree.Frontier, batch: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Append the acts, or those before the first that cannot be an entry; raise TrailAlarm where that one is first.

        The database puts the texts together and hashes them; before anything is signed, both are hashed anew here.
        """
        try:
            leaves = self._appended(frontier.size, batch)
        except DatabaseError:
            if not connections[self._using].is_usable():
                raise
            batch = self._before_unbuildable(batch)
            leaves = self._appended(frontier.size, batch)
        for leaf in leaves:
            frontier.append(leaf)
        return batch

    def _appended(self, first: int, batch: list[tuple[int, str]]) -> list[bytes]:
        with transaction.atomic(using=self._using), connections[self._using].cursor() as cursor:
            cursor.execute(_BY_KEY)
            cursor.execute(_LOCKS)
            cursor.execute(
                "SELECT audits_append(%s, %s::integer[], %s::text[])",
                [first, [epoch for epoch, _ in batch], [xid for _, xid in batch]],
            )
            return [bytes(leaf) for (leaf,) in cursor.fetchall()]

    def _before_unbuildable(self, batch: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """The acts before the first that has no text; raises TrailAlarm where that is the very first."""
        for place, (epoch, xid) in enumerate(batch):
            try:
                with transaction.atomic(using=self._using), connections[self._using].cursor() as cursor:
                    cursor.execute(_BY_KEY)
                    cursor.execute(
                        f"SELECT sha256(t.body) FROM ({_ONE}) AS t (e, x, id, k, a, s, at, body, content)", [epoch, xid]
                    )
                    (hashed,) = cursor.fetchone() or (None,)
            except DatabaseError as error:
                if not connections[self._using].is_usable():
                    raise
                hashed, why = None, str(error).splitlines()[0]
            else:
                why = "it is not there"
            if hashed is None:
                if place:
                    return batch[:place]
                raise TrailAlarm(
                    f"The act of transaction {epoch}:{xid} cannot become an entry ({why}), and what comes after it "
                    "waits. Nothing is signed past it: an operator must look at audits_act and audits_change.",
                    code="unbuildable",
                )
        return batch

    def _sign(self, frontier: tree.Frontier, signed: Checkpoint | None) -> None:
        """Sign the log as it is stored. Order matters: check, then the signer's memory, then the database."""
        # 1. Re-hash the stored bytes on top of the tree that was signed last.
        checked = self._checked_frontier(signed)
        self._checked = None
        self._rehash(checked)
        if checked.size != frontier.size or checked.root() != frontier.root():
            raise TrailAlarm("Stored entries and stored hashes differ: run ./run verify.", code="inconsistent")
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
            cursor.execute("SELECT audits_keep_checkpoint(%s, %s, %s)", [frontier.size, frontier.root(), note])
            (kept,) = cursor.fetchone()
        if not kept:
            _log.error(
                "Somebody else has kept a checkpoint of %s entries in the database: run ./run verify.", frontier.size
            )
        self._checked = checked

    def _checked_frontier(self, signed: Checkpoint | None) -> tree.Frontier:
        """The tree at the last signed size, proved to have the root that was signed."""
        if signed is None:
            return tree.Frontier()
        if self._checked is not None and self._checked.size == signed.size and self._checked.root() == signed.root:
            return self._checked
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT leaf_hash FROM audits_entry WHERE index < %s ORDER BY index", [signed.size])
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
            cursor.execute("SELECT body, leaf_hash FROM audits_entry WHERE index >= %s ORDER BY index", [frontier.size])
            while rows := cursor.fetchmany(BATCH):
                for body, leaf in rows:
                    if tree.leaf_hash(bytes(body)) != bytes(leaf):
                        raise TrailAlarm(
                            f"Entry {frontier.size} does not hash to its leaf: run ./run verify.",
                            code="inconsistent",
                        )
                    frontier.append(bytes(leaf))

    def _has_checkpoint(self, size: int) -> bool:
        """Whether the database holds a checkpoint of this size, ours or not: another one of it is not kept."""
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM audits_checkpoint WHERE size = %s)", [size])
            (found,) = cursor.fetchone()
        return bool(found)

    def _has_own_checkpoint(self) -> bool:
        """Whether the database holds a checkpoint that this log's keys have signed."""
        keys = self._state.keys()
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT note FROM audits_checkpoint ORDER BY size DESC")
            return any(keys.signed(note) for (note,) in cursor.fetchall())
