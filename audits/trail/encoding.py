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
    if kind.startswith(_TEXT) or kind == "text[]":
        return f"to_json({value})::text"
    if kind == "timestamp with time zone":
        return f"""('"' || trim('"' from to_json({value} AT TIME ZONE 'UTC')::text) || 'Z"')"""
    if kind == "date":
        return f"to_json({value})::text"
    if kind == "bytea":
        return f"""('"' || encode({value}, 'hex') || '"')"""
    if kind == "jsonb":
        # The text, not the document: numbers keep every digit, and SQL null stays apart from JSON null.
        return f"to_json({value}::text)::text"
    raise UnsupportedColumn(
        f"Column {column.name} has type {kind}, which the trail cannot record yet: add it to audits/trail/encoding.py."
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
    if column.type == "jsonb" or column.type.startswith("numeric") or column.type in ("double precision", "real"):
        return f"{new}::text IS DISTINCT FROM {old}::text"
    if column.type.startswith(_TEXT):
        return f'{new} COLLATE "C" IS DISTINCT FROM {old} COLLATE "C"'
    return f"{new} IS DISTINCT FROM {old}"


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
