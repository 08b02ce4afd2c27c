"""What is said of a table when it is registered.

Never reads a table, so that who only passes descriptions on need not import what does.
"""

import dataclasses
from typing import Self

from audits.evidence.errors import EvidenceError
from audits.evidence.values import JsonValue


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnDescription:
    """One column: ``type`` is integer, number, boolean, text, time or other; counts are in rows."""

    name: str
    type: str
    missing: int
    distinct: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableDescription:
    """A table as it is registered: digest of the file's bytes, size in bytes, rows, and its columns."""

    sha256: str
    size: int
    format: str
    rows: int
    columns: tuple[ColumnDescription, ...]

    @classmethod
    def from_json(cls, given: JsonValue) -> Self:
        """Read what ``dataclasses.asdict`` wrote; ``EvidenceError`` for any other shape."""
        try:
            if not isinstance(given, dict) or not isinstance(columns := given["columns"], list):
                raise TypeError
            return cls(
                sha256=_text(given["sha256"]),
                size=_count(given["size"]),
                format=_text(given["format"]),
                rows=_count(given["rows"]),
                columns=tuple(_column(column) for column in columns),
            )
        except (KeyError, TypeError) as error:
            raise EvidenceError(
                "The reading process left no readable description.", code="evidence_malformed"
            ) from error


def _column(given: JsonValue) -> ColumnDescription:
    if not isinstance(given, dict):
        raise TypeError
    return ColumnDescription(
        name=_text(given["name"]),
        type=_text(given["type"]),
        missing=_count(given["missing"]),
        distinct=_count(given["distinct"]),
    )


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: JsonValue) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value
