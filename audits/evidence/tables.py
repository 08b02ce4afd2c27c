"""Tables from CSV and Parquet files: reading, describing, and the digest of their bytes.

Never changes a value beyond stated rules: in CSV, a column is whole numbers, numbers, truth values or text,
whichever all its cells are, and the usual words for "missing" are missing; dates stay text.
"""

import csv
import dataclasses
import hashlib
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from audits.evidence.errors import EvidenceError
from audits.evidence.values import listed, nearest

# The words that pandas' own reader takes for missing, so that a model trained there sees the same cells here.
MISSING_WORDS = (
    "",
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_HEADER_BYTES = 1 << 20


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


def digest_of_file(path: Path) -> str:
    """SHA-256 of the file's bytes, hexadecimal, without reading it all at once."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EvidenceError(
            f"The file {path.name} cannot be read ({error.strerror}); check its name and its permissions.",
            code="unreadable_file",
        ) from error


def format_of(path: Path) -> str:
    """``parquet`` or ``csv``, by the first bytes and not by the name."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise EvidenceError(
            f"The file {path.name} cannot be read ({error.strerror}); check its name and its permissions.",
            code="unreadable_file",
        ) from error
    return "parquet" if start == b"PAR1" else "csv"


def read_table(path: Path) -> pa.Table:
    """The table in a CSV (UTF-8; comma, semicolon or tab) or Parquet file.

    Raises ``EvidenceError`` for a file that is neither, has no rows, or has two columns of one name.
    """
    kind = format_of(path)
    try:
        table = pa.parquet.read_table(path) if kind == "parquet" else _read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        hint = "save it again as Parquet" if kind == "parquet" else "save it as CSV in UTF-8, or as Parquet"
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise EvidenceError(
            f"The file {path.name} cannot be read as {kind} ({reason}); {hint}.", code="unreadable_file"
        ) from error
    _refuse_doubled(table.column_names, path)
    if table.num_rows == 0:
        raise EvidenceError(f"The table {path.name} has no rows.", code="empty_table")
    return table.combine_chunks()


def describe_table(path: Path) -> TableDescription:
    """Columns with type, missing and distinct counts, for registering a dataset."""
    table = read_table(path)
    columns = tuple(
        ColumnDescription(
            name=name,
            type=type_name(table.column(name).type),
            missing=missing_count(table.column(name)),
            distinct=int(pc.count_distinct(table.column(name), mode="only_valid").as_py()),
        )
        for name in table.column_names
    )
    return TableDescription(
        sha256=digest_of_file(path),
        size=path.stat().st_size,
        format=format_of(path),
        rows=table.num_rows,
        columns=columns,
    )


def require_column(table: pa.Table, name: str, role: str) -> pa.ChunkedArray:
    """The column, or an ``EvidenceError`` that names the nearest ones."""
    if name in table.column_names:
        return table.column(name)
    close = nearest(name, table.column_names)
    hint = f"did you mean {listed(close)}?" if close else f"it has {listed(table.column_names)}."
    raise EvidenceError(f"The table has no column “{name}” ({role}); {hint}", code="missing_column")


def type_name(kind: pa.DataType) -> str:
    """The kind of a column in the words that records use."""
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    return "time" if pa.types.is_temporal(kind) else "other"


def missing_count(column: pa.ChunkedArray) -> int:
    """Rows without a value: null or NaN."""
    return int(pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0)


def _refuse_doubled(names: list[str], path: Path) -> None:
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise EvidenceError(
            f"The table {path.name} has more than one column {listed(doubled)}; rename them.",
            code="duplicate_column",
        )


def _read_csv(path: Path) -> pa.Table:
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if b"\0" in start:
        raise csv.Error("it holds binary data")
    first = start.split(b"\n", 1)[0].decode("utf-8-sig").rstrip("\r")
    if not first.strip():
        raise csv.Error("it is empty or its first line is not a header")
    delimiter = max(",;\t", key=first.count)
    names = next(csv.reader([first], delimiter=delimiter))
    _refuse_doubled(names, path)
    # Types are settled over the whole column, not by the reader's first block: a late cell must not change
    # the answer.
    raw = pa.csv.read_csv(
        path,
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            null_values=list(MISSING_WORDS),
            strings_can_be_null=True,
        ),
    )
    return pa.table({name: _typed(raw.column(name)) for name in raw.column_names})


def _typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return column.cast(pa.float64())
    trimmed = pc.utf8_trim_whitespace(column)
    for kind in (pa.int64(), pa.float64()):
        try:
            return trimmed.cast(kind)
        except pa.ArrowInvalid:
            continue
    words = set(pc.unique(trimmed).to_pylist()) - {None}
    if words <= set(_TRUTH):
        return pa.chunked_array([pa.array([_TRUTH.get(word) for word in trimmed.to_pylist()], pa.bool_())])
    return column
