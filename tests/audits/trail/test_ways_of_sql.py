"""Whatever statement PostgreSQL has for writing, and whatever a foreign key does of itself: each row is recorded."""

import json

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from audits.models import Act, Capture
from audits.trail.capture import install_statements
from audits.trail.encoding import Column
from tests.audits.trail.occasions import OPEN, Change, changes, some_act
from tests.database import Connection, Database

# Statement by statement, beginning with groups a and b; then what the trail has of it: operation, and names.
STATEMENTS: dict[str, tuple[str, list[tuple[str, object]]]] = {
    "on conflict do update": (
        "INSERT INTO auth_group (name) VALUES ('a'), ('new')"
        " ON CONFLICT (name) DO UPDATE SET name = excluded.name || '+'",
        [("I", "new"), ("U", ["a", "a+"])],
    ),
    "on conflict do nothing": (
        "INSERT INTO auth_group (name) VALUES ('a'), ('new') ON CONFLICT DO NOTHING",
        [("I", "new")],
    ),
    "merge": (
        "MERGE INTO auth_group g USING (VALUES ('a'), ('b'), ('new')) v (name) ON g.name = v.name"
        " WHEN MATCHED AND v.name = 'a' THEN UPDATE SET name = 'merged' WHEN MATCHED THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT (name) VALUES (v.name)",
        [("I", "new"), ("U", ["a", "merged"]), ("D", "b")],
    ),
    "update from": (
        "UPDATE auth_group g SET name = v.name FROM (VALUES ('a', 'other')) v (old, name) WHERE g.name = v.old",
        [("U", ["a", "other"])],
    ),
    "delete using": (
        "DELETE FROM auth_group g USING (VALUES ('a'), ('b')) v (name) WHERE g.name = v.name",
        [("D", "a"), ("D", "b")],
    ),
    "writing in a WITH": (
        "WITH gone AS (DELETE FROM auth_group WHERE name = 'a' RETURNING name)"
        " INSERT INTO auth_group (name) SELECT name || ' again' FROM gone",
        [("D", "a"), ("I", "a again")],
    ),
    "insert from select": (
        "INSERT INTO auth_group (name) SELECT name || '2' FROM auth_group",
        [("I", "a2"), ("I", "b2")],
    ),
    "in a function": (
        "DO $$ BEGIN UPDATE auth_group SET name = 'from a block' WHERE name = 'b'; END $$",
        [("U", ["b", "from a block"])],
    ),
    "prepared": (
        "PREPARE p AS UPDATE auth_group SET name = name || $1 WHERE name = 'a'; EXECUTE p('!')",
        [("U", ["a", "a!"])],
    ),
}


def _said(found: list[Change]) -> list[tuple[str, object]]:
    return sorted(((change.op, json.loads(change.diff)["name"]) for change in found), key=str)


@pytest.fixture
def groups(database: Database) -> int:
    """Groups a and b; the number of changes so far."""
    with some_act():
        Group.objects.bulk_create([Group(name="a"), Group(name="b")])
    return len(changes())


@pytest.mark.parametrize("way", STATEMENTS)
def test_it_records_each_row_of_every_statement_that_writes(database: Database, groups: int, way: str) -> None:
    statement, said = STATEMENTS[way]
    with database.application() as session, session.transaction():
        session.execute(OPEN)
        session.execute(statement)
    assert _said(changes()[groups:]) == sorted(said, key=str)
    assert {change.table for change in changes()} == {"auth_group"}


@pytest.mark.parametrize("way", STATEMENTS)
def test_it_refuses_every_statement_that_writes_outside_an_act(database: Database, groups: int, way: str) -> None:
    with database.application() as session, pytest.raises(psycopg.Error, match="outside an act"):
        session.execute(STATEMENTS[way][0])
    assert sorted(Group.objects.values_list("name", flat=True)) == ["a", "b"]
    assert len(changes()) == groups


def test_it_records_what_is_copied_in_and_refuses_a_copy_outside_an_act(database: Database) -> None:
    with database.application() as session:
        with session.transaction():
            session.execute(OPEN)
            with session.cursor() as cursor, cursor.copy("COPY auth_group (name) FROM STDIN") as copy:
                for name in ("a", "b", "c"):
                    copy.write_row([name])
        with pytest.raises(psycopg.Error, match="outside an act"), session.cursor() as cursor:
            _copy(cursor)
    assert _said(changes()) == [("I", "a"), ("I", "b"), ("I", "c")]


def _copy(cursor: "psycopg.Cursor[tuple[object, ...]]") -> None:
    with cursor.copy("COPY auth_group (name) FROM STDIN") as copy:
        copy.write_row(["late"])


def _family(owner: Connection) -> None:
    """Governed tables whose foreign keys write by themselves."""
    owner.execute("CREATE TABLE parent (id integer PRIMARY KEY)")
    owner.execute("CREATE TABLE child (id integer PRIMARY KEY, of integer REFERENCES parent ON DELETE CASCADE)")
    owner.execute("CREATE TABLE friend (id integer PRIMARY KEY, of integer REFERENCES parent ON DELETE SET NULL)")
    number, of = Column(name="id", type="integer"), Column(name="of", type="integer")
    for table, columns in {"parent": [number], "child": [number, of], "friend": [number, of]}.items():
        for statement in install_statements(table, "id", columns, Capture()):
            owner.execute(statement)
    with owner.transaction():
        owner.execute(OPEN)
        owner.execute("INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 1), (3, 1)")
        owner.execute("INSERT INTO friend VALUES (4, 1)")


def test_what_foreign_keys_remove_and_empty_by_themselves_is_recorded_row_by_row(database: Database) -> None:
    with database.owner() as owner:
        _family(owner)
        before = len(changes())
        with pytest.raises(psycopg.Error, match="outside an act"):
            owner.execute("DELETE FROM parent")
        with owner.transaction():
            owner.execute(OPEN)
            owner.execute("DELETE FROM parent")
    assert sorted((change.table, change.op, change.key, change.diff) for change in changes()[before:]) == [
        ("child", "D", "2", '{"id":2,"of":1}'),
        ("child", "D", "3", '{"id":3,"of":1}'),
        ("friend", "U", "4", '{"of":[1,null]}'),
        ("parent", "D", "1", '{"id":1}'),
    ]


def test_a_replica_is_recorded_and_refused_as_anybody_else_and_the_application_cannot_be_one(
    database: Database,
) -> None:
    with database.application() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("SET session_replication_role = replica")
    with database.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.Error, match="outside an act"):
            superuser.execute("INSERT INTO auth_group (name) VALUES ('replicated')")
        with superuser.transaction():
            superuser.execute(OPEN)
            superuser.execute("INSERT INTO auth_group (name) VALUES ('replicated')")
            superuser.execute("UPDATE auth_group SET name = 'twice'")
            superuser.execute("DELETE FROM auth_group")
    assert [change.op for change in changes()] == ["I", "U", "D"]


def test_acts_that_follow_each_other_on_one_connection_are_each_their_own(database: Database) -> None:
    with database.application() as session:
        for name in ("one", "two"):
            with session.transaction():
                session.execute(OPEN)
                session.execute("INSERT INTO auth_group (name) VALUES (%s)", [name])
            with pytest.raises(psycopg.Error, match="outside an act"):
                session.execute("DELETE FROM auth_group")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        before = cursor.fetchone()
    for name in ("three", "four"):
        with some_act(subject=f"test:{name}"):
            Group.objects.create(name=name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == before
        cursor.execute("SELECT a.subject, c.diff FROM audits_act a JOIN audits_change c USING (epoch, xid) ORDER BY n")
        recorded = [(subject, json.loads(diff)["name"]) for subject, diff in cursor.fetchall()]
    assert recorded == [
        ("test:thing", "one"),
        ("test:thing", "two"),
        ("test:three", "three"),
        ("test:four", "four"),
    ]


def test_after_a_savepoint_that_took_its_act_with_it_another_act_may_be_opened(database: Database) -> None:
    with database.application() as session, session.transaction():
        session.execute(f"SAVEPOINT s; {OPEN}; INSERT INTO auth_group (name) VALUES ('dropped')")
        session.execute("ROLLBACK TO SAVEPOINT s")
        session.execute(OPEN)
        session.execute("INSERT INTO auth_group (name) VALUES ('kept')")
    assert _said(changes()) == [("I", "kept")]
    with transaction.atomic():
        with transaction.atomic():
            with some_act():
                Group.objects.create(name="dropped as well")
            transaction.set_rollback(True)
        with some_act():
            Group.objects.create(name="kept as well")
    assert _said(changes()) == [("I", "kept as well"), ("I", "kept")]
    assert Act.objects.count() == 2
