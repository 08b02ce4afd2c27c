"""The fold: what every governed row must be, by the changes in the trail alone.

Each change's "before" is compared with what the changes before it left, so a write around the trail is found
even where a later act has covered it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from sys import intern
from typing import TypeAlias

import orjson

from audits.merkle.canonical import Json
from audits.trail.disclosure import commitment_of
from audits.trail.entries import whole
from audits.trail.verification.disclosures import disclosed_texts
from audits.trail.verification.reading import AT_ONCE, Reader
from audits.trail.verification.report import Findings

Values: TypeAlias = dict[str, Json]


class FoldedRow:
    """One row: its values as the trail writes them, and which entry set each (None: not an entry yet)."""

    __slots__ = ("_later", "since", "values")

    def __init__(self, values: Values, since: int | None) -> None:
        self.values = values
        self.since = since
        self._later: dict[str, int | None] | None = None

    def set(self, field: str, value: Json, index: int | None) -> None:
        self.values[field] = value
        if self._later is None:
            self._later = {}
        self._later[field] = index

    def set_at(self, field: str) -> int | None:
        if self._later is not None and field in self._later:
            return self._later[field]
        return self.since


@dataclass(frozen=True, kw_only=True)
class _Where:
    table: str
    key: str
    index: int | None
    label: str


def committed(value: Json) -> str | None:
    """The commitment, where the value is one."""
    return str(value["committed"]) if isinstance(value, dict) and "committed" in value else None


def same(one: Json, other: Json) -> bool:
    """Equal as JSON: in Python true equals 1, in JSON it does not."""
    return one == other and type(one) is type(other)


class Fold:
    """Takes entries in order; ``tables`` is the state they give, by table and key."""

    def __init__(self, reader: Reader, findings: Findings) -> None:
        self.tables: dict[str, dict[str, FoldedRow]] = {}
        self._reader = reader
        self._findings = findings
        self._texts: list[tuple[_Where, str, str, str]] = []

    def apply(self, body: bytes, *, index: int | None, label: str, content: bytes | None = None) -> None:
        """``label`` names the entry for people, for example "entry 7"; ``content`` is what is kept beside it."""
        try:
            entry = orjson.loads(whole(body, content))
            changes = entry["changes"]
            snapshots: dict[str, set[str]] = {}
            for change in changes:
                table, key, op = intern(change["table"]), change["key"], change["op"]
                where = _Where(table=table, key=key, index=index, label=label)
                if op == "S":
                    snapshots.setdefault(table, set()).add(key)
                _OPERATIONS[op](self, where, change["diff"])
            self._after_snapshots(snapshots, index, label)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._findings.add(
                "entry_unreadable",
                f"{label.capitalize()} cannot be folded, it has not the shape of one ({error!r}).",
                table="audits_entry",
                key="" if index is None else str(index),
                field="body",
                index=index,
            )

    def finish(self) -> None:
        """Compare the texts that are still waiting. Call it after the last entry."""
        self._compare_texts()

    def _insert(self, where: _Where, diff: Values) -> None:
        rows = self.tables.setdefault(where.table, {})
        if where.key in rows:
            self._report(where, "", f"{where.label} inserts the row, which was there already", None, None)
        rows[where.key] = FoldedRow(_interned(diff), where.index)

    def _update(self, where: _Where, diff: Values) -> None:
        row = self.tables.get(where.table, {}).get(where.key)
        if row is None:
            self._report(where, "", f"{where.label} updates a row that no entry put there", None, None)
            row = self.tables.setdefault(where.table, {})[where.key] = FoldedRow({}, where.index)
        for field, pair in diff.items():
            if isinstance(pair, list):
                before, after = pair
                self._expect(where, row, field, before)
            else:
                after = pair
            row.set(intern(field), after, where.index)

    def _erase(self, where: _Where, diff: Values) -> None:
        """A text beside the trail went, and no row: what is compared with it is passed over from here on."""

    def _delete(self, where: _Where, diff: Values) -> None:
        row = self.tables.get(where.table, {}).pop(where.key, None)
        if row is None:
            self._report(where, "", f"{where.label} deletes a row that no entry put there", None, None)
            return
        for field, value in diff.items():
            self._expect(where, row, field, value)

    def _snapshot(self, where: _Where, diff: Values) -> None:
        rows = self.tables.setdefault(where.table, {})
        row = rows.get(where.key)
        if row is None:
            rows[where.key] = FoldedRow(_interned(diff), where.index)
            return
        for field, value in diff.items():
            if field in row.values:
                self._expect(where, row, field, value)
        # Columns that are gone leave the row here; the others keep the entry that set them.
        kept = FoldedRow(_interned(diff), row.since)
        for field in diff:
            kept.set(intern(field), diff[field], row.set_at(field) if field in row.values else where.index)
        rows[where.key] = kept

    def _after_snapshots(self, snapshots: dict[str, set[str]], index: int | None, label: str) -> None:
        """A snapshot holds every row of its table: one that the trail has and it has not is missing."""
        for table, keys in snapshots.items():
            for key in [key for key in self.tables[table] if key not in keys]:
                where = _Where(table=table, key=key, index=index, label=label)
                self._report(where, "", f"the row is missing from the snapshot in {label}", None, None)
                del self.tables[table][key]

    def _expect(self, where: _Where, row: FoldedRow, field: str, before: Json) -> None:
        known = row.values.get(field)
        if same(known, before):
            return
        one, other = committed(known), committed(before)
        if one is not None and other is not None:
            self._texts.append((where, field, one, other))
            if len(self._texts) >= AT_ONCE:
                self._compare_texts()
            return
        self._report(where, field, f"{where.label} found another value than the trail had left", known, before)

    def _compare_texts(self) -> None:
        """Two commitments to one text differ by their salts: open both."""
        wanted = {digest for _, _, one, other in self._texts for digest in (one, other)}
        texts = disclosed_texts(self._reader, wanted) if wanted else {}
        for where, field, one, other in self._texts:
            known, before = _opened(texts, one), _opened(texts, other)
            if known is not None and before is not None and known != before:
                self._report(where, field, f"{where.label} found another text than the trail had left", known, before)
        self._texts.clear()

    def _report(self, where: _Where, field: str, message: str, trail: Json, there: Json) -> None:
        self._findings.add(
            "history",
            f"{where.table} {where.key}: {message}; it was changed outside the trail before that.",
            table=where.table,
            key=where.key,
            field=field,
            trail=trail,
            there=there,
            index=where.index,
        )


def _opened(texts: dict[str, tuple[bytes, str]], commitment: str) -> str | None:
    """The text, where it is there and is the one committed to; step 4 reports the others."""
    salt, text = texts.get(commitment, (b"", ""))
    return text if commitment_of(salt, text) == commitment else None


def _interned(values: Values) -> Values:
    return {intern(field): value for field, value in values.items()}


_OPERATIONS: dict[str, Callable[[Fold, _Where, Values], None]] = {
    "I": Fold._insert,
    "U": Fold._update,
    "D": Fold._delete,
    "S": Fold._snapshot,
    "E": Fold._erase,
}
