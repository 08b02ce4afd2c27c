"""What migrations do to rows and to governed tables is in the trail as acts, and the state still is its fold."""

import pytest
from django.apps.registry import Apps
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from audits.models import Act, Capture
from audits.trail import capture, installation
from audits.trail.governed import GovernedTable
from audits.trail.migrating import MigrateData, ReleaseTables
from audits.trail.verification import verify
from tests.audits.trail.occasions import changes, some_act
from tests.database import Database


def _run(operation: Operation) -> None:
    connection = connections["owner"]
    state: ProjectState = MigrationExecutor(connection).loader.project_state()
    with connection.schema_editor(atomic=True) as editor:
        operation.database_forwards("audits", editor, state, state)


def _governed_by_hand(name: str) -> GovernedTable:
    return GovernedTable(label=f"audits.{name}", table=name, key="id", capture=Capture())


def test_a_data_migration_is_an_act_with_a_reason(database: Database) -> None:
    with some_act():
        Group.objects.create(name="readers")

    def forwards(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
        apps.get_model("auth", "Group").objects.using(editor.connection.alias).update(name="auditors")

    _run(MigrateData("audits.0099_names", forwards, reason="Readers are called auditors."))
    assert changes()[-1].diff == '{"name":["readers","auditors"]}'
    made = Act.objects.order_by("at").last()
    assert made is not None
    assert (made.kind, made.actor, made.subject) == (
        "audits.data.migrated",
        "system:migration",
        "migration:audits.0099_names",
    )


def test_a_migration_that_writes_around_an_act_is_refused(database: Database) -> None:
    with connections["owner"].cursor() as cursor, pytest.raises(DatabaseError, match="outside an act"):
        cursor.execute("INSERT INTO auth_group (name) VALUES ('quiet')")


@pytest.mark.slow
def test_dropping_a_governed_table_records_the_end_of_its_rows(database: Database) -> None:
    _table_once_governed(database)
    assert _findings(database) == ["not_governed"]
    _run(ReleaseTables("thing", reason="Things are no longer kept."))
    with database.owner() as owner:
        owner.execute("DROP TABLE thing")
    assert [(change.table, change.op, change.diff) for change in changes()[-2:]] == [
        ("thing", "D", '{"id":1,"name":"one"}'),
        ("thing", "D", '{"id":2,"name":"two"}'),
    ]
    assert _findings(database) == []


@pytest.mark.slow
def test_renaming_ends_the_rows_under_one_name_and_nothing_writes_until_they_begin_under_the_other(
    database: Database,
) -> None:
    _table_once_governed(database)
    _run(ReleaseTables("thing", become=("item",), reason="Things are called items."))
    with database.owner() as owner:
        owner.execute("ALTER TABLE thing RENAME TO item")
        with pytest.raises(Exception, match="is refused"):
            owner.execute("INSERT INTO item VALUES (3, 'three')")
    installation._install_table(connections["owner"], _governed_by_hand("item"))
    assert [(change.table, change.op, change.key) for change in changes()[-4:]] == [
        ("thing", "D", "1"),
        ("thing", "D", "2"),
        ("item", "S", "1"),
        ("item", "S", "2"),
    ]


def _table_once_governed(database: Database) -> None:
    with database.owner() as owner:
        owner.execute("CREATE TABLE thing (id integer PRIMARY KEY, name text)")
    installation._install_table(connections["owner"], _governed_by_hand("thing"))
    with database.owner() as owner, owner.transaction():
        owner.execute("SELECT audits_open_act('tests.thing.done', 'user:1', 'sql', 'test:thing', '', '{}')")
        owner.execute("INSERT INTO thing VALUES (1, 'one'), (2, 'two')")
    assert capture.function_name("thing", "I")


def _findings(database: Database) -> list[str]:
    database.sequence()
    codes = {finding.code for step in verify().steps for finding in step.findings}
    return sorted(codes & {"not_governed", "row_missing", "row_extra", "field_differs"})
