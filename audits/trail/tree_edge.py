"""The right edge of the tree as it was signed last: found in a moment, however long the log is.

Never believed: an edge is good only where it has the root that was signed. One that is not is made anew from the stored
leaf hashes. RFC 9162 section 2.1.
"""

import json
from contextlib import suppress
from pathlib import Path

from django.db import connections

from audits.merkle.checkpoints import Checkpoint
from audits.merkle.tree import HASH_SIZE, Frontier
from audits.trail.signer_state import TrailAlarm

_AT_ONCE = 10_000
# Leaves after which the edge is written down anew: so many are read again at a start, at most.
_EVERY = 100_000
_LEAVES = """
SELECT count(*), coalesce(string_agg(leaf_hash, '' ORDER BY index), '') FROM audits_entry
WHERE index >= %s AND index < %s
"""


class EdgeFile:
    """An edge kept in a file: a memory aid, which may be lost or wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = 0

    def load(self) -> Frontier | None:
        try:
            kept = json.loads(self._path.read_text(encoding="ascii"))
            nodes = [bytes.fromhex(node) for node in kept["nodes"]]
            edge = Frontier.restored(size=int(kept["size"]), nodes=nodes)
        except (OSError, ValueError, LookupError, TypeError):
            return None
        self._kept = edge.size
        return edge

    def note(self, edge: Frontier) -> None:
        """Write it down where the log has grown enough since the last time."""
        if edge.size < self._kept + _EVERY:
            return
        kept = {"size": edge.size, "nodes": [node.hex() for node in edge.nodes]}
        aside = self._path.with_suffix(".new")
        with suppress(OSError):  # Without it the next start takes longer.
            aside.write_text(json.dumps(kept), encoding="ascii")
            aside.replace(self._path)
            self._kept = edge.size


def edge_at(signed: Checkpoint | None, *candidates: Frontier | None, using: str) -> Frontier:
    """The tree at the signed size, proved to have the root that was signed; the candidates are tried first.

    Raises TrailAlarm where the stored leaf hashes do not give that root, or some are missing.
    """
    if signed is None:
        return Frontier()
    for candidate in candidates:
        if candidate is not None and 0 < candidate.size <= signed.size:
            edge = candidate.copy()
            _extend(edge, signed.size, using)
            if edge.size == signed.size and edge.root() == signed.root:
                return edge
    edge = Frontier()
    _extend(edge, signed.size, using)
    if edge.size != signed.size:
        raise TrailAlarm("The log has holes: indexes are missing. Run ./run verify.", code="holes")
    if edge.root() != signed.root:
        raise TrailAlarm(
            f"The first {signed.size} entries do not hash to the checkpoint signed for them: "
            "the log was changed. Run ./run verify to see where.",
            code="inconsistent",
        )
    return edge


def _extend(edge: Frontier, size: int, using: str) -> None:
    """Append stored leaf hashes up to the size, or to the first that is missing."""
    while edge.size < size:
        upto = min(size, edge.size + _AT_ONCE)
        with connections[using].cursor() as cursor:
            cursor.execute(_LEAVES, [edge.size, upto])
            count, joined = cursor.fetchone()
        if count != upto - edge.size or len(joined) != count * HASH_SIZE:
            return
        leaves = bytes(joined)
        edge.extend(leaves[at : at + HASH_SIZE] for at in range(0, len(leaves), HASH_SIZE))
