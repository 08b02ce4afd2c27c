"""Erases personal texts: from their rows, and with salts from beside the trail. The act stays, and so does every proof.

Never erases without a reason, a text of the actor's own, or anything that is not about people: a column that is not
personal is no text that somebody could ask to have erased.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson
from django.apps import apps
from django.db import connection, models
from django.dispatch import Signal

from audits import events
from audits.errors import Conflict, DomainError, NotFound, NotPermitted
from audits.models import Disclosure, Entry, User
from audits.trail import Act, Actor, act
from audits.trail.archive import archived_changes
from audits.trail.encoding import identifier
from audits.trail.governed import GovernedTable, governed_tables

PERMISSION = "audits.erase_text"
# Sent inside the act, with ``rows``: what rests on a text that is gone is judged anew there.
texts_erased = Signal()

# Why these were done must stay known: they are what explains that something is missing.
_REASON_STAYS = ("audits.text.erased", "audits.segment.archived")
_SHORTEST_NAME = 3
_ACCOUNT_FIELDS = ("username", "first_name", "last_name", "email")


@dataclass(frozen=True, kw_only=True)
class RowTexts:
    """Personal columns of one row of a governed table, by the table's name and the row's key as the trail writes it."""

    table: str
    key: str
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedField:
    """One column and how many texts of it, present and former, are still there."""

    table: str
    key: str
    field: str
    texts: int
    commitments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ErasurePlan:
    """What an erasure would take away. ``reasons`` are entries whose act's reason is still there."""

    fields: tuple[PlannedField, ...]
    reasons: tuple[int, ...]

    @property
    def texts(self) -> int:
        return sum(planned.texts for planned in self.fields) + len(self.reasons)


@dataclass(frozen=True, kw_only=True)
class Erased:
    """``texts`` is how many were erased; ``act`` the receipt."""

    act: Act
    texts: int


def plan_erasure(*, actor: Actor, rows: Sequence[RowTexts] = (), reasons: Sequence[int] = ()) -> ErasurePlan:
    """What would be erased. Raises NotPermitted, NotFound, DomainError; changes nothing."""
    actor.require(PERMISSION)
    fields = []
    for row in rows:
        model = _model_of(_governed(row).table)
        there = _commitments_by_field(row)
        for field in row.fields:
            kept = _kept(there[field], but=_blank_value(model, field, row.key))
            fields.append(
                PlannedField(table=row.table, key=row.key, field=field, texts=len(kept), commitments=tuple(kept))
            )
    found = _reasons(actor, reasons)
    kept_reasons = set(_kept(found.values()))
    return ErasurePlan(
        fields=tuple(fields),
        reasons=tuple(index for index, commitment in sorted(found.items()) if commitment in kept_reasons),
    )


def erase(*, actor: Actor, rows: Sequence[RowTexts] = (), reasons: Sequence[int] = (), reason: str) -> Erased:
    """Erase personal columns of rows, present and former texts, and the reasons of the acts with these entries.

    ``reason`` says why, without naming what is erased. Raises NotPermitted, NotFound, Conflict, DomainError.
    """
    actor.require(PERMISSION)
    if not rows and not reasons:
        raise DomainError("Say which texts are to be erased.", code="nothing_to_erase")
    if not reason.strip():
        raise DomainError("Say why: the trail keeps the reason of an erasure.", code="no_reason")
    own = [row for row in rows if row.table == User._meta.db_table and actor.user_id == _number(row.key)]
    if own:
        raise NotPermitted("Nobody erases their own account: ask another compliance officer.", code="own_account")
    planned = plan_erasure(actor=actor, rows=rows, reasons=reasons)
    _refuse_telling_reason(reason, planned)
    what = events.TextErased(
        rows=[f"{row.table}:{row.key}" for row in rows],
        fields=sorted({field for row in rows for field in row.fields}),
        reasons=sorted(set(reasons)),
    )
    with act(what, actor=actor, subject=_subject(rows, reasons), reason=reason) as opened:
        commitments = list(_reasons(actor, reasons).values())
        for row in rows:
            # The row first: from here on nobody writes another text into it until this act is done.
            _blank(row)
            model = _model_of(row.table)
            for field, there in _commitments_by_field(row, but=opened).items():
                commitments += _kept(there, but=_blank_value(model, field, row.key))
        with connection.cursor() as cursor:
            cursor.execute("SELECT audits_erase(%s)", [sorted(set(commitments))])
            (count,) = cursor.fetchone()
        if not count and not rows:
            raise Conflict("These texts are erased already.", code="erased_already")
        texts_erased.send(sender=None, rows=tuple(rows))
    return Erased(act=opened, texts=count)


def account_texts(account: User) -> RowTexts:
    """Everything personal that an account's own row holds."""
    return RowTexts(table=User._meta.db_table, key=str(account.pk), fields=_ACCOUNT_FIELDS)


def erase_account(*, actor: Actor, account: User, reason: str) -> Erased:
    """Erase a closed account's names and address, present and former. Raises Conflict where it is not closed yet.

    The account stays as a number, so that what it did stays attributed to one and the same person.
    """
    actor.require(PERMISSION)
    if account.is_active:
        raise Conflict("Close the account first: whoever still acts must be known by name.", code="account_open")
    return erase(actor=actor, rows=[account_texts(account)], reason=reason)


def _governed(row: RowTexts) -> GovernedTable:
    governed = next((table for table in governed_tables() if table.table == row.table), None)
    if governed is None:
        raise NotFound(f"{row.table} is not a governed table.")
    strange = sorted(set(row.fields) - governed.capture.personal)
    if strange or not row.fields:
        listed = ", ".join(sorted(governed.capture.personal)) or "none"
        raise DomainError(
            f"Only personal columns can be erased; of {row.table} these are: {listed}.", code="not_personal"
        )
    return governed


def _commitments_by_field(row: RowTexts, *, but: Act | None = None) -> dict[str, list[str]]:
    """Every commitment that the trail holds to a text of these columns, by column, oldest first."""
    found: dict[str, list[str]] = {field: [] for field in row.fields}
    seen = False
    for diff in _diffs(row, but):
        seen = True
        for field in row.fields:
            found[field] += _committed(diff.get(field))
    if not seen:
        raise NotFound(f"The trail knows no row {row.key} of {row.table}.")
    return found


def _diffs(row: RowTexts, but: Act | None) -> Iterator[dict[str, object]]:
    with connection.cursor() as cursor:
        yield from (orjson.loads(change.diff) for change in archived_changes({row.table}, {row.key}))
        cursor.execute(
            "SELECT c.diff FROM audits_change c JOIN audits_act a ON a.epoch = c.epoch AND a.xid = c.xid"
            " WHERE c.tbl = %s AND c.key = %s AND a.id IS DISTINCT FROM %s ORDER BY c.n",
            [row.table, row.key, but.id if but is not None else None],
        )
        for (diff,) in cursor.fetchall():
            yield orjson.loads(diff)


def _committed(value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and "committed" in item:
            yield str(item["committed"])


def _reasons(actor: Actor, indexes: Iterable[int]) -> dict[int, str]:
    """The commitments to the reasons of these entries' acts.

    Nobody takes back why they did something themselves, nor why something was erased or archived.
    """
    wanted = sorted(set(indexes))
    entries = {entry.index: entry for entry in Entry.objects.filter(index__in=wanted)}
    found: dict[int, str] = {}
    for index in wanted:
        entry = entries.get(index)
        if entry is None:
            raise NotFound(f"The trail has no entry {index}.")
        if entry.kind in _REASON_STAYS:
            raise DomainError(
                f"Entry {index} says why something was taken away ({entry.kind}): its reason stays, so leave it out.",
                code="reason_stays",
            )
        if entry.actor == actor.id:
            raise NotPermitted(
                f"Entry {index} is your own act: somebody else erases what you gave as its reason.", code="own_reason"
            )
        commitment = next(_committed(orjson.loads(bytes(entry.body))["act"]["reason"]), "")
        if not commitment:
            raise NotFound(f"The act of entry {index} has no reason that could be erased.")
        found[index] = commitment
    return found


def _kept(commitments: Iterable[str], *, but: str = "") -> list[str]:
    """Those whose texts are still there and say something: the blank itself is what the row holds from then on."""
    return list(
        Disclosure.objects.filter(commitment__in=list(commitments))
        .exclude(value__in=("", but))
        .values_list("commitment", flat=True)
    )


def _refuse_telling_reason(reason: str, planned: ErasurePlan) -> None:
    wanted = [commitment for field in planned.fields for commitment in field.commitments]
    said = reason.casefold()
    for value in Disclosure.objects.filter(commitment__in=wanted).values_list("value", flat=True):
        text = value.strip().casefold()
        if len(text) >= _SHORTEST_NAME and text in said:
            raise DomainError(
                "The reason repeats a text that is to be erased, and the trail would keep it: say why without it.",
                code="reason_tells",
            )


def _blank(row: RowTexts) -> None:
    """Empty the columns; where they must be unique, the row's key stands for the text."""
    governed = _governed(row)
    model = _model_of(row.table)
    with connection.cursor() as cursor:
        if governed.capture.append_only:
            cursor.execute("SELECT audits_erase_row(%s, %s, %s)", [row.table, row.key, list(row.fields)])
            return
        sets = ", ".join(f"{identifier(field)} = %s" for field in row.fields)
        cursor.execute(
            f"UPDATE {identifier(row.table)} SET {sets} WHERE {identifier(governed.key)}::text = %s",
            [*(_blank_value(model, field, row.key) for field in row.fields), row.key],
        )


def _blank_value(model: type[models.Model], column: str, key: str) -> str:
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    if isinstance(field, models.JSONField):
        return "{}"
    return f"erased-{key}" if field.unique else ""


def _model_of(table: str) -> type[models.Model]:
    return next(model for model in apps.get_models(include_auto_created=True) if model._meta.db_table == table)


def _subject(rows: Sequence[RowTexts], reasons: Sequence[int]) -> str:
    if len(rows) == 1:
        return f"{_model_of(rows[0].table)._meta.label_lower}:{rows[0].key}"
    return f"entry:{min(reasons)}" if len(reasons) == 1 and not rows else "system:trail"


def _number(key: str) -> int | None:
    return int(key) if key.isdigit() else None
