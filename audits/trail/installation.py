"""Puts the governed tables under the trail after every migration, as the owner of the tables.

Installs triggers, takes a snapshot of rows that stood there before (or whose columns changed), notes a new
database cluster, and grants the application's role what it needs and no more. Never run by the application's
role.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from audits.models.governed import Capture
from audits.trail.act import act, event
from audits.trail.actor import Actor
from audits.trail.capture import function_name, install_statements, snapshot_statement
from audits.trail.encoding import Column, identifier, literal
from audits.trail.governed import GovernedTable, governed_tables
from audits.trail.plain_tables import refuse_unless_plain

TRAIL_TABLES = (
    "audits_epoch",
    "audits_act",
    "audits_change",
    "audits_disclosure",
    "audits_entry",
    "audits_checkpoint",
    "audits_cosignature",
    "audits_timestamp",
)
OPEN_ACT = "audits_open_act(text, text, text, text, text, text)"
# What the application's role may call: it writes to the trail in no other way.
CALLED_BY_APPLICATION = (
    OPEN_ACT,
    "audits_append(integer)",
    "audits_keep_checkpoint(bigint, bytea, text)",
    "audits_keep_cosignature(bigint, text, text)",
    "audits_keep_timestamp(bigint, text, bytea)",
    "audits_erase(text[])",
    "audits_erase_row(text, text, text[])",
    "audits_index_words(integer)",
)
# Derived from the log and made anew at any time: written by the owner's functions only.
DERIVED_TABLES = ("audits_search", "audits_search_text")
# How far the log has come: written by the owner's function only.
PROGRESS_TABLES = ("audits_progress", "audits_queue")
# Each sequence with the table whose column it numbers.
SEQUENCES = """
SELECT s.relname, c.relname FROM pg_class s
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
JOIN pg_class c ON c.oid = d.refobjid
WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace ORDER BY s.relname
"""


@event("audits.table.governed")
@dataclass(frozen=True, kw_only=True)
class TableGoverned:
    """A table came under the trail, or its columns changed: its rows are recorded as they stand."""

    table: str
    rows: int


def after_migrate(sender: object, using: str, **_: object) -> None:
    """Receiver of Django's post_migrate."""
    install(connections[using])


def install(connection: BaseDatabaseWrapper, *, application_role: str | None = None) -> None:
    """Install or refresh everything; safe to run again, and to be killed at any point of."""
    from django.conf import settings

    role = application_role or settings.COUNTERSIGN_APPLICATION_ROLE
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audits_epoch (system_identifier)"
            " SELECT system_identifier::text FROM pg_control_system() c"
            " WHERE c.system_identifier::text IS DISTINCT FROM"
            " (SELECT e.system_identifier FROM audits_epoch e ORDER BY number DESC LIMIT 1)"
        )
    for governed in governed_tables():
        _install_table(connection, governed)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in _grants(cursor, role):
            cursor.execute(statement)


def columns_of(cursor: CursorWrapper, table: str, capture: Capture) -> list[Column]:
    """The table's columns as the database has them, a domain's by the type beneath it.

    Virtual columns are computed, not recorded.
    """
    cursor.execute(
        "SELECT attname, CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod)"
        " WHEN 'e' THEN 'enum ' || typname ELSE format_type(atttypid, atttypmod) END"
        " FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated <> 'v'"
        " ORDER BY attnum",
        [f"public.{table}"],
    )
    return [
        Column(
            name=name,
            type=kind,
            personal=name in capture.personal,
            hashed=name in capture.secret or name in capture.digested,
        )
        for name, kind in cursor.fetchall()
    ]


def shape_of(columns: list[Column]) -> str:
    """The columns as the comment on the table's capture function keeps them."""
    return json.dumps([[c.name, c.type, c.personal, c.hashed] for c in columns])


def rows_of(cursor: CursorWrapper, query: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run the query and give all its rows."""
    cursor.execute(query, params)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _install_table(connection: BaseDatabaseWrapper, governed: GovernedTable) -> None:
    """Triggers and snapshot in one transaction: its locks keep writers out, and a kill leaves neither."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        columns = columns_of(cursor, governed.table, governed.capture)
        if not columns:
            return  # Its migration has not run yet.
        refuse_unless_plain(partial(rows_of, cursor), governed.table)
        shape = shape_of(columns)
        name = function_name(governed.table, "I")
        cursor.execute("SELECT obj_description(to_regproc(%s), 'pg_proc')", [f"public.{name}"])
        (before,) = cursor.fetchone()
        for statement in install_statements(governed.table, governed.key, columns, governed.capture):
            cursor.execute(statement)
        cursor.execute(f"COMMENT ON FUNCTION public.{identifier(name)}() IS {literal(shape)}")
        if before == shape:
            return
        cursor.execute(f"SELECT count(*) FROM {identifier(governed.table)}")
        (rows,) = cursor.fetchone()
        if not rows:
            return
        with act(
            TableGoverned(table=governed.table, rows=rows),
            actor=Actor.system("migration", via="command"),
            subject=f"table:{governed.table}",
            using=connection.alias,
        ):
            cursor.execute(snapshot_statement(governed.table, governed.key, columns))


def _grants(cursor: CursorWrapper, role: str) -> list[str]:
    cursor.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
        " AND pg_get_userbyid(c.relowner) = current_user"
    )
    tables = [name for (name,) in cursor.fetchall()]
    to = identifier(role)
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {to}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {to}",
        f"REVOKE ALL ON ALL ROUTINES IN SCHEMA public FROM {to}",
    ]
    statements += [f"GRANT EXECUTE ON FUNCTION {function} TO {to}" for function in CALLED_BY_APPLICATION]
    statements += [f"GRANT {', '.join(rights_of(table))} ON {identifier(table)} TO {to}" for table in sorted(tables)]
    cursor.execute(SEQUENCES)
    statements += [
        f"GRANT USAGE ON SEQUENCE {identifier(sequence)} TO {to}"
        for sequence, table in cursor.fetchall()
        if table in tables and "INSERT" in rights_of(table)
    ]
    return statements


def rights_of(table: str) -> tuple[str, ...]:
    """What the application's role may do with a table, and nothing else."""
    captures = {governed.table: governed.capture for governed in governed_tables()}
    if table == "django_migrations" or table in (*TRAIL_TABLES, *DERIVED_TABLES, *PROGRESS_TABLES):
        return ("SELECT",)
    if table in captures and captures[table].append_only:
        return ("SELECT", "INSERT")
    return ("SELECT", "INSERT", "UPDATE", "DELETE")
