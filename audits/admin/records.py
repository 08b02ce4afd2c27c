"""Reads a stored evidence record for a page: re-hashed, its tables as they stand, nothing computed anew.

Never raises for a record that is gone or altered: the page must say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from audits.artifacts import store
from audits.documents.formatting import format_cell, format_number
from audits.errors import DomainError
from audits.evidence.record import digest_of
from audits.models import Evidence

# Beyond these four decimals say too little or too much.
_SMALLEST, _LARGEST = 0.001, 1000


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell as it is shown. ``warning`` marks what must not be passed over."""

    text: str
    numeric: bool
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class RecordTable:
    name: str
    title: str
    head: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, kw_only=True)
class ReadRecord:
    """What a page shows of one evidence. ``problem`` says why the record cannot be shown; then the rest is empty."""

    evidence: Evidence
    finding: str = ""
    tables: Sequence[RecordTable] = ()
    flags: Sequence[str] = ()
    inputs: Mapping[str, object] | None = None
    parameters: Mapping[str, object] | None = None
    versions: Mapping[str, object] | None = None
    seed: object = None
    problem: str = ""

    @property
    def headline(self) -> RecordTable | None:
        """The table that says most: the first."""
        return self.tables[0] if self.tables else None

    @property
    def further(self) -> Sequence[RecordTable]:
        return self.tables[1:]


def read_record(evidence: Evidence) -> ReadRecord:
    """The record behind an evidence row, checked against both of its digests now."""
    try:
        document = orjson.loads(store.read(evidence.record_digest))
        if digest_of(document) != evidence.digest:
            raise store.CorruptContent("The stored record does not have the digest of this evidence.")
    except DomainError as error:
        return ReadRecord(evidence=evidence, problem=error.message)
    return ReadRecord(
        evidence=evidence,
        finding=str(document.get("finding", "")),
        tables=[_table(table) for table in document["tables"]],
        flags=[str(flag["message"]) for flag in document["flags"]],
        inputs=document["inputs"],
        parameters=document["parameters"],
        versions=document["versions"],
        seed=document["seed"],
    )


def _table(table: Mapping[str, object]) -> RecordTable:
    columns = cast(list[dict[str, str]], table["columns"])
    rows = cast(list[dict[str, object]], table["rows"])
    # A column of which nothing is known in any row (no unit, no remark) only takes room.
    used = [c for c in columns if any(row.get(c["name"]) not in (None, "") for row in rows)]
    cells = [[_cell(c["name"], row.get(c["name"])) for c in used] for row in rows]
    return RecordTable(
        name=str(table["name"]),
        title=str(table["title"]),
        # A head stands over its numbers where the column has any.
        head=[
            Cell(text=column["label"], numeric=any(row[at].numeric for row in cells)) for at, column in enumerate(used)
        ],
        rows=cells,
    )


def _cell(name: str, value: object) -> Cell:
    if name == "small":
        return Cell(text="! small" if value else "", numeric=False, warning=bool(value))
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, float) and _SMALLEST <= abs(value) < _LARGEST:
        # Digits one below the other, so that a column can be compared by eye.
        return Cell(text=format_number(value, 4), numeric=True)
    return Cell(text=format_cell(value), numeric=numeric)  # type: ignore[arg-type]
