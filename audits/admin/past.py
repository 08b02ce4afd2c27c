"""The past of one row in the admin: its history on its own page, and a page with the row then beside the row now.

Everything here is folded and proved for the page; nothing is written. Readers of the trail see it, nobody else.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from audits.admin.history import history_of, names_of, proved_now, told
from audits.admin.panels import Panel, Table, Value, digest, folded, mark, prose, text, time
from audits.documents.formatting import ABSENT
from audits.errors import DomainError
from audits.models import Entry
from audits.trail.act import subject_of
from audits.trail.moments import Moment, now, parse_moment
from audits.trail.past import State, Version, history, rows_as_of
from audits.trail.values import captures, fields_of

READS = "audits.view_trail"
# Entries on the row's own page; the page of its past has all.
SHOWN = 10
# Of one value among many.
_SHORT, _LONG = 120, 400
_DID = {"I": "inserted", "U": "changed", "D": "deleted", "S": "as it stood"}


def has_past(model: type[models.Model]) -> bool:
    """Whether the trail holds the rows of this table."""
    return model._meta.db_table in captures()


def past_of(request: HttpRequest, row: models.Model) -> dict[str, object] | None:
    """What a row's page says of its past: its latest entries, and where the rest is. Five queries."""
    meta = row._meta
    if not has_past(type(row)) or not request.user.has_perm(READS):
        return None
    lines = history_of(subject_of(row), rows=[(meta.db_table, str(row.pk))], limit=SHOWN)
    return {"lines": lines, **past_link(row)}


def past_link(row: models.Model) -> dict[str, object]:
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_past", args=[row.pk])
    return {"url": url, "today": f"{timezone.now():%Y-%m-%d}"}


def past_page(request: HttpRequest, model: type[models.Model], key: object) -> dict[str, Any]:
    """The context of the page of a row's past; the row itself may be gone."""
    asked = request.GET.get("as_of", "").strip()
    moment, problem = None, ""
    if asked:
        try:
            moment = parse_moment(asked)
        except DomainError as error:
            problem = error.message
    versions = history(model, key)
    panels = [] if moment is None else [_beside(model, key, moment)]
    panels.append(_history(model, versions))
    return {"asked": asked, "moment": moment, "problem": problem, "panels": panels, "known": bool(versions)}


def label_of(model: type[models.Model], column: str) -> str:
    """A column as people call it."""
    field = fields_of(model).get(column)
    return capfirst(str(field.verbose_name if field is not None else column.replace("_", " ")))


def _beside(model: type[models.Model], key: object, moment: Moment) -> Panel:
    then, present = _one(model, key, moment), _one(model, key, now())
    if then is None and present is None:
        return Panel(title="Then and now", note="It was not there then, and is not there now.")
    states = [state for state in (then, present) if state is not None]
    columns = dict.fromkeys([*fields_of(model), *(column for state in states for column in state.values)])
    names = _names(model, states)
    rows = []
    for column in columns:
        differs = _raw(then, column) != _raw(present, column)
        rows.append(
            (
                text(label_of(model, column)),
                _value(then, column, names),
                _value(present, column, names),
                mark("warning", "differs") if differs else text(""),
            )
        )
    rows.sort(key=lambda row: not row[3].value)
    notes = [
        *(["It was not there then."] if then is None else []),
        *(["It is not there now."] if present is None else []),
        f"{sum(bool(row[3].value) for row in rows)} of {len(rows)} fields differ.",
    ]
    return Panel(
        title="Then and now",
        table=Table(head=("Field", "Then", "Now", ""), rows=rows, empty="It has no fields."),
        note=" ".join(notes),
    )


def _one(model: type[models.Model], key: object, moment: Moment) -> State | None:
    return next(iter(rows_as_of(model, moment, keys=[key])), None)


def _raw(state: State | None, column: str) -> object:
    return None if state is None else state.values.get(column)


def _names(model: type[models.Model], states: Sequence[State]) -> Mapping[tuple[str, object], str]:
    """What keys of other rows stand for, today: one query a reference."""
    found: dict[tuple[str, object], str] = {}
    for column, field in fields_of(model).items():
        target = field.related_model
        if not isinstance(field, models.ForeignKey) or not isinstance(target, type):
            continue
        keys = {state.values[column] for state in states if state.values.get(column) is not None}
        rows = target._default_manager.select_related().filter(pk__in=keys) if keys else []
        found |= {(column, row.pk): str(getattr(row, "name", "") or row) for row in rows}
    return found


def _value(state: State | None, column: str, names: Mapping[tuple[str, object], str]) -> Value:
    if state is None:
        return text(ABSENT)
    if column in state.erased:
        return mark("note", "erased")
    value = state.values.get(column)
    if column in state.digests:
        return digest(str(value).removeprefix("sha256:"))
    if (column, value if not isinstance(value, list | dict) else None) in names:
        return text(names[column, value])
    match value:
        case None | "":
            return text(ABSENT)
        case bool():
            return text("yes" if value else "no")
        case datetime():
            return time(value)
        case list() | dict():
            said = json.dumps(value, ensure_ascii=False, indent=1)
            return folded(said, f"{len(value)} in it") if len(said) > _SHORT else prose(said)
        case str() if len(value) == 64 and set(value) <= set("0123456789abcdef"):
            return digest(value)
        case str() if len(value) > _LONG:
            return folded(value, f"{value[:_SHORT]}\N{HORIZONTAL ELLIPSIS}")
        case str():
            return prose(value)
    return text(value)


def _history(model: type[models.Model], versions: Sequence[Version]) -> Panel:
    entries = list(Entry.objects.filter(index__in=[version.index for version in versions]))
    proved = proved_now(entries)
    names = names_of(version.actor for version in versions)
    rows = [
        (
            text(version.index, url=reverse("admin:audits_entry_change", args=[version.index])),
            time(version.at),
            text(told(version.kind, {}), note=_DID.get(version.op, version.op)),
            text(names.get(version.actor, version.actor)),
            prose(_changed(model, version)),
            prose("(erased)" if version.reason is None else version.reason),
            _checked(proved.get(version.index)),
            text("receipt", url=reverse("admin:audits_entry_receipt", args=[version.index])),
            text("bundle", url=reverse("admin:audits_entry_bundle", args=[version.index])),
        )
        for version in reversed(versions)
    ]
    head = ("Entry", "Time", "What", "Who", "Changed", "Reason", "Checked now", "", "")
    return Panel(
        title="Everything that was changed",
        table=Table(head=head, rows=rows, empty="The trail holds no change of it yet."),
        note="Each entry was hashed again for this page, and its place in the signed log proved.",
    )


def _checked(proved: bool | None) -> Value:
    if proved is None:
        return mark("open", "not signed yet")
    return mark("met", "in the signed log") if proved else mark("unmet", "not what was signed")


def _changed(model: type[models.Model], version: Version) -> str:
    if version.op != "U":
        return f"the whole row, {len(version.changed)} fields"
    return "\n".join(
        f"{label_of(model, column)}: {_said(before)} \N{RIGHTWARDS ARROW} {_said(after)}"
        for column, (before, after) in version.changed.items()
    )


def _said(value: object) -> str:
    match value:
        case None | "":
            return ABSENT
        case bool():
            return "yes" if value else "no"
        case datetime() | date():
            return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value.isoformat()
        case list() | dict():
            said = json.dumps(value, ensure_ascii=False)
        case UUID():
            said = str(value)
        case _:
            said = str(value).removeprefix("sha256:")
    return said if len(said) <= _SHORT else f"{said[:_SHORT]}\N{HORIZONTAL ELLIPSIS}"
