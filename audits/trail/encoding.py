"""How a column's value is written in the trail: SQL that yields canonical JSON text (RFC 8785), by type.

The same expressions serve the triggers and the check of the state, so both say the same of the same value.
Nothing here depends on the session's settings: time is UTC, floats in shortest form, bytes hexadecimal.
Numbers that JSON cannot hold exactly (64-bit, decimal, floating) are strings.
"""

from dataclasses import dataclass

from audits.errors import DomainError


class UnsupportedColumn(DomainError):
    """A governed table has a column of a type whose recording nobody has defined."""

    code = "unsupported_column"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column as the database has it; ``type`` is PostgreSQL's name (``format_type``)."""

    name: str
    type: str
    personal: bool = False
    hashed: bool = False


_TEXT = ("text", "character varying", "character(")
_ENUM = "enum "
# Types whose text follows no setting of the session.
_PLAIN = ("time without time zone", "time with time zone", "inet", "cidr", "macaddr")
_FLOATS = ("double precision", "real")
# Arrays are recorded as PostgreSQL writes them, bounds included, where no setting changes how it writes the elements.
_ELEMENTS = ("smallint", "integer", "bigint", "boolean", "uuid", "numeric", "character varying", "text")


def identifier(name: str) -> str:
    """The name quoted as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _json(column: Column, value: str) -> str:
    """SQL for the JSON text of a non-null ``value``."""
    kind = column.type
    if column.hashed:
        return f"""('"sha256:' || encode(sha256(convert_to({value}::text, 'UTF8')), 'hex') || '"')"""
    if kind in ("smallint", "integer", "boolean"):
        return f"{value}::text"
    if kind in ("bigint", "uuid", "double precision", "real") or kind.startswith("numeric"):
        return f"""('"' || {value}::text || '"')"""
    if kind.startswith(_TEXT) or kind in ("text[]", "date", "timestamp without time zone"):
        return f"to_json({value})::text"
    if kind in _PLAIN or kind.startswith(_ENUM) or _is_array(kind):
        return f"to_json({value}::text)::text"
    if kind.startswith("interval"):
        # Its three fields as ISO 8601 has them, whatever the session's IntervalStyle.
        months = f"EXTRACT(year FROM {value}) * 12 + EXTRACT(month FROM {value})"
        seconds = (
            f"EXTRACT(hour FROM {value}) * 3600 + EXTRACT(minute FROM {value}) * 60 + EXTRACT(second FROM {value})"
        )
        fields = f"'P' || {months} || 'M' || EXTRACT(day FROM {value}) || 'DT' || {seconds} || 'S'"
        return f"""('"' || CASE WHEN isfinite({value}) THEN {fields} ELSE {value}::text END || '"')"""
    if kind == "timestamp with time zone":
        return f"""('"' || trim('"' from to_json({value} AT TIME ZONE 'UTC')::text) || 'Z"')"""
    if kind == "bytea":
        return f"""('"' || encode({value}, 'hex') || '"')"""
    if kind in ("jsonb", "json"):
        # The text, not the document: numbers keep every digit, and SQL null stays apart from JSON null.
        return f"to_json({value}::text)::text"
    raise UnsupportedColumn(
        f"Column {column.name} has type {kind}, which the trail cannot record yet: add it to audits/trail/encoding.py."
        " Arrays of dates, times and floats, ranges and money are read differently by different sessions."
    )


def recorded(column: Column, alias: str) -> str:
    """SQL for what the trail holds of ``alias``'s column: JSON text, ``null`` for SQL's null.

    A personal column yields a fresh commitment at each call; see :func:`disclosed` for reading one.
    """
    value = f"{alias}.{identifier(column.name)}"
    if column.personal:
        inner = f"""('{{"committed":"' || public.audits_commit({value}::text) || '"}}')"""
    else:
        inner = _json(column, value)
    return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {inner} END"


def disclosed(column: Column, alias: str) -> str:
    """SQL for the column as the check of the state reads it: as recorded, but personal text in the clear."""
    value = f"{alias}.{identifier(column.name)}"
    inner = f"to_json({value}::text)::text" if column.personal else _json(column, value)
    return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {inner} END"


def differs(column: Column) -> str:
    """SQL that is true where the new value is another than the old: bytes for text, digits for decimals."""
    new, old = f"n.{identifier(column.name)}", f"o.{identifier(column.name)}"
    if column.type.startswith("interval"):
        # A month equals thirty days, and is not the same.
        return f"{_json(column, new)} IS DISTINCT FROM {_json(column, old)}"
    if (
        column.type in ("jsonb", "json", *_FLOATS, *_PLAIN)
        or column.type.startswith("numeric")
        or _is_array(column.type)
    ):
        return f"{new}::text IS DISTINCT FROM {old}::text"
    if column.type.startswith(_TEXT):
        return f'{new} COLLATE "C" IS DISTINCT FROM {old} COLLATE "C"'
    return f"{new} IS DISTINCT FROM {old}"


def pins(columns: list[Column]) -> list[str]:
    """The settings that a function pins for these expressions to say the same in every session, as it spells them."""
    as_text = {column.type for column in columns if column.personal or column.hashed}
    found = []
    if any(column.type in _FLOATS for column in columns):
        found.append("extra_float_digits=1")
    if any(kind.startswith(("date", "timestamp")) for kind in as_text):
        found.append("DateStyle=iso")
    if any(kind.startswith("timestamp with") for kind in as_text):
        found.append("TimeZone=utc")
    if any(kind.startswith("interval") for kind in as_text):
        found.append("IntervalStyle=iso_8601")
    if "bytea" in as_text:
        found.append("bytea_output=hex")
    return found


def _is_array(kind: str) -> bool:
    return kind.endswith("[]") and kind.startswith(_ELEMENTS) and kind != "text[]"


def object_of(columns: list[Column], alias: str, *, clear: bool = False) -> str:
    """SQL for the row as one JSON object, names in code-unit order."""
    how = disclosed if clear else recorded
    members = " || ',' || ".join(
        f"{literal(_name(column) + ':')} || {how(column, alias)}" for column in sorted_columns(columns)
    )
    return f"'{{' || {members} || '}}'"


def difference_of(columns: list[Column]) -> str:
    """SQL for the JSON object of changed columns: ``[before, after]``, or a personal one's commitment."""
    members = ", ".join(
        f"CASE WHEN {differs(column)} THEN {literal(_name(column) + ':')} || {_pair(column)} END"
        for column in sorted_columns(columns)
    )
    return f"'{{' || concat_ws(',', {members}) || '}}'"


def _pair(column: Column) -> str:
    if column.personal:
        return recorded(column, "n")
    return f"'[' || {recorded(column, 'o')} || ',' || {recorded(column, 'n')} || ']'"


def sorted_columns(columns: list[Column]) -> list[Column]:
    for column in columns:
        if not column.name.isascii() or '"' in column.name or "\\" in column.name:
            raise UnsupportedColumn(f"Column {column.name!r} must have a plain ASCII name to be recorded.")
    return sorted(columns, key=lambda column: column.name)


def _name(column: Column) -> str:
    return f'"{column.name}"'
