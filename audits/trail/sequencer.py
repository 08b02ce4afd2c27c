"""Turns committed acts into leaves of the Merkle log, in order, and signs checkpoints.

The order is one in which the acts can have happened: of two that touched one row, the one that touched it
first comes first. The database's own function finds it (migration 0004), so that nobody can give it another. An
act that commits late is found late, and never skipped. One sequencer at a time (an advisory lock); it may be killed
anywhere. It never signs what it has not re-hashed, nor anything that is not consistent with what it signed before
(RFC 9162; C2SP tlog-checkpoint).
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseError

from audits.errors import Conflict
from audits.merkle import tree
from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.errors import VerificationError
from audits.merkle.notes import NoteSigner
from audits.trail.entries import stated_content, whole
from audits.trail.signer_state import SignerState, TrailAlarm
from audits.trail.tree_edge import EdgeFile, edge_at

BATCH = 5_000
LOCK = 0x636F756E7473  # "counts": one sequencer a database.
_PATIENCE = 10.0  # Seconds that drain waits for another sequencer's batch.
_AT_ONCE = 1_000  # Entries in memory at a time: 64 MB at the most.
# What says nothing about the acts: that somebody holds a lock, or that the statement was told to stop.
_NOT_THE_ACTS = {"55P03", "57014", "40001", "40P01", "25001"}

_log = logging.getLogger(__name__)


class SequencerBusy(Conflict):
    """Another sequencer is at work, for longer than a batch takes."""

    code = "sequencer_busy"


@dataclass(frozen=True, kw_only=True)
class Sequenced:
    """What one run did: new leaves, the size now, and whether acts are known to be left."""

    added: int
    size: int
    more: bool


@dataclass(frozen=True, kw_only=True)
class _Appended:
    """What the database says of the batch: its first index and its leaves' hashes, 32 bytes each."""

    first: int
    leaves: bytes
    more: bool

    @property
    def count(self) -> int:
        return len(self.leaves) // tree.HASH_SIZE

    def leaf(self, index: int) -> bytes:
        """The hash of one entry; nothing where it is not of this batch."""
        at = (index - self.first) * tree.HASH_SIZE
        return self.leaves[at : at + tree.HASH_SIZE] if at >= 0 else b""


class _Stored(NamedTuple):
    """An entry as the table holds it now."""

    place: int
    body: bytes
    leaf: bytes
    has_content: bool


_NOTHING = _Appended(first=0, leaves=b"", more=False)


class Sequencer:
    """One candidate. Between runs it keeps the right edge of the signed tree, and checks that it still fits."""

    def __init__(self, *, key: NoteSigner, state: SignerState, using: str = DEFAULT_DB_ALIAS) -> None:
        self._key = key
        self._state = state
        self._using = using
        self._edge: tree.Frontier | None = None
        self._file = EdgeFile(state.beside("edge"))

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
        signed = self._state.load_for(self._key)
        size = self._size()
        if signed is not None and signed.size > size:
            raise TrailAlarm(
                f"The log holds {size} entries, but a checkpoint of {signed.size} was signed: the "
                "database was rolled back or entries were removed. Nothing is signed until it is explained.",
                code="rolled_back",
            )
        if signed is None and self._has_own_checkpoint():
            raise TrailAlarm(
                "The database holds checkpoints, but the signer's memory of them is gone: restore the folder "
                "COUNTERSIGN_SIGNER_DIR from a backup. Without it a rolled-back database would be signed.",
                code="signer_forgot",
            )
        checked = self._checked(signed)
        self._edge = None  # Until it is signed, memory may be ahead of what was.
        if size > checked.size:
            self._rehash(checked, _NOTHING)  # Stored, but never signed: a sequencer was killed in between.
        appended = self._append(limit)
        if appended.count:
            self._rehash(checked, appended)
        if signed is None or checked.size > signed.size or not self._has_checkpoint(signed.size):
            self._sign(checked, signed)
        self._edge = checked
        return Sequenced(added=appended.count, size=checked.size, more=appended.more)

    def _size(self) -> int:
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT coalesce(max(index), -1) FROM audits_entry")
            return int(cursor.fetchone()[0]) + 1

    def _checked(self, signed: Checkpoint | None) -> tree.Frontier:
        """The tree at the last signed size, proved to have the root that was signed."""
        if signed is not None and self._edge is not None:
            if self._edge.size == signed.size and self._edge.root() == signed.root:
                return self._edge
            return edge_at(signed, self._edge, self._file.load(), using=self._using)
        return edge_at(signed, self._file.load(), using=self._using)

    def _append(self, limit: int) -> _Appended:
        """Let the database make entries of the next acts; fewer where one of them cannot be an entry.

        Raises TrailAlarm where the very first cannot.
        """
        while True:
            try:
                with connections[self._using].cursor() as cursor:
                    cursor.execute("SELECT first, leaves, more FROM audits_append(%s)", [limit])
                    first, leaves, more = cursor.fetchone()
                return _Appended(first=first or 0, leaves=bytes(leaves), more=more)
            except DatabaseError as error:
                told = getattr(error.__cause__, "diag", None)
                detail = getattr(told, "message_detail", None)
                if (
                    not connections[self._using].is_usable()
                    or detail is None
                    or getattr(told, "sqlstate", None) in _NOT_THE_ACTS
                ):
                    raise
                if limit == 1:
                    raise TrailAlarm(
                        f"The act of transaction {detail} cannot become an entry ({str(error).splitlines()[0]}), and "
                        "what comes after it waits. Nothing is signed past it: an operator must look at audits_act "
                        "and audits_change.",
                        code="unbuildable",
                    ) from error
                limit = max(1, limit // 100)  # An act that cannot be an entry can take long to fail.

    def _rehash(self, checked: tree.Frontier, appended: _Appended) -> None:
        """Append every stored entry past the edge, its bytes hashed anew and compared with its stored leaf.

        ``appended`` is what this run has added, and has been told the hashes of.
        """
        for entries in self._stored(checked.size):
            hashes = [tree.leaf_hash(entry.body) for entry in entries]
            for index, (entry, hashed) in enumerate(zip(entries, hashes, strict=True), start=checked.size):
                if entry.place != index:
                    raise TrailAlarm("The log has holes: indexes are missing. Run ./run verify.", code="holes")
                told = appended.leaf(index)
                if entry.leaf != hashed or (told and told != hashed):
                    raise TrailAlarm(f"Entry {index} does not hash to its leaf: run ./run verify.", code="inconsistent")
                if entry.has_content or stated_content(entry.body) is not None:
                    self._rehash_content(index, entry.body)
            checked.extend(hashes)
        if appended.first + appended.count > checked.size:
            raise TrailAlarm("Entries that were stored are gone: run ./run verify.", code="inconsistent")

    def _stored(self, first: int) -> Iterator[list[_Stored]]:
        """Entries from an index on as they are stored now, some at a time: there may be millions."""
        with connections[self._using].cursor() as cursor:
            while True:
                cursor.execute(
                    "SELECT index, body, leaf_hash, content IS NOT NULL FROM audits_entry"
                    " WHERE index >= %s ORDER BY index LIMIT %s",
                    [first, _AT_ONCE],
                )
                entries = [
                    _Stored(index, bytes(body), bytes(leaf), has_content)
                    for index, body, leaf, has_content in cursor.fetchall()
                ]
                yield entries
                if len(entries) < _AT_ONCE:
                    return
                first = entries[-1].place + 1

    def _rehash_content(self, index: int, body: bytes) -> None:
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT content FROM audits_entry WHERE index = %s", [index])
            (content,) = cursor.fetchone()
        try:
            whole(body, None if content is None else bytes(content))
        except VerificationError as error:
            raise TrailAlarm(f"Entry {index}: {error}. Run ./run verify.", code="inconsistent") from None

    def _sign(self, checked: tree.Frontier, signed: Checkpoint | None) -> None:
        """Sign the log as it was checked. Order matters: the signer's memory, then the database."""
        size, root = checked.size, checked.root()
        # The signer's memory is outside the database: a rolled-back database is an alarm and never a fork.
        if signed is not None and signed.size == size:
            note = self._state.note()
        else:
            note = sign_checkpoint(Checkpoint(origin=self._key.name, size=size, root=root), self._key)
            self._state.store(note)
        self._keep(size, root, note)
        self._file.note(checked)

    def _keep(self, size: int, root: bytes, note: str) -> None:
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT audits_keep_checkpoint(%s, %s, %s)", [size, root, note])
            (kept,) = cursor.fetchone()
        if not kept:
            _log.error("Somebody else has kept a checkpoint of %s entries in the database: run ./run verify.", size)

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
