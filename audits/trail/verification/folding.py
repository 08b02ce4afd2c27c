"""The fold: what every governed row must be, by the changes in the trail alone.

Each change's "before" is compared with what the changes before it left, so a write around the trail is found
even where a later act has covered it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from audits.merkle.canonical import Json
from audits.trail.disclosure import commitment_of
from audits.trail.verification.checking import Document
from audits.trail.verification.reading import AT_ONCE, Reader
from audits.trail.verification.report import Findings

Values: TypeAlias = dict[str, Json]

# Stands for an entry's index where an act is none yet.
PENDING = -1


class FoldedRow:
    """One row: its values as the trail writes them, and which entry set each (PENDING: an act that is none yet).

    Rows of one shape share its ``places`` (field to place in ``cells``): a dictionary each would double the memory.
    """

    __slots__ = ("cells", "later", "places", "since")

    def __init__(self, places: dict[str, int], cells: list[Json], since: int) -> None:
        self.places = places
        self.cells = cells
        self.since = since
        self.later: dict[str, int] | None = None

    @property
    def values(self) -> Values:
        """A copy, by field."""
        return dict(zip(self.places, self.cells, strict=True))

    def set_at(self, field: str) -> int | None:
        """The index of the entry that last set the field; None where it is an act that is no entry yet."""
        index = self.since if self.later is None else self.later.get(field, self.since)
        return None if index == PENDING else index


@dataclass(frozen=True, kw_only=True)
class _Where:
    table: str
    key: str
    index: int
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
        self._shapes: dict[tuple[str, ...], dict[str, int]] = {}

    def apply(self, entry: Document | Exception, *, index: int = PENDING, label: str = "") -> None:
        """``label`` names an act that is no entry yet, for people."""
        try:
            if isinstance(entry, Exception):
                raise entry
            snapshots: dict[str, set[str]] | None = None
            for change in entry["changes"]:
                table, key, op = change["table"], change["key"], change["op"]
                if op == "S":
                    snapshots = {} if snapshots is None else snapshots
                    snapshots.setdefault(table, set()).add(key)
                _OPERATIONS[op](self, table, key, change["diff"], index, label)
            if snapshots is not None:
                self._after_snapshots(snapshots, index, label)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            self._findings.add(
                "entry_unreadable",
                f"{_named(index, label).capitalize()} cannot be folded, it has not the shape of one ({error!r}).",
                table="audits_entry",
                key="" if index == PENDING else str(index),
                field="body",
                index=None if index == PENDING else index,
            )

    def finish(self) -> None:
        """Compare the texts that are still waiting. Call it after the last entry."""
        self._compare_texts()

    def _insert(self, table: str, key: str, diff: Values, index: int, label: str) -> None:
        rows = self.tables.setdefault(table, {})
        if key in rows:
            self._report(table, key, "", "{} inserts the row, which was there already", None, None, index, label)
        rows[key] = self.row(diff, index)

    def row(self, values: Values, since: int) -> FoldedRow:
        """A row of these values, all set by entry ``since``."""
        fields = tuple(values)
        places = self._shapes.get(fields)
        if places is None:
            places = self._shapes[fields] = {field: place for place, field in enumerate(fields)}
        return FoldedRow(places, list(values.values()), since)

    def _update(self, table: str, key: str, diff: Values, index: int, label: str) -> None:
        try:
            row = self.tables[table][key]
        except KeyError:
            self._report(table, key, "", "{} updates a row that no entry put there", None, None, index, label)
            row = self.tables.setdefault(table, {})[key] = self.row({}, index)
        if not diff.keys() <= row.places.keys():
            self._widen(row, diff)
        cells, places = row.cells, row.places
        if row.later is None:
            row.later = {}
        later = row.later
        for field, pair in diff.items():
            if type(pair) is list:
                before, after = pair
                known = cells[places[field]]
                if known != before or type(known) is not type(before):
                    self._unexpected(table, key, field, known, before, index, label)
            else:
                after = pair
            cells[places[field]] = after
            later[field] = index

    def _widen(self, row: FoldedRow, diff: Values) -> None:
        """A field that no change before has put into the row: it counts as null until then."""
        wider = self.row({**dict.fromkeys(diff), **row.values}, row.since)
        row.places, row.cells = wider.places, wider.cells

    def _erase(self, table: str, key: str, diff: Values, index: int, label: str) -> None:
        """A text beside the trail went, and no row: what is compared with it is passed over from here on."""

    def _delete(self, table: str, key: str, diff: Values, index: int, label: str) -> None:
        row = self.tables.get(table, {}).pop(key, None)
        if row is None:
            self._report(table, key, "", "{} deletes a row that no entry put there", None, None, index, label)
            return
        self._expect(table, key, row, diff, diff, index, label)

    def _snapshot(self, table: str, key: str, diff: Values, index: int, label: str) -> None:
        rows = self.tables.setdefault(table, {})
        row = rows.get(key)
        if row is None:
            rows[key] = self.row(diff, index)
            return
        known = [field for field in diff if field in row.places]
        self._expect(table, key, row, diff, known, index, label)
        # Columns that are gone leave the row here; the others keep the entry that set them.
        kept = rows[key] = self.row(diff, row.since)
        kept.later = {field: index for field in diff if field not in row.places}
        for field in known:
            if row.later is not None and field in row.later:
                kept.later[field] = row.later[field]

    def _after_snapshots(self, snapshots: dict[str, set[str]], index: int, label: str) -> None:
        """A snapshot holds every row of its table: one that the trail has and it has not is missing."""
        for table, keys in snapshots.items():
            for key in [key for key in self.tables[table] if key not in keys]:
                said = "the row is missing from the snapshot in {}"
                self._report(table, key, "", said, None, None, index, label)
                del self.tables[table][key]

    def _expect(
        self, table: str, key: str, row: FoldedRow, found: Values, fields: Iterable[str], index: int, label: str
    ) -> None:
        values = row.values
        for field in fields:
            known = values.get(field)
            if not same(known, found[field]):
                self._unexpected(table, key, field, known, found[field], index, label)

    def _unexpected(self, table: str, key: str, field: str, known: Json, before: Json, index: int, label: str) -> None:
        one, other = committed(known), committed(before)
        if one is not None and other is not None:
            self._texts.append((_Where(table=table, key=key, index=index, label=label), field, one, other))
            if len(self._texts) >= AT_ONCE:
                self._compare_texts()
            return
        said = "{} found another value than the trail had left"
        self._report(table, key, field, said, known, before, index, label)

    def _compare_texts(self) -> None:
        """Two commitments to one text differ by their salts: open both."""
        wanted = {digest for _, _, one, other in self._texts for digest in (one, other)}
        texts = disclosed_texts(self._reader, wanted) if wanted else {}
        for where, field, one, other in self._texts:
            known, before = _opened(texts, one), _opened(texts, other)
            if known is not None and before is not None and known != before:
                said = "{} found another text than the trail had left"
                self._report(where.table, where.key, field, said, known, before, where.index, where.label)
        self._texts.clear()

    def _report(
        self, table: str, key: str, field: str, message: str, trail: Json, there: Json, index: int, label: str
    ) -> None:
        self._findings.add(
            "history",
            f"{table} {key}: {message.format(_named(index, label))}; it was changed outside the trail before that.",
            table=table,
            key=key,
            field=field,
            trail=trail,
            there=there,
            index=None if index == PENDING else index,
        )


def disclosed_texts(reader: Reader, commitments: Iterable[str]) -> dict[str, tuple[bytes, str]]:
    """Salt and text of each commitment that has them, not checked."""
    rows = reader.rows(
        "SELECT commitment, salt, value FROM audits_disclosure WHERE commitment = ANY(%s)", [list(commitments)]
    )
    return {commitment: (bytes(salt), text) for commitment, salt, text in rows}


def _named(index: int, label: str) -> str:
    return label if index == PENDING else f"entry {index}"


def _opened(texts: dict[str, tuple[bytes, str]], commitment: str) -> str | None:
    """The text, where it is there and is the one committed to; step 4 reports the others."""
    salt, text = texts.get(commitment, (b"", ""))
    return text if commitment_of(salt, text) == commitment else None


_OPERATIONS: dict[str, Callable[[Fold, str, str, Values, int, str], None]] = {
    "I": Fold._insert,
    "U": Fold._update,
    "D": Fold._delete,
    "S": Fold._snapshot,
    "E": Fold._erase,
}
