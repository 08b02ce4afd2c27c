"""From a record of evidence (``countersign/evidence/v1``) to the section of a dossier that prints it.

Must never compute or leave out a number: what the record's tables say is what is printed.
"""

import hashlib
from collections.abc import Iterator, Mapping

from audits.documents.errors import DocumentError
from audits.documents.formatting import Cell, format_number
from audits.evidence.values import JsonObject, JsonValue
from governance.dossiers.blocks import Column, ColumnKind, Fact, Figure, Table
from governance.dossiers.content import EvidenceSection

_RATES = frozenset({"selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy"})
_SMALL = "small"
_SMALL_MARK = "\N{WARNING SIGN} Small"


def evidence_section(
    record: Mapping[str, JsonValue], figures: Mapping[str, bytes], *, entry: int | None = None
) -> EvidenceSection:
    """The section for a record as it was stored; ``figures`` are its SVGs by name, ``entry`` its index in the
    trail.

    Raises ``DocumentError`` (``document_value``) for a record of another shape, and for a figure whose bytes are
    not those that the record names.
    """
    return EvidenceSection(
        title=_text(record, "title"),
        summary=_text(record, "finding"),
        digest=_text(record, "digest"),
        facts=tuple(_facts(record)),
        tables=tuple(_table(table) for table in _objects(record, "tables")),
        figures=tuple(_figure(figure, figures) for figure in _objects(record, "figures")),
        flags=tuple(_text(flag, "message") for flag in _objects(record, "flags")),
        entry=entry,
    )


def _facts(record: Mapping[str, JsonValue]) -> Iterator[Fact]:
    subject, inputs = _object(record, "subject"), _object(record, "inputs")
    yield Fact(label="About", value=f"{_text(subject, 'kind').replace('_', ' ')} {_text(subject, 'id')}")
    yield Fact(label="Subject, SHA-256", value=_text(subject, "digest"), digest=True)
    dataset, model = _object(inputs, "dataset"), inputs.get("model")
    yield Fact(label="Data, SHA-256", value=_text(dataset, "digest"), digest=True)
    yield Fact(label="Rows", value=_rows(dataset))
    if isinstance(model, dict):
        yield Fact(label="Model file, SHA-256", value=_text(model, "digest"), digest=True)
        if isinstance(estimator := model.get("estimator"), str):
            yield Fact(label="Estimator", value=estimator)
    else:
        yield Fact(label="Model file", value="None: measured from a column of predictions")
    yield from _parameters(_object(record, "parameters"))
    # A seed is a name, not an amount: no thousands separators.
    yield Fact(label="Seed", value=str(record.get("seed")))
    versions = _object(record, "versions").items()
    yield Fact(label="Made with", value=", ".join(f"{name} {version}" for name, version in versions))


def _parameters(given: JsonObject) -> Iterator[Fact]:
    """Plain ones together, since there are many; each composite one by itself."""
    told = {name.replace("_", " "): (value, _told(value)) for name, value in given.items()}
    plain = [
        f"{name} {_plain(words)}"
        for name, (value, words) in told.items()
        if words is not None and not isinstance(value, dict | list)
    ]
    if plain:
        yield Fact(label="Parameters", value="; ".join(plain))
    for name, (value, words) in told.items():
        if words is not None and isinstance(value, dict | list):
            yield Fact(label=name[:1].upper() + name[1:], value=words)


def _rows(dataset: JsonObject) -> Cell:
    rows, measured = dataset.get("rows"), dataset.get("measured_rows")
    if isinstance(rows, int) and isinstance(measured, int) and measured != rows:
        return f"{format_number(measured)} measured of {format_number(rows)}"
    return rows if isinstance(rows, int) else None


def _told(value: JsonValue) -> Cell:
    """A parameter in words; None for what was not set."""
    if isinstance(value, dict):
        parts = ((name.replace("_", " "), _told(item)) for name, item in value.items())
        return ", ".join(f"{name} {_plain(item)}" for name, item in parts if item is not None) or None
    if isinstance(value, list):
        between = "; " if any(isinstance(item, dict) for item in value) else ", "
        return between.join(_plain(_told(item)) for item in value) or None
    return value


def _plain(value: Cell) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return format_number(value)


def _table(table: JsonObject) -> Table:
    rows = _objects(table, "rows")
    heads = [
        (_text(column, "name"), _text(column, "label"))
        for column in _objects(table, "columns")
        # A column in which no row says anything ("Remark" where all is well) only takes room.
        if any(row.get(_text(column, "name")) not in (None, "", False) for row in rows)
    ]
    return Table(
        title=_text(table, "title"),
        columns=tuple(_column(name, label, rows) for name, label in heads),
        rows=tuple(tuple(_cell(name, row.get(name)) for name, _ in heads) for row in rows),
        note="Shaded rows are small groups: read their figures with their intervals."
        if any(row.get(_SMALL) is True for row in rows)
        else "",
        flagged=frozenset(place for place, row in enumerate(rows) if row.get(_SMALL) is True),
    )


def _column(name: str, label: str, rows: list[JsonObject]) -> Column:
    values = [value for row in rows if (value := row.get(name)) is not None]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers:
        return Column(label=label)
    if name in _RATES:
        return Column(label=label, kind=ColumnKind.PERCENT)
    # One number of decimals down a column, unless it holds quantities of several kinds.
    alike = len(numbers) == len(values) and all(abs(number) < 10 for number in numbers)
    return Column(label=label, kind=ColumnKind.NUMBER, digits=4 if alike else None)


def _cell(name: str, value: JsonValue) -> Cell:
    if name == _SMALL and isinstance(value, bool):
        return _SMALL_MARK if value else ""
    if isinstance(value, dict | list):
        return _told(value)
    return value


def _figure(figure: JsonObject, figures: Mapping[str, bytes]) -> Figure:
    name = _text(figure, "name")
    content = figures.get(name)
    if content is None or hashlib.sha256(content).hexdigest() != figure.get("sha256"):
        raise DocumentError(
            f"The figure {name!r} is missing or is not the one that its record names; run the verification.",
            code="document_value",
        )
    title = _text(figure, "title")
    return Figure(title=f"{title}.", alt=_text(figure, "alt") or title, content=content)


def _text(given: Mapping[str, JsonValue], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise _malformed(name)
    return value


def _object(given: Mapping[str, JsonValue], name: str) -> JsonObject:
    value = given.get(name)
    if not isinstance(value, dict):
        raise _malformed(name)
    return value


def _objects(given: Mapping[str, JsonValue], name: str) -> list[JsonObject]:
    value = given.get(name)
    if not isinstance(value, list):
        raise _malformed(name)
    objects = [item for item in value if isinstance(item, dict)]
    if len(objects) != len(value):
        raise _malformed(name)
    return objects


def _malformed(name: str) -> DocumentError:
    return DocumentError(
        f"The evidence record lacks {name!r} or has it in another shape and cannot be printed; measure again.",
        code="document_value",
    )
