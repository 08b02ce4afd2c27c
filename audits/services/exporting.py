"""Exports lists as CSV or JSON, each row with index and hash of the entry that last set it. Exporting is an act.

Never writes a cell that a spreadsheet would run, and never a hash that it has not read from the log.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models

from audits import events
from audits.errors import DomainError, NotFound
from audits.models import Entry
from audits.trail import Act, Actor, act
from audits.trail.archive import archived_changes

Cell = str | int | bool | None
FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
TRAIL = "trail"
_AT_ONCE = 500
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """One list that can be exported. ``rows`` gives them in order; ``columns`` are names with what gives the cell."""

    name: str
    title: str
    permission: str
    rows: Callable[[], "models.QuerySet[Any]"]
    columns: Mapping[str, Callable[[Any], object]]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file to give out: its name, its type, its bytes in pieces, and the receipt of the act."""

    file_name: str
    content_type: str
    pieces: Iterator[bytes]
    act: Act


_inventories: dict[str, Inventory] = {}


def offer(inventory: Inventory) -> None:
    """Make a list exportable: floors above say which."""
    _inventories[inventory.name] = inventory


def inventories() -> Mapping[str, Inventory]:
    return dict(_inventories)


def export(*, actor: Actor, name: str, form: str, reason: str = "") -> Exported:
    """Export one list. Raises NotFound, NotPermitted, DomainError."""
    if form not in FORMATS:
        raise DomainError(f"An export is one of {', '.join(FORMATS)}.", code="unknown_format")
    inventory = _inventories.get(name)
    if inventory is None:
        raise NotFound(f"There is no list {name}; the lists are {', '.join([*_inventories, TRAIL])}.")
    actor.require(inventory.permission)
    rows = inventory.rows()
    what = events.InventoryExported(inventory=name, format=form, rows=rows.count())
    with act(what, actor=actor, subject="system:inventory", reason=reason) as opened:
        pass
    head = [*inventory.columns, "entry_index", "entry_hash"]
    return _file(name, form, head, _inventory_cells(inventory, rows), opened)


def export_trail(*, actor: Actor, form: str, reason: str = "", chosen: Mapping[str, str] | None = None) -> Exported:
    """Export the list of entries, oldest first; ``chosen`` narrows it by subject, actor or kind."""
    actor.require("audits.view_trail")
    if form not in FORMATS:
        raise DomainError(f"An export is one of {', '.join(FORMATS)}.", code="unknown_format")
    with act(events.TrailExported(format=form, first=0), actor=actor, subject="system:trail", reason=reason) as opened:
        pass
    head = ["at", "kind", "actor", "subject", "receipt", "entry_index", "entry_hash"]
    return _file(TRAIL, form, head, _entry_cells(chosen or {}), opened)


def last_set(table: str, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    """For each row the entry that last set it: index and leaf hash (hexadecimal); rows that still wait are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (c.key) c.key, e.index, e.leaf_hash FROM audits_change c"
            " JOIN audits_entry e ON e.epoch = c.epoch AND e.xid = c.xid"
            " WHERE c.tbl = %s AND c.key = ANY (%s) ORDER BY c.key, e.index DESC",
            [table, list(keys)],
        )
        found = {key: (int(index), bytes(leaf).hex()) for key, index, leaf in cursor.fetchall()}
    missing = set(keys) - found.keys()
    if missing:
        before = {change.key: change.index for change in archived_changes({table}, missing)}
        leaves = dict(Entry.objects.filter(index__in=before.values()).values_list("index", "leaf_hash"))
        found |= {key: (index, bytes(leaves[index]).hex()) for key, index in before.items() if index in leaves}
    return found


def _inventory_cells(inventory: Inventory, rows: "models.QuerySet[Any]") -> Iterator[list[Cell]]:
    table = rows.model._meta.db_table
    for batch in _batches(rows.iterator(chunk_size=_AT_ONCE)):
        entries = last_set(table, [str(row.pk) for row in batch])
        for row in batch:
            index, leaf = entries.get(str(row.pk), (None, None))
            yield [*(_plain(value(row)) for value in inventory.columns.values()), index, leaf]


def _entry_cells(chosen: Mapping[str, str]) -> Iterator[list[Cell]]:
    entries = Entry.objects.filter(**chosen).defer("body").order_by("index")
    for entry in entries.iterator(chunk_size=_AT_ONCE):
        yield [
            _plain(entry.at),
            entry.kind,
            entry.actor,
            entry.subject,
            str(entry.act_id),
            entry.index,
            bytes(entry.leaf_hash).hex(),
        ]


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _file(name: str, form: str, head: Sequence[str], rows: Iterator[list[Cell]], done: Act) -> Exported:
    pieces = _csv(head, rows) if form == "csv" else _json(head, rows)
    return Exported(file_name=f"{name}.{form}", content_type=FORMATS[form], pieces=pieces, act=done)


def _csv(head: Sequence[str], rows: Iterable[list[Cell]]) -> Iterator[bytes]:
    """RFC 4180, in UTF-8; every text quoted, and none that begins like a formula."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
        if out.tell() > _AT_ONCE * 100:
            yield _taken(out)
    yield _taken(out)


def _harmless(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell


def _json(head: Sequence[str], rows: Iterable[list[Cell]]) -> Iterator[bytes]:
    """A list of objects."""
    out = io.StringIO()
    before = "["
    for row in rows:
        out.write(f"{before}\n{json.dumps(dict(zip(head, row, strict=True)), ensure_ascii=False)}")
        before = ","
        if out.tell() > _AT_ONCE * 100:
            yield _taken(out)
    out.write("[]\n" if before == "[" else "\n]\n")
    yield _taken(out)


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()


def _plain(value: object) -> Cell:
    match value:
        case None | bool() | int() | str():
            return value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case UUID():
            return str(value)
    return str(value)
