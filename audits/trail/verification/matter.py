"""What the steps of one verification share: the view, the keys, what was signed, what is governed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from django.db import connections

from audits.merkle.checkpoints import Checkpoint
from audits.merkle.log_keys import TrailKeys
from audits.merkle.tree import Frontier
from audits.trail.encoding import Column
from audits.trail.governed import GovernedTable, governed_tables
from audits.trail.installation import columns_of
from audits.trail.verification.beside import Beside
from audits.trail.verification.reading import Reader

Tell: TypeAlias = Callable[[int], None]
"""Told how many more things a step has checked."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Somebody holds that the log had this root at this size: ``source`` says who, for people."""

    size: int
    root: bytes
    source: str


@dataclass(kw_only=True)
class Matter:
    """``remembered`` is the signer's memory before and after the view was taken; ``claims`` come from step 1.

    ``resumed`` is the state that an earlier verification kept, and ``frontier`` the tree: at first as that left it,
    then as far as entries were read. ``kept`` is the state of this one, aside until every step has held, where it is
    ``keeping`` one. ``examined`` are the entries that were read strictly, and are not reported twice.
    """

    using: str
    reader: Reader
    beside: Beside
    keys: TrailKeys
    remembered: tuple[Checkpoint | None, Checkpoint | None]
    outside: str | None
    resumed: bytes | None = None
    frontier: Frontier = field(default_factory=Frontier)
    keeping: bool = False
    kept: Path | None = None
    claims: list[Claim] = field(default_factory=list)
    examined: set[int] = field(default_factory=set)
    entries: int = 0
    pending: int = 0
    newest: str = ""

    def governed(self) -> Iterator[tuple[GovernedTable, list[Column]]]:
        """Every governed table with its columns; without columns where the table is gone."""
        for governed in governed_tables():
            with connections[self.using].cursor() as cursor:
                yield governed, columns_of(cursor, governed.table, governed.capture)
