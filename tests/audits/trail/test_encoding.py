"""What the trail writes of a value is canonical JSON, loses nothing, and depends on no session's settings."""

import hashlib
import json
from dataclasses import replace

import pytest
import rfc8785
from django.db import connections

from audits.models import Capture
from audits.trail.capture import configuration, function_name, install_statements, state_query
from audits.trail.encoding import Column, UnsupportedColumn, recorded
from audits.trail.installation import columns_of
from audits.trail.verification.reading import frozen_view
from tests.audits.trail.occasions import OPEN, changes
from tests.database import Connection, Database

# Type, then values as SQL; each value must come out different from all the others of its type.
VALUES: dict[str, list[str]] = {
    "smallint": ["0", "-32768", "32767"],
    "integer": ["0", "-2147483648", "2147483647"],
    "bigint": ["0", "9007199254740993", "-9223372036854775808"],
    "boolean": ["true", "false"],
    "text": [
        "''",
        "'null'",
        "E'\\b\\t\\n\\f\\r\\x01\\x1f\\x7f'",
        "'\"\\/'",
        "'é'",
        "'e' || chr(769)",
        "chr(8232) || chr(8233) || chr(57344) || chr(128512)",
        '\'{"committed":"x"}\'',
    ],
    "character varying(20)": ["'a'", "'a '", "''"],
    "character(3)": ["'a'", "'ab'"],
    "numeric": ["1", "1.5", "1.50", "-0.000001", "123456789012345678901234567890.123", "'NaN'", "'Infinity'"],
    "numeric(6,2)": ["1.5", "-1.50", "0"],
    "double precision": ["0", "'-0'", "0.1::float8 + 0.2", "0.3", "1e21", "5e-324", "'NaN'", "'-Infinity'"],
    "real": ["0.1", "3.4e38"],
    "date": ["'2024-02-29'", "'0001-01-01 BC'", "'infinity'"],
    "timestamp with time zone": [
        "'2024-03-31 01:30:00+01'",
        "'2024-03-31 01:30:00.000001+01'",
        "'1890-01-01 12:00+00'",
        "'infinity'",
        "'0044-03-15 12:00+00 BC'",
    ],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-4fff-bfff-ffffffffffff'"],
    "bytea": ["'\\x'", "'\\x00ff5c'"],
    "jsonb": ["'null'", "'1'", "'1.0'", "'1e2'", '\'{"b":1,"aa":[null,"é\\\\n"]}\'', "'\"null\"'", "'{}'"],
    "json": ["'null'", "'1'", "'1.0'", '\'{"b":1, "b":2}\'', '\'{"b":1,"b":2}\''],
    "time without time zone": ["'00:00'", "'23:59:59.999999'", "'24:00'"],
    "time with time zone": ["'12:00+00'", "'13:00+01'"],
    "timestamp without time zone": ["'2024-02-29 12:00'", "'0044-03-15 12:00 BC'", "'-infinity'"],
    "interval": ["'1 month'", "'30 days'", "'720 hours'", "'-1 year 2 days -3.000001 sec'", "'0'"],
    "inet": ["'10.0.0.1'", "'10.0.0.1/8'", "'::1'"],
    "integer[]": ["'{}'", "'{1,2}'", "'[0:1]={1,2}'", "'{{1,2},{3,4}}'", "'{NULL}'"],
    "numeric[]": ["'{1.5}'", "'{1.50}'"],
    "character varying(5)[]": ["'{a,\"b,c\"}'", "'{NULL,\"NULL\"}'"],
    "text[]": ["'{}'", "'{a,b}'", "ARRAY['a,b']", "ARRAY['a', NULL]", "ARRAY['\"', 'é']"],
}
SETTINGS = (
    ("TimeZone", "UTC"),
    ("TimeZone", "Asia/Kathmandu"),
    ("TimeZone", "America/St_Johns"),
    ("DateStyle", "SQL, DMY"),
    ("DateStyle", "German"),
    ("extra_float_digits", "-15"),
    ("bytea_output", "escape"),
    ("IntervalStyle", "sql_standard"),
    ("search_path", "pg_temp, public"),
)


TABLES = {kind: f"thing_{number}" for number, kind in enumerate(VALUES)}


def _columns(kind: str) -> list[Column]:
    return [Column(name="id", type="integer"), Column(name="v", type=kind)]


def _governed_tables(owner: Connection) -> None:
    for kind, table in TABLES.items():
        owner.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, v {kind})")
        for statement in install_statements(table, "id", _columns(kind), Capture()):
            owner.execute(statement)


def test_every_value_is_recorded_canonically_apart_from_others_and_alike_in_every_session(
    database: Database, subtests: pytest.Subtests
) -> None:
    with database.owner() as owner:
        _governed_tables(owner)
        for name, setting in SETTINGS:
            owner.execute("RESET ALL")
            owner.execute(f"SET {name} = {setting if name == 'search_path' else repr(setting)}")
            with owner.transaction():
                owner.execute(OPEN)
                for kind, table in TABLES.items():
                    owner.execute(f"DELETE FROM public.{table}")
                    for number, value in enumerate(["NULL", *VALUES[kind]]):
                        owner.execute(f"INSERT INTO public.{table} VALUES ({number}, ({value})::{kind})")
        owner.execute("RESET ALL")
        owner.execute("SET extra_float_digits = 1")
        for kind, table in TABLES.items():
            with subtests.test(kind=kind):
                _check_records(owner, kind, table)


def _check_records(owner: Connection, kind: str, table: str) -> None:
    rows = owner.execute(
        "SELECT key, diff FROM audits_change WHERE op = 'I' AND tbl = %s ORDER BY n", [table]
    ).fetchall()
    texts: dict[str, set[str]] = {}
    for key, diff in rows:
        assert rfc8785.dumps(json.loads(str(diff))) == str(diff).encode()
        texts.setdefault(str(key), set()).add(str(diff))
    assert all(len(found) == 1 for found in texts.values()), "a session's settings show in the trail"
    state = {str(key): str(row) for key, row in owner.execute(state_query(table, "id", _columns(kind))).fetchall()}
    assert {key: found.pop() for key, found in texts.items()} == state
    assert len({json.dumps(json.loads(text)["v"]) for text in state.values()}) == len(VALUES[kind]) + 1


def test_every_step_from_one_value_to_the_next_is_a_difference(database: Database, subtests: pytest.Subtests) -> None:
    with database.owner() as owner:
        _governed_tables(owner)
        for kind, table in TABLES.items():
            with subtests.test(kind=kind):
                steps = [*VALUES[kind], "NULL"]
                with owner.transaction():
                    owner.execute(OPEN)
                    owner.execute(f"INSERT INTO {table} (id) VALUES (1)")
                    for value in steps:
                        owner.execute(f"UPDATE {table} SET v = ({value})::{kind}")
                        owner.execute(f"UPDATE {table} SET v = ({value})::{kind}")
                diffs = owner.execute(
                    "SELECT diff FROM audits_change WHERE op = 'U' AND tbl = %s ORDER BY n", [table]
                ).fetchall()
                pairs = [json.loads(str(diff))["v"] for (diff,) in diffs]
                assert len(pairs) == len(steps)
                assert [before for before, _ in pairs[1:]] == [after for _, after in pairs[:-1]]


def test_what_is_hashed_or_personal_has_the_same_text_in_every_session_and_for_the_verifier(
    database: Database, subtests: pytest.Subtests
) -> None:
    with database.owner() as owner:
        for kind in ("date", "timestamp with time zone", "interval", "bytea", "double precision"):
            table = TABLES[kind]
            columns = [Column(name="id", type="integer"), Column(name="v", type=kind, hashed=True)]
            owner.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, v {kind})")
            for statement in install_statements(table, "id", columns, Capture()):
                owner.execute(statement)
            for name, setting in SETTINGS[:-1]:
                owner.execute("RESET ALL")
                with owner.transaction():
                    owner.execute(OPEN)
                    owner.execute(f"DELETE FROM {table}")
                    # The same value each time, whatever the session makes of its text.
                    owner.execute(
                        f"CREATE TEMPORARY TABLE made ON COMMIT DROP AS SELECT ({VALUES[kind][-1]})::{kind} AS v"
                    )
                    owner.execute(f"SET LOCAL {name} = '{setting}'")
                    owner.execute(f"INSERT INTO {table} SELECT 1, v FROM made")
            owner.execute("RESET ALL")
            with subtests.test(kind=kind):
                [(pinned,)] = owner.execute(
                    "SELECT proconfig FROM pg_proc WHERE proname = %s", [function_name(table, "I")]
                ).fetchall()
                assert pinned == list(configuration(columns))
                said = {change.diff for change in changes() if change.table == table}
                with frozen_view("owner") as reader:
                    [(_, seen)] = reader.rows(state_query(table, "id", columns))
                    [(_, clear)] = reader.rows(state_query(table, "id", [columns[0], _personal(columns[1])]))
                assert said == {seen}
                text = json.loads(clear)["v"]
                assert json.loads(seen)["v"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _personal(column: Column) -> Column:
    return replace(column, personal=True, hashed=False)


def test_a_type_that_nobody_has_defined_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedColumn, match="Column span has type tstzrange"):
        recorded(Column(name="span", type="tstzrange"), "n")


def test_domains_are_recorded_as_what_they_stand_on_and_enums_as_text(database: Database) -> None:
    with database.owner() as owner:
        owner.execute("CREATE DOMAIN share AS numeric(5,4) CHECK (VALUE BETWEEN 0 AND 1)")
        owner.execute("CREATE TYPE mood AS ENUM ('well', 'ill')")
        owner.execute(
            "CREATE TABLE thing (id integer PRIMARY KEY, s share, m mood,"
            " twice numeric GENERATED ALWAYS AS (s * 2) STORED)"
        )
        with connections["owner"].cursor() as cursor:
            columns = columns_of(cursor, "thing", Capture())
        assert [(column.name, column.type) for column in columns] == [
            ("id", "integer"),
            ("s", "numeric(5,4)"),
            ("m", "enum mood"),
            ("twice", "numeric"),
        ]
        for statement in install_statements("thing", "id", columns, Capture()):
            owner.execute(statement)
        with owner.transaction():
            owner.execute(OPEN)
            owner.execute("INSERT INTO thing (id, s, m) VALUES (1, 0.5, 'well')")
            owner.execute("UPDATE thing SET m = 'ill'")
    assert [change.diff for change in changes()] == [
        '{"id":1,"m":"well","s":"0.5000","twice":"1.0000"}',
        '{"m":["well","ill"]}',
    ]
