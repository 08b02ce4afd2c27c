"""Nobody but a superuser who switches triggers off can change, remove or forge what is recorded."""

import re
from itertools import product

import psycopg
import pytest

from audits.trail.governed import governed_tables
from audits.trail.installation import TRAIL_TABLES
from tests.audits.trail.occasions import OPEN
from tests.database import Database

VERBS = ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table} CASCADE")


ROLES = ("application", "owner", "superuser")
REFUSED = re.compile("is refused: what is recorded there stays|permission denied|must be owner")


def test_the_trails_tables_refuse_every_change_by_every_role(filled: Database, subtests: pytest.Subtests) -> None:
    filled.sequence()
    columns = {"audits_disclosure": "salt", "audits_checkpoint": "note", "audits_epoch": "started_at"} | dict.fromkeys(
        ("audits_cosignature", "audits_timestamp"), "size"
    )
    for role in ROLES:
        with getattr(filled, role)() as session:
            if role == "superuser":
                # The guards are ENABLE ALWAYS: this does not reach them.
                session.execute("SET session_replication_role = replica")
            for table, verb in product(TRAIL_TABLES, VERBS):
                statement = verb.format(table=table, column=columns.get(table, "epoch"))
                with subtests.test(role=role, statement=statement), pytest.raises(psycopg.Error, match=REFUSED):
                    session.execute(statement)


def test_no_governed_table_can_be_emptied(filled: Database, subtests: pytest.Subtests) -> None:
    for role in ROLES:
        with getattr(filled, role)() as session:
            for governed in governed_tables():
                with (
                    subtests.test(role=role, table=governed.table),
                    pytest.raises(psycopg.Error, match=REFUSED),
                ):
                    session.execute(f'TRUNCATE "{governed.table}" CASCADE')


WAYS_AROUND = (
    "INSERT INTO audits_act (epoch, xid, kind, actor, via, role, subject, reason, data)"
    " VALUES (1, '1', 'a.b.c', 'user:1', '', '', 'x', '', '{}')",
    "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff) VALUES (1, '1', 'audits_user', 'I', '1', '{}')",
    "INSERT INTO audits_disclosure VALUES ('a', '', '')",
    "INSERT INTO audits_epoch (system_identifier) VALUES ('1')",
    "SELECT audits_commit('text')",
    "SELECT audits_require_act('audits_user')",
    "SELECT setval('audits_change_n_seq', 1)",
    "ALTER TABLE audits_user DISABLE TRIGGER ALL",
    "ALTER TABLE audits_act DISABLE TRIGGER audits_refuse",
    "DROP TRIGGER audits_u ON audits_user",
    "SET session_replication_role = replica",
    "CREATE TABLE mine (i integer)",
    "CREATE SCHEMA mine",
    "CREATE OR REPLACE FUNCTION audits_require_act(tbl text) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "DROP TABLE audits_act",
    "SET ROLE postgres",
)


def test_the_applications_role_cannot_get_around_the_trail(database: Database, subtests: pytest.Subtests) -> None:
    with database.application() as session:
        for statement in WAYS_AROUND:
            with subtests.test(statement=statement), pytest.raises(psycopg.Error, match=REFUSED):
                session.execute(statement)


def test_rows_that_are_recorded_once_are_neither_updated_nor_deleted_even_in_an_act(
    filled: Database, subtests: pytest.Subtests
) -> None:
    for governed in governed_tables():
        if not governed.capture.append_only:
            continue
        for role, verb in product(("application", "owner"), ("update", "delete")):
            statement = (
                f'UPDATE "{governed.table}" SET "{governed.key}" = "{governed.key}"'
                if verb == "update"
                else f'DELETE FROM "{governed.table}"'
            )
            with (
                subtests.test(role=role, statement=statement),
                getattr(filled, role)() as session,
                pytest.raises(psycopg.Error, match=REFUSED),
                session.transaction(),
            ):
                session.execute(f"{OPEN if role == 'application' else 'SELECT 1'}; {statement}")
