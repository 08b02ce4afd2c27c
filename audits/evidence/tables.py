"""Tables from CSV and Parquet files: reading, describing, and the digest of their bytes.

Never changes a value beyond stated rules: in CSV, a column is whole numbers, numbers, truth values or text,
whichever all its cells are, and the usual words for "missing" are missing; dates stay text. In Parquet, categories
become their values, decimals become floating point, and a column of nothing is one of missing numbers.
"""

import contextlib
import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from audits.evidence.description import ColumnDescription, TableDescription
from audits.evidence.errors import EvidenceError
from audits.evidence.values import listed, nearest

# The words that pandas' own reader takes for missing, so that a model trained there sees the same cells here.
MISSING_WORDS = (
    "",
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
_COMMA_NUMBER = re.compile(r"[+-]?\d+(,\d+)?")
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_HEADER_BYTES = 1 << 20


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
    with _readable(path, kind):
        table = _read_csv(path) if kind == "csv" else _read_parquet(path)
    _refuse_empty(table.num_rows, path)
    return table.combine_chunks()


def describe_table(path: Path) -> TableDescription:
    """Columns with type, missing and distinct counts, for registering a dataset.

    Of a Parquet file it holds one column at a time.
    """
    kind = format_of(path)
    with _readable(path, kind):
        if kind == "csv":
            table = _read_csv(path)
            rows, described = table.num_rows, [_described(name, table.column(name)) for name in table.column_names]
        else:
            rows, names = _parquet_shape(path)
            _refuse_empty(rows, path)
            described = [_described(name, _read_parquet(path, name).column(name)) for name in names]
    _refuse_empty(rows, path)
    return TableDescription(
        sha256=digest_of_file(path),
        size=path.stat().st_size,
        format=kind,
        rows=rows,
        columns=tuple(described),
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


def _described(name: str, column: pa.ChunkedArray) -> ColumnDescription:
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return ColumnDescription(
        name=name,
        type=type_name(column.type),
        missing=missing_count(column),
        distinct=int(pc.count_distinct(column, mode="only_valid").as_py()),
    )


@contextlib.contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:  # Arrow's own is of both kinds.
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        hint = "save it again as Parquet" if kind == "parquet" else "save it as CSV in UTF-8, or as Parquet"
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise EvidenceError(
            f"The file {path.name} cannot be read as {kind} ({reason}); {hint}.", code="unreadable_file"
        ) from error


def _refuse_empty(rows: int, path: Path) -> None:
    if rows == 0:
        raise EvidenceError(f"The table {path.name} has no rows.", code="empty_table")


def _refuse_doubled(names: list[str], path: Path) -> None:
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise EvidenceError(
            f"The table {path.name} has more than one column {listed(doubled)}; rename them.",
            code="duplicate_column",
        )


def _parquet_shape(path: Path) -> tuple[int, list[str]]:
    with pa.parquet.ParquetFile(path) as file:
        _refuse_doubled(file.schema_arrow.names, path)
        nested = [field.name for field in file.schema_arrow if pa.types.is_nested(_stored(field.type))]
        if nested:
            raise EvidenceError(
                f"The table {path.name} has columns that hold lists, maps or records: {listed(nested)}. Leave them "
                "out, or spread each over columns of single values, and save it again.",
                code="nested_column",
            )
        return file.metadata.num_rows, file.schema_arrow.names


def _read_parquet(path: Path, *columns: str) -> pa.Table:
    _, names = _parquet_shape(path)
    chosen = list(columns) or names
    with pa.parquet.ParquetFile(path) as file:
        table = file.read(columns=chosen)
    return pa.table({name: _plain(table.column(name)) for name in chosen})


def _stored(kind: pa.DataType) -> pa.DataType:
    while isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return kind


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = _stored(column.type)
    if kind != column.type:
        column = column.cast(kind)
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_null(kind) or pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return column.cast(pa.float64())
    return column.cast(pa.large_string()) if pa.types.is_string_view(kind) else column


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
    return pa.table({name: _typed(raw.column(name), decimal_comma=delimiter == ";") for name in raw.column_names})


def _typed(column: pa.ChunkedArray, *, decimal_comma: bool = False) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return column.cast(pa.float64())
    trimmed = pc.utf8_trim_whitespace(column)
    for kind in (pa.int64(), pa.float64()):
        try:
            return trimmed.cast(kind)
        except pa.ArrowInvalid:
            continue
    if decimal_comma and all(_COMMA_NUMBER.fullmatch(word) for word in pc.unique(trimmed).to_pylist() if word):
        # Where columns are parted by semicolons, a comma parts the decimals, as spreadsheets write it.
        return pc.replace_substring(trimmed, pattern=",", replacement=".").cast(pa.float64())
    words = set(pc.unique(trimmed).to_pylist()) - {None}
    if words <= set(_TRUTH):
        return pa.chunked_array([pa.array([_TRUTH.get(word) for word in trimmed.to_pylist()], pa.bool_())])
    return column
