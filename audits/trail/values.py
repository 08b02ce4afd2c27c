"""What the trail holds of a column, as the model's field gives it back: times, decimals, uuids, booleans, documents.

The inverse of audits.trail.encoding, which says how each type is written. Never invents a value: what the trail holds
as a digest stays one, and a text that was erased is None.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import orjson
from django.core.exceptions import ValidationError
from django.db import connection, models

from audits.merkle.canonical import Json
from audits.models.governed import Capture
from audits.trail.governed import governed_tables

_DIGEST = "sha256:"


@lru_cache(maxsize=1)
def captures() -> Mapping[str, Capture]:
    """How each governed table is recorded, by its name."""
    return {governed.table: governed.capture for governed in governed_tables()}


def fields_of(model: type[models.Model]) -> dict[str, "models.Field[object, object]"]:
    """The model's fields by the name of their column."""
    return {field.column: field for field in model._meta.concrete_fields if field.column is not None}


def commitment_in(recorded: Json) -> str | None:
    """The commitment that stands for a personal text."""
    if isinstance(recorded, dict) and recorded.keys() == {"committed"}:
        return str(recorded["committed"])
    return None


def commitments_among(rows: Iterable[Mapping[str, Json]]) -> set[str]:
    return {found for row in rows for value in row.values() if (found := commitment_in(value)) is not None}


def digest_in(capture: Capture, column: str, recorded: Json) -> str | None:
    """The SHA-256 in hexadecimal, where the column is recorded as one."""
    if column in capture.secret | capture.digested and isinstance(recorded, str) and recorded.startswith(_DIGEST):
        return recorded.removeprefix(_DIGEST)
    return None


def typed(
    field: "models.Field[object, object] | None",
    capture: Capture,
    column: str,
    recorded: Json,
    texts: Mapping[str, str],
) -> object:
    """The value. ``texts`` are those behind commitments; a column that the model no longer has is given as recorded."""
    commitment = commitment_in(recorded)
    if commitment is not None:
        if commitment not in texts:
            return None
        recorded = texts[commitment]
    if recorded is None or digest_in(capture, column, recorded) is not None or field is None:
        return recorded
    if isinstance(field, models.ForeignKey):
        field = field.target_field
    try:
        if isinstance(field, models.JSONField) and isinstance(recorded, str):
            return orjson.loads(recorded)
        if isinstance(field, models.BinaryField) and isinstance(recorded, str):
            return bytes.fromhex(recorded)
        return field.to_python(recorded)
    except (ValidationError, ValueError):
        return recorded  # The column had another type then.


def as_recorded(field: "models.Field[object, object]", value: object) -> Json:
    """A value as the trail writes it, to look for: see audits.trail.encoding."""
    if isinstance(value, models.Model):
        value = value.pk
    if value is None:
        return None
    if isinstance(field, models.ForeignKey):
        field = field.target_field
    kind = field.db_type(connection) or ""
    value = field.to_python(value)
    if kind.startswith(("smallint", "integer", "serial", "boolean")) and isinstance(value, int):
        return value
    return str(value)
