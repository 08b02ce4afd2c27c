"""Step 7, part three: the tables are ordinary ones, with the columns that Countersign's migrations make.

Compared are each column's name, type and NOT NULL, with what the migrations of the code that runs add up to (never with
what the database says of itself); and the note of when the triggers were installed, with the columns. Defaults, indexes
and other constraints of governed tables are not compared: what they let in is in the trail like any other change.
"""

import re
from dataclasses import dataclass
from functools import cache

from django.db import connections
from django.db.migrations.loader import MigrationLoader

from audits.trail.capture import function_name
from audits.trail.encoding import Column
from audits.trail.governed import GovernedTable
from audits.trail.installation import shape_of
from audits.trail.plain_tables import oddities
from audits.trail.verification.matter import Matter
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

# Django's names for types where PostgreSQL's own are others.
_SPELLED = ((r"^varchar\b", "character varying"), (r"^char\b", "character"), (r"^(big|small)serial$", r"\1int"))
_NAMES = {"serial": "integer", "bigint": "bigint", "smallint": "smallint"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One column: PostgreSQL's name of its type, and whether it may be null."""

    type: str
    null: bool

    def __str__(self) -> str:
        return self.type if self.null else f"{self.type} NOT NULL"


def check_plain(reader: Reader, findings: Findings, tables: list[str]) -> None:
    for oddity in oddities(reader.rows, tables):
        findings.add("table_not_plain", str(oddity), table=oddity.table, key=oddity.other, field=oddity.what)
    findings.checked += len(tables)


def check_columns(matter: Matter, findings: Findings) -> None:
    made, there = columns_of_migrations(matter.using), _columns_there(matter.reader)
    for governed, columns in matter.governed():
        if not columns:
            continue  # Step 5 says so.
        wanted, found = made.get(governed.table, {}), there.get(governed.table, {})
        for name in sorted(wanted.keys() | found.keys()):
            trail, is_there = wanted.get(name), found.get(name)
            if trail != is_there:
                code = "missing" if is_there is None else "extra" if trail is None else "changed"
                findings.add(
                    f"column_{code}",
                    f"Column {name} of {governed.table} is not as Countersign's migrations make it.",
                    table=governed.table,
                    key=name,
                    trail=None if trail is None else str(trail),
                    there=None if is_there is None else str(is_there),
                )
        findings.checked += len(wanted)
        _check_note(matter.reader, findings, governed, columns)


@cache
def columns_of_migrations(using: str) -> dict[str, dict[str, Shape]]:
    """What the migrations make of each table, by table and column."""
    connection = connections[using]
    # Without the database: which migrations it says have run is what it says of itself.
    made = MigrationLoader(None).project_state().apps
    return {
        model._meta.db_table: {
            field.column: Shape(type=_spelled(kind), null=field.null)
            for field in model._meta.local_concrete_fields
            if field.column is not None and (kind := field.db_type(connection)) is not None
        }
        for model in made.get_models(include_auto_created=True)
    }


def _spelled(kind: str) -> str:
    """As ``format_type`` writes it."""
    for pattern, replacement in _SPELLED:
        kind = re.sub(pattern, replacement, kind)
    return _NAMES.get(kind, re.sub(r", ", ",", kind))


def _columns_there(reader: Reader) -> dict[str, dict[str, Shape]]:
    found: dict[str, dict[str, Shape]] = {}
    for table, name, kind, required in reader.rows(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.attgenerated <> 'v'"
    ):
        found.setdefault(table, {})[name] = Shape(type=kind, null=not required)
    return found


def _check_note(reader: Reader, findings: Findings, governed: GovernedTable, columns: list[Column]) -> None:
    """Installing anew, and a migration that releases the table, go by this note."""
    name = function_name(governed.table, "I")
    [(note,)] = reader.rows("SELECT obj_description(to_regproc(%s), 'pg_proc')", [f"public.{name}"])
    if note != shape_of(columns):
        findings.add(
            "shape_changed",
            f"The columns of {governed.table} are not those for which its triggers were installed.",
            table=governed.table,
            key=name,
            trail=note,
            there=shape_of(columns),
        )
