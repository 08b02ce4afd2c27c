"""What about a table would let rows come or go past its triggers, or past whoever reads it.

A statement fires the triggers of the table that it names, and no others: one that names a partition or an inheriting
table, or a table above, writes without them (PostgreSQL, CREATE TRIGGER, Notes). Never changes a table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from audits.errors import DomainError

_KINDS = {"p": "a partitioned table", "v": "a view", "m": "a materialized view", "f": "a foreign table"}
_WHAT = {
    "above": "belongs to {name}: whoever writes to {name} writes past the triggers here",
    "below": "has {name} below it: whoever writes to {name} writes past the triggers here",
    "security": "has row security: who reads it may not see every row",
    "unlogged": "is unlogged: a crash empties it",
}
_QUERY = """
WITH asked AS (
    SELECT oid, relname, relkind, relpersistence, relrowsecurity FROM pg_catalog.pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s) AND relkind NOT IN ('i', 'I', 'S', 't', 'c')
), related AS (
    SELECT a.relname, 'below' AS what, i.inhrelid AS other
    FROM asked a JOIN pg_catalog.pg_inherits i ON i.inhparent = a.oid
    UNION ALL
    SELECT a.relname, 'above', i.inhparent FROM asked a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.oid
)
SELECT relname, 'kind', relkind::text FROM asked WHERE relkind <> 'r'
UNION ALL SELECT relname, 'unlogged', '' FROM asked WHERE relkind = 'r' AND relpersistence <> 'p'
UNION ALL SELECT relname, 'security', '' FROM asked WHERE relrowsecurity
UNION ALL SELECT r.relname, r.what, n.nspname || '.' || c.relname FROM related r
    JOIN pg_catalog.pg_class c ON c.oid = r.other JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2, 3
"""


class NotPlainTable(DomainError):
    """A governed table is partitioned or inherits, so its triggers would not see every write."""

    code = "not_plain_table"


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """``what`` is one of kind, below, above, security, unlogged; ``other`` the table that it is about, if any."""

    table: str
    what: str
    other: str

    def __str__(self) -> str:
        if self.what == "kind":
            return f"Table {self.table} is {_KINDS.get(self.other, self.other)}, and no ordinary table."
        return f"Table {self.table} {_WHAT[self.what].format(name=self.other)}."


def oddities(query: Callable[[str, Sequence[Any]], Sequence[tuple[Any, ...]]], tables: Sequence[str]) -> list[Oddity]:
    """What is unusual about these tables of the schema public; ``query`` runs SQL and gives its rows."""
    return [Oddity(table=table, what=what, other=other) for table, what, other in query(_QUERY, [list(tables)])]


def refuse_unless_plain(query: Callable[[str, Sequence[Any]], Sequence[tuple[Any, ...]]], table: str) -> None:
    """Raise NotPlainTable where the trail could not see every write to the table."""
    found = oddities(query, [table])
    if found:
        raise NotPlainTable(
            f"{' '.join(map(str, found))} The trail cannot govern such a table: keep the rows in one ordinary table,"
            " logged, without row security, partitions or inheritance."
        )
