"""A governed table is one ordinary table, as migrations make it: nothing is written past its triggers."""

import psycopg
import pytest
from django.core.checks import run_checks
from django.db import connections

from audits.trail.governed import governed_tables
from audits.trail.installation import columns_of, install
from audits.trail.plain_tables import NotPlainTable
from audits.trail.verification import Finding, verify
from audits.trail.verification.columns import columns_of_migrations
from tests.audits.trail.occasions import OPEN, changes
from tests.database import Database

# What is put into the place of, above or below a governed table; and what is said of it.
NOT_PLAIN = {
    "partitioned": (
        "ALTER TABLE audits_user_groups RENAME TO hidden;"
        " CREATE TABLE audits_user_groups (LIKE hidden) PARTITION BY LIST (group_id)",
        "is a partitioned table",
    ),
    "a partition": (
        "CREATE TABLE above (LIKE audits_user_groups) PARTITION BY LIST (group_id);"
        " ALTER TABLE audits_user_groups ALTER id DROP IDENTITY;"
        " ALTER TABLE above ATTACH PARTITION audits_user_groups DEFAULT",
        "belongs to public.above",
    ),
    "inherited from": ("CREATE TABLE below () INHERITS (audits_user_groups)", "has public.below below it"),
    "inheriting": (
        "CREATE TABLE above (LIKE audits_user_groups); ALTER TABLE audits_user_groups INHERIT above",
        "belongs to public.above",
    ),
    "a view": (
        "ALTER TABLE audits_user_groups RENAME TO hidden; CREATE VIEW audits_user_groups AS TABLE hidden",
        "is a view",
    ),
    "unlogged": ("ALTER TABLE audits_user_groups SET UNLOGGED", "is unlogged"),
    "secured by row": ("ALTER TABLE audits_user_groups ENABLE ROW LEVEL SECURITY", "has row security"),
}


def step7() -> list[Finding]:
    return list(verify().steps[6].findings)


@pytest.mark.parametrize("way", NOT_PLAIN)
def test_a_governed_table_that_is_written_past_its_triggers_is_refused_and_found(database: Database, way: str) -> None:
    statement, words = NOT_PLAIN[way]
    with database.owner() as owner:
        owner.execute(statement)
    with pytest.raises(NotPlainTable, match=words) as caught:
        install(connections["owner"])
    assert "keep the rows in one ordinary table" in caught.value.message
    said = [found.msg for found in run_checks(databases=["default"]) if found.id == "audits.E006"]
    assert [words in message for message in said] == [True]
    assert [found.message for found in step7() if found.code == "table_not_plain"] == said


def test_what_a_partition_takes_in_past_the_triggers_is_found_as_a_row_and_as_a_table(database: Database) -> None:
    with database.owner() as owner:
        owner.execute("CREATE TABLE above (id integer NOT NULL, name varchar(150) NOT NULL) PARTITION BY LIST (name)")
        owner.execute("ALTER TABLE auth_group ALTER id DROP IDENTITY")
        owner.execute("ALTER TABLE above ATTACH PARTITION auth_group DEFAULT")
        # No act, and no trigger asks for one.
        owner.execute("INSERT INTO above VALUES (77, 'smuggled')")
    assert changes() == []
    codes = {(found.table, found.code) for step in verify().steps for found in step.findings}
    assert {("auth_group", "row_extra"), ("auth_group", "table_not_plain")} <= codes


def test_the_application_makes_no_table_to_write_by(database: Database) -> None:
    with database.application() as session:
        for statement in (
            "CREATE TABLE below () INHERITS (auth_group)",
            "ALTER TABLE auth_group INHERIT auth_permission",
            "CREATE TEMPORARY TABLE below () INHERITS (auth_group)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)


def test_the_tables_have_the_columns_that_migrations_make(database: Database) -> None:
    with connections["default"].cursor() as cursor:
        for governed in governed_tables():
            there = {column.name: column.type for column in columns_of(cursor, governed.table, governed.capture)}
            assert there == {
                name: shape.type for name, shape in columns_of_migrations("default")[governed.table].items()
            }
    assert step7() == []


@pytest.mark.parametrize(
    ("statement", "code", "trail", "there"),
    [
        (
            "ALTER TABLE auth_group ALTER name TYPE text",
            "column_changed",
            "character varying(150) NOT NULL",
            "text NOT NULL",
        ),
        (
            "ALTER TABLE auth_group ALTER name DROP NOT NULL",
            "column_changed",
            "character varying(150) NOT NULL",
            "character varying(150)",
        ),
        ("ALTER TABLE auth_group ADD COLUMN hidden jsonb", "column_extra", None, "jsonb"),
        ("ALTER TABLE auth_group DROP COLUMN name CASCADE", "column_missing", "character varying(150) NOT NULL", None),
    ],
)
def test_a_column_that_no_migration_made_is_named(
    database: Database, statement: str, code: str, trail: str | None, there: str | None
) -> None:
    with database.owner() as owner:
        owner.execute(statement)
    found = [finding for finding in step7() if finding.code.startswith("column_")]
    assert [(finding.code, finding.table, finding.trail, finding.there) for finding in found] == [
        (code, "auth_group", trail, there)
    ]


def test_the_note_of_the_shape_is_compared_with_the_columns_and_not_believed(database: Database) -> None:
    with database.owner() as owner:
        owner.execute("COMMENT ON FUNCTION audits_capture_auth_group_i() IS '[]'")
    assert [(found.code, found.table) for found in step7()] == [("shape_changed", "auth_group")]


def test_an_act_reaches_no_row_below_a_governed_table(database: Database) -> None:
    with database.owner() as owner:
        owner.execute("CREATE TABLE below () INHERITS (auth_group)")
        with owner.transaction():
            owner.execute(OPEN)
            owner.execute("INSERT INTO below VALUES (78, 'beside')")
    assert changes() == []
    assert "table_not_plain" in {found.code for found in step7()}
