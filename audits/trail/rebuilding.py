"""Rows as they were, as instances of their models with what they refer to, for whoever shows rows of today.

The instances are for reading: never save one, it is another time's. What they refer to is as of the same moment.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from django.db import models

from audits.trail.moments import Moment
from audits.trail.past import State, rows_as_of
from audits.trail.values import fields_of

M = TypeVar("M", bound=models.Model)
# Rows of one moment that were rebuilt already, by model and key.
Known: TypeAlias = dict[tuple[type[models.Model], object], models.Model]


def instances_as_of(
    model: type[M],
    moment: Moment,
    *,
    keys: Collection[object] | None = None,
    where: Mapping[str, object] | None = None,
    related: Iterable[str] = (),
    known: Known | None = None,
) -> list[M]:
    """The rows as ``rows_as_of`` finds them.

    ``related`` names what is read along, as for select_related (``version__model``): as many queries more as there are
    hops, whatever the number of rows. ``known``, given to several calls for one moment, has rows that others refer to
    read once.
    """
    found = [_instance(model, state) for state in rows_as_of(model, moment, keys=keys, where=where)]
    seen = {} if known is None else known
    seen.update({(model, row.pk): row for row in found})
    _attach(found, moment, _tree(related), seen)
    return found


def _tree(paths: Iterable[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        for name in path.split("__"):
            node = node.setdefault(name, {})
    return tree


def _instance(model: type[M], state: State) -> M:
    made = model(**{field.attname: state.values.get(column) for column, field in fields_of(model).items()})
    made._state.adding = False
    return made


def _attach(rows: list[M], moment: Moment, tree: Mapping[str, Any], known: Known) -> None:
    if not rows:
        return
    for name, further in tree.items():
        field = rows[0]._meta.get_field(name)
        target = field.related_model
        if not isinstance(field, models.ForeignKey) or not isinstance(target, type):
            raise TypeError(f"{name} is no foreign key")
        keys = {key for row in rows if (key := getattr(row, field.attname)) is not None}
        missing = [key for key in keys if (target, key) not in known]
        if missing:
            instances_as_of(target, moment, keys=missing, known=known)
        there = {key: known[target, key] for key in keys if (target, key) in known}
        _attach(list(there.values()), moment, further, known)
        for row in rows:
            field.set_cached_value(row, there.get(getattr(row, field.attname)))
