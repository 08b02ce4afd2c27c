"""Migrations as acts: a data migration, and a governed table that a migration drops or renames.

An act is a transaction and so is a migration: one of these operations a migration. Never run by the application's role.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from django.apps.registry import Apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from audits.trail.act import act, event
from audits.trail.actor import Actor
from audits.trail.capture import function_name, release_statements, snapshot_statement
from audits.trail.encoding import Column, UnsupportedColumn, identifier

_MIGRATION = Actor.system("migration", via="command")
Change = Callable[[Apps, BaseDatabaseSchemaEditor], None]


@event("audits.table.released")
@dataclass(frozen=True, kw_only=True)
class TableReleased:
    """Tables left the trail: each row's end is recorded. ``become`` names where the rows go on, if they do."""

    tables: list[str]
    become: list[str]
    rows: int


@event("audits.data.migrated")
@dataclass(frozen=True, kw_only=True)
class DataMigrated:
    """A migration changed rows."""

    migration: str


class MigrateData(Operation):
    """``RunPython`` within an act: ``MigrateData("registry.0007_regions", forwards, reason="...")``.

    The rows may be written in any way; what is written outside an act the database refuses.
    """

    reduces_to_sql = False

    def __init__(self, migration: str, forwards: Change, backwards: Change | None = None, *, reason: str) -> None:
        self.migration, self.forwards, self.backwards, self.reason = migration, forwards, backwards, reason

    @property
    def reversible(self) -> bool:  # type: ignore[override]  # Of each one, as Django's RunPython has it.
        return self.backwards is not None

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Rows only."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._run(self.forwards, schema_editor, from_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if self.backwards is None:
            raise IrreversibleError(f"{self.migration} says nothing of how to undo what it did to rows.")
        self._run(self.backwards, schema_editor, from_state)

    def _run(self, change: Change, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState) -> None:
        state.clear_delayed_apps_cache()
        with act(
            DataMigrated(migration=self.migration),
            actor=_MIGRATION,
            subject=f"migration:{self.migration}",
            reason=self.reason,
            using=schema_editor.connection.alias,
        ):
            change(state.apps, schema_editor)

    def describe(self) -> str:
        return f"Change rows in an act: {self.migration}"


class ReleaseTables(Operation):
    """Before a migration drops or renames governed tables: records the end of their rows, and takes off the triggers.

    Follow it by ``DeleteModel``, or by ``RenameModel`` or ``AlterModelTable`` with the new names in ``become``: then
    nothing writes to the table until the end of ``migrate``, which governs it under its new name and records its
    rows as they stand. A change of columns alone needs none of this.
    """

    reduces_to_sql = False
    reversible = False

    def __init__(self, *tables: str, reason: str, become: tuple[str, ...] = ()) -> None:
        self.tables, self.reason, self.become = tables, reason, become

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Triggers only."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        with schema_editor.connection.cursor() as cursor:
            for table in self.tables:
                cursor.execute(f"LOCK TABLE {identifier(table)}")
            recorded = {table: _recorded(cursor, table) for table in self.tables}
            with act(
                TableReleased(
                    tables=list(self.tables),
                    become=list(self.become),
                    rows=sum(_rows(cursor, table) for table in self.tables),
                ),
                actor=_MIGRATION,
                subject=f"table:{self.tables[0]}",
                reason=self.reason,
                using=schema_editor.connection.alias,
            ):
                for table, (key, columns) in recorded.items():
                    cursor.execute(snapshot_statement(table, key, columns, op="D"))
            for table in self.tables:
                for statement in release_statements(table, stays=bool(self.become)):
                    cursor.execute(statement)

    def describe(self) -> str:
        return f"Release from the trail: {', '.join(self.tables)}"


def _recorded(cursor: CursorWrapper, table: str) -> tuple[str, list[Column]]:
    """The table's key and columns as its triggers record them, whatever the models of today say."""
    cursor.execute("SELECT obj_description(to_regproc(%s), 'pg_proc')", [f"public.{function_name(table, 'I')}"])
    (shape,) = cursor.fetchone()
    if shape is None:
        raise UnsupportedColumn(f"Table {table} is not governed: there is nothing to release.")
    cursor.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
        " WHERE indrelid = to_regclass(%s) AND indisprimary",
        [f"public.{table}"],
    )
    (key,) = cursor.fetchone()
    columns = [
        Column(name=name, type=kind, personal=personal, hashed=hashed)
        for name, kind, personal, hashed in json.loads(shape)
    ]
    return key, columns


def _rows(cursor: CursorWrapper, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {identifier(table)}")
    (rows,) = cursor.fetchone()
    return int(rows)
