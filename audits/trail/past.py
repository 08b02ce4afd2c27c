"""Time travel: any governed row as it was at an entry, a time or a checkpoint, and how it came to be so.

Folds the changes that the trail holds of a row, in the log's order, and reads no governed table but to open digests.
A moment before the first entry has no rows; a row has no state before it was inserted and none after it was deleted.
Rows that were there before their table was governed begin with the snapshot of them. Acts that are not sequenced yet
count as later than every entry. Never judges whether the trail itself holds: the verification does.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, TypeAlias, cast

import orjson
from django.db import connection, models

from audits.errors import DomainError
from audits.merkle.canonical import Json
from audits.models.governed import Capture
from audits.trail.archive import SEGMENTS, archived_changes, segments_in
from audits.trail.encoding import identifier
from audits.trail.log import texts_behind
from audits.trail.moments import Moment, When, moment_of
from audits.trail.values import (
    as_recorded,
    captures,
    commitment_in,
    commitments_among,
    digest_in,
    fields_of,
    typed,
)

_PLAIN = Capture()
# Key, entry, operation and difference as JSON text.
_Change: TypeAlias = tuple[str, int, str, str]
_ROWS = """
SELECT c.key, e.index, c.op, c.diff FROM audits_change c
JOIN audits_entry e ON e.epoch = c.epoch AND e.xid = c.xid
WHERE c.tbl = %(table)s AND e.index < %(size)s AND {which}
ORDER BY c.key, e.index, c.n
"""
# What says that entries have left for the archive, in the same statement; such a row has no key.
_AND_SEGMENTS = f"({{rows}}) UNION ALL SELECT {{nulls}}, s.data FROM ({SEGMENTS}) s"
# A row whose column had a value has a change that set it: an insert or a snapshot with it, or an update to it.
_HAD = """
c.key IN (
    SELECT s.key FROM audits_change s
    WHERE s.tbl = %(table)s AND strpos(s.diff, %({name}_member)s) > 0 AND (
        s.diff::jsonb -> %({name})s = ANY (%({name}_values)s::jsonb[])
        OR s.op = 'U' AND s.diff::jsonb -> %({name})s -> 1 = ANY (%({name}_values)s::jsonb[])
    )
)
"""
_HISTORY = """
SELECT e.index, e.at, e.kind, e.actor, e.act_id, a.reason, c.op, c.diff FROM audits_change c
JOIN audits_entry e ON e.epoch = c.epoch AND e.xid = c.xid
JOIN audits_act a ON a.epoch = c.epoch AND a.xid = c.xid
WHERE c.tbl = %s AND c.key = %s ORDER BY e.index, c.n
"""


@dataclass(frozen=True, kw_only=True)
class State:
    """One row as it was. ``values`` by column, as the model's fields give them.

    ``digests``: columns of which the trail holds a SHA-256 only; their value is ``sha256:<hexadecimal>``. Where
    what stands there now has that digest it is the value, and the column not among them. ``erased``: columns whose text
    was erased; their value is None. ``set_by``: the entry that last set each column.
    """

    table: str
    key: str
    moment: Moment
    values: Mapping[str, object]
    recorded: Mapping[str, Json]
    set_by: Mapping[str, int]
    digests: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()

    @property
    def since(self) -> int:
        """The entry since which the row was exactly so."""
        return max(self.set_by.values())


@dataclass(frozen=True, kw_only=True)
class Version:
    """What one act did to a row: ``op`` is I, U, D or S (a snapshot); ``changed`` gives each column's before and after.

    ``reason`` is what was written as the reason of the act: empty where nothing was, None where it was erased.
    """

    index: int
    at: datetime
    kind: str
    actor: str
    act_id: Any
    reason: str | None
    op: str
    changed: Mapping[str, tuple[object, object]]


@dataclass
class _Folded:
    values: dict[str, Json] = field(default_factory=dict)
    set_by: dict[str, int] = field(default_factory=dict)
    there: bool = False

    def apply(self, index: int, op: str, diff: Mapping[str, Json]) -> None:
        if op == "D":
            self.values, self.set_by, self.there = {}, {}, False
            return
        if op == "U":
            for column, pair in diff.items():
                self.values[column] = pair[1] if isinstance(pair, list) else pair
                self.set_by[column] = index
            return
        # A snapshot says again what was there: those columns keep the entry that set them.
        known, set_by = self.values, self.set_by
        self.set_by = {
            column: set_by[column] if op == "S" and column in set_by and _as_known(known[column], value) else index
            for column, value in diff.items()
        }
        self.values, self.there = dict(diff), True


def as_of(model: type[models.Model], key: object, when: When) -> State | None:
    """The row as it was; None where there was none then. Raises NoSuchMoment and NotGoverned."""
    return next(iter(rows_as_of(model, when, keys=[key])), None)


def rows_as_of(
    model: type[models.Model],
    when: When,
    *,
    keys: Collection[object] | None = None,
    where: Mapping[str, object] | None = None,
) -> list[State]:
    """Every row of a table as it was, by key: those with these keys, or whose fields had these values at that time.

    ``where`` takes the names of fields; a list of values means any of them. Two statements, however many rows: their
    changes, and the texts behind commitments (a third where digests are opened). Raises NoSuchMoment and NotGoverned.
    """
    moment = moment_of(when)
    table, capture = _governed(model)
    wanted = {_field(model, name): _listed(value) for name, value in (where or {}).items()}
    params: dict[str, Any] = {"table": table, "size": moment.size}
    which = ["true"]
    if keys is not None:
        params["keys"] = [str(key) for key in keys]
        which.append("c.key = ANY (%(keys)s)")
    for number, (column, values) in enumerate(wanted.items()):
        if column.column in capture.personal | capture.secret | capture.digested:
            raise DomainError(f"The trail holds no values of {column.name} to look for.", code="not_searchable")
        name = f"column_{number}"
        params |= {
            name: column.column,
            f"{name}_member": f'"{column.column}":',
            f"{name}_values": [orjson.dumps(as_recorded(column, value)).decode() for value in values],
        }
        which.append(_HAD.format(name=name))
    folded = _fold(_rows(table, which, params))
    found = {
        key: row
        for key, row in folded.items()
        if all(
            row.values.get(str(column.column)) in [as_recorded(column, value) for value in values]
            for column, values in wanted.items()
        )
    }
    return _states(model, moment, found)


def _rows(table: str, which: Sequence[str], params: Mapping[str, Any]) -> list[_Change]:
    """Changes in the log's order, those before that are in the archive by now among them."""
    with connection.cursor() as cursor:
        query = _AND_SEGMENTS.format(rows=_ROWS.format(which=" AND ".join(which)), nulls="NULL, NULL, NULL")
        cursor.execute(query, params)
        rows = cursor.fetchall()
        segments = segments_in(row[-1] for row in rows if row[0] is None)
        if not segments:
            return cast(list[_Change], rows)
        # What a row had may be told in a file alone: take every row then, and see once it is folded.
        wide = "c.key = ANY (%(keys)s)" if "keys" in params else "true"
        cursor.execute(_ROWS.format(which=wide), params)
        later = cast(list[_Change], cursor.fetchall())
    before = archived_changes({table}, params.get("keys"), segments=segments)
    return [(c.key, c.index, c.op, c.diff) for c in before if c.index < params["size"]] + later


def history(model: type[models.Model], key: object) -> list[Version]:
    """What was done to a row, oldest first, one version an act. Two statements. Raises NotGoverned."""
    table, capture = _governed(model)
    with connection.cursor() as cursor:
        cursor.execute(_AND_SEGMENTS.format(rows=_HISTORY, nulls=", ".join(["NULL"] * 7)), [table, str(key)])
        found = cursor.fetchall()
    segments = segments_in(row[-1] for row in found if row[0] is None)
    archived = archived_changes({table}, {str(key)}, segments=segments)
    rows = [(c.index, c.at, c.kind, c.actor, c.act_id, c.reason, c.op, orjson.loads(c.diff)) for c in archived]
    rows += [(*row[:-1], orjson.loads(row[-1])) for row in found if row[0] is not None]
    texts = texts_behind(
        {reason for *_, reason, _, _ in rows if reason} | {found for row in rows for found in _commitments(row[-1])}
    )
    fields, state, versions = fields_of(model), _Folded(), []
    for _, same_act in groupby(rows, key=lambda row: row[0]):
        changes = list(same_act)
        before = dict(state.values)
        for index, *_, op, diff in changes:
            state.apply(index, op, diff)
        same = _as_known if all(change[6] == "S" for change in changes) else _same
        index, at, kind, actor, act_id, reason, first, _ = changes[0]
        versions.append(
            Version(
                index=index,
                at=at,
                kind=kind,
                actor=actor,
                act_id=act_id,
                reason=texts.get(reason) if reason else "",
                op=changes[-1][6] if changes[-1][6] == "D" else first,
                changed={
                    column: (
                        typed(fields.get(column), capture, column, before.get(column), texts),
                        typed(fields.get(column), capture, column, state.values.get(column), texts),
                    )
                    for column in sorted(before.keys() | state.values.keys())
                    if not same(before.get(column), state.values.get(column))
                },
            )
        )
    return versions


class NotGoverned(DomainError):
    """The trail holds nothing of this table."""

    code = "not_governed"


def _governed(model: type[models.Model]) -> tuple[str, Capture]:
    table = model._meta.db_table
    capture = captures().get(table)
    if capture is None:
        raise NotGoverned(f"{model._meta.label} is not governed: the trail holds no changes of it.")
    return table, capture


def _field(model: type[models.Model], name: str) -> "models.Field[object, object]":
    found = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if not isinstance(found, models.Field):
        raise DomainError(f"{model._meta.label} has no column {name}.", code="unknown_column")
    return found


def _listed(value: object) -> Sequence[object]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _fold(rows: Iterable[_Change]) -> dict[str, _Folded]:
    """The rows that were there, by key."""
    found: dict[str, _Folded] = {}
    for key, index, op, diff in rows:
        found.setdefault(key, _Folded()).apply(index, op, orjson.loads(diff))
    return {key: row for key, row in found.items() if row.there}


def _states(model: type[models.Model], moment: Moment, rows: Mapping[str, _Folded]) -> list[State]:
    table, capture = _governed(model)
    fields = fields_of(model)
    texts = texts_behind(commitments_among(row.values for row in rows.values()))
    opened = _opened(model, rows)
    made = []
    for key, row in rows.items():
        values, digests, erased = {}, set(), set()
        for column, recorded in row.values.items():
            if (key, column) in opened:
                values[column] = opened[key, column]
                continue
            values[column] = typed(fields.get(column), capture, column, recorded, texts)
            if digest_in(capture, column, recorded) is not None:
                digests.add(column)
            elif commitment_in(recorded) is not None and values[column] is None:
                erased.add(column)
        made.append(
            State(
                table=table,
                key=key,
                moment=moment,
                values=values,
                recorded=row.values,
                set_by=row.set_by,
                digests=frozenset(digests),
                erased=frozenset(erased),
            )
        )
    return made


def _opened(model: type[models.Model], rows: Mapping[str, _Folded]) -> dict[tuple[str, str], object]:
    """Values of digested columns that still stand in the table with the digest that the trail holds. Never secrets."""
    table, capture = _governed(model)
    columns = sorted(capture.digested - capture.secret)
    if not columns or not rows:
        return {}
    parts = ", ".join(
        f"encode(sha256(convert_to(t.{identifier(c)}::text, 'UTF8')), 'hex'), t.{identifier(c)}::text" for c in columns
    )
    key, kind = identifier(str(model._meta.pk.column)), model._meta.pk.db_type(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.{key}::text, {parts} FROM {identifier(table)} t WHERE t.{key} = ANY (%s::text[]::{kind}[])",
            [list(rows)],
        )
        there = cursor.fetchall()
    fields, found = fields_of(model), {}
    for row_key, *pairs in there:
        for number, column in enumerate(columns):
            digest, text = pairs[2 * number : 2 * number + 2]
            if text is not None and digest_in(capture, column, rows[row_key].values.get(column)) == digest:
                found[row_key, column] = typed(fields.get(column), _PLAIN, column, text, {})
    return found


def _same(one: Json, other: Json) -> bool:
    """Equal as JSON: in Python true equals 1, in JSON it does not."""
    return one == other and type(one) is type(other)


def _as_known(known: Json, again: Json) -> bool:
    """Whether a snapshot says what was known: it commits to each text anew, and changes none."""
    return _same(known, again) or (commitment_in(known) is not None and commitment_in(again) is not None)


def _commitments(diff: Mapping[str, Json]) -> Iterable[str]:
    for value in diff.values():
        for item in value if isinstance(value, list) else (value,):
            if (found := commitment_in(item)) is not None:
                yield found
