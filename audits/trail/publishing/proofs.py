"""Proofs from tiles: a few files each, however long the log is; from the database where no tile helps.

Never gives out a proof that does not lead to the root it is asked for.

RFC 9162 sections 2.1.3 (inclusion) and 2.1.4 (consistency).
"""

from collections.abc import Callable
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS

from audits.errors import NotFound
from audits.merkle.errors import VerificationError
from audits.merkle.tiles import TiledTree
from audits.merkle.tree import Subtrees
from audits.trail.publishing.source import TileSource, tile_files

Answer = TypeVar("Answer")


def proved(
    size: int, ask: Callable[[Subtrees], Answer], *, root: bytes | None, using: str = DEFAULT_DB_ALIAS
) -> Answer:
    """What ``ask`` answers from the tree of ``size`` entries; with a ``root``, every tile it reads is proved to it.

    Raises NotFound where the entries are not there, VerificationError ("tile") where they do not lead to the root.
    """
    if root is not None:
        try:
            return ask(TiledTree(size, TileSource(tile_files(), using=using).fetch, root=root))
        except (VerificationError, NotFound, OSError):
            pass  # Whoever damaged the published files: the database has the leaves.
    return ask(TiledTree(size, TileSource(None, using=using).fetch, root=root))
