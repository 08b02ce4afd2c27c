"""An act's opening travels with the first statement: whatever that statement is, the act is open before it runs."""

import copy
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, DataError, connection, connections, transaction
from django.db.models import F
from psycopg.pq import TransactionStatus

from audits.models import Act, User
from audits.trail import receipts
from tests.audits.trail.occasions import changes, some_act, some_user
from tests.database import Database


def test_a_change_in_an_act_is_one_query_and_a_commit(database: Database) -> None:
    user = some_user()
    pgconn = connection.connection.pgconn
    with some_act():
        User.objects.filter(pk=user.pk).update(is_staff=True)
        assert connection.connection.autocommit
        assert pgconn.transaction_status == TransactionStatus.INTRANS
        with database.superuser() as superuser:
            (query,) = superuser.execute(
                "SELECT query FROM pg_stat_activity WHERE pid = %s", [pgconn.backend_pid]
            ).fetchone() or ("",)
        assert str(query).startswith("BEGIN; SELECT audits_open_act('")
        assert '; UPDATE "audits_user"' in str(query)
    assert pgconn.transaction_status == TransactionStatus.IDLE
    assert changes()[-1].diff == '{"is_staff":[false,true]}'


def test_an_act_without_a_statement_is_recorded_all_the_same(database: Database) -> None:
    with receipts() as done, some_act():
        pass
    assert [found.id for found in Act.objects.all()] == [done[0].id]


def test_whoever_asks_for_the_receipt_early_has_the_act_opened(database: Database) -> None:
    with some_act() as opened:
        early = opened.id
        Group.objects.create(name="one")
    assert Act.objects.get().id == early == opened.id


def test_an_act_rolled_back_before_its_first_statement_sends_nothing_and_has_no_receipt(database: Database) -> None:
    class Interrupted(Exception):
        pass

    def fail() -> None:
        raise Interrupted

    with receipts() as done:
        with pytest.raises(Interrupted), some_act() as opened:
            fail()
        with pytest.raises(LookupError, match="no receipt"):
            _ = opened.id
    assert done == []
    assert not Act.objects.exists()


def test_cursors_with_a_name_many_parameters_and_copy_come_after_the_opening(database: Database) -> None:
    some_user("ann")
    with some_act(), transaction.atomic():
        assert [user.username for user in User.objects.iterator(chunk_size=1)] == ["ann"]
        Group.objects.create(name="after a cursor")
    with some_act(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO auth_group (name) VALUES (%s)", [["first"], ["second"]])
    with some_act(), connection.cursor() as cursor, cursor.copy("COPY auth_group (name) FROM STDIN") as copy:
        copy.write_row(["copied"])
    assert len(changes()) == 5
    assert Act.objects.count() == 4


def test_parameters_of_every_kind_arrive_in_the_statement_that_carries(database: Database) -> None:
    values = [
        'it\'s 100 % \\ "quoted" — é',
        Decimal("1.50"),
        date(2024, 2, 29),
        datetime(2024, 2, 29, 12, tzinfo=UTC),
        [1, 2, None],
        b"\x00\xff",
        None,
        True,
    ]
    kinds = ["text", "numeric", "date", "timestamptz", "int[]", "bytea", "text", "bool"]
    with some_act(reason="it's 100 % \\ free"), connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"%s::{kind}" for kind in kinds), values)
        row = cursor.fetchone()
        assert cursor.description is not None
        assert len(cursor.description) == len(kinds)
    assert [bytes(value) if isinstance(value, memoryview) else value for value in row] == values


def test_several_statements_in_one_string_are_carried_as_well(database: Database) -> None:
    with some_act(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO auth_group (name) VALUES ('a'); INSERT INTO auth_group (name) VALUES ('b')")
        assert cursor.rowcount == 1
    assert [change.op for change in changes()] == ["I", "I"]


def test_a_statement_that_fails_takes_the_act_with_it(database: Database) -> None:
    with pytest.raises(DatabaseError, match="division by zero"), some_act(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert not Act.objects.exists()
    with some_act():
        Group.objects.create(name="later")
    assert Act.objects.count() == 1


def test_an_act_whose_failure_was_caught_inside_is_not_passed_off_as_done(database: Database) -> None:
    with (
        receipts() as done,
        pytest.raises(transaction.TransactionManagementError, match="nothing of it is kept"),
        some_act(),
        connection.cursor() as cursor,
        pytest.raises(DatabaseError),
    ):
        cursor.execute("SELECT 1 / 0")
    assert done == []
    assert not Act.objects.exists()


def test_a_statement_that_does_not_parse_leaves_the_next_one_in_the_act(database: Database) -> None:
    """Nothing of such a string runs, BEGIN included: the next statement must not run on its own."""
    with some_act(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="syntax error"):
            cursor.execute("SELEC 1")
        cursor.execute("INSERT INTO auth_group (name) VALUES ('covered')")
    assert Act.objects.count() == 1
    assert len(changes()) == 1


def test_what_fails_in_a_savepoint_leaves_the_act_open(database: Database) -> None:
    with some_act():
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        Group.objects.create(name="kept")
    assert Act.objects.count() == 1


def test_an_act_in_a_savepoint_is_opened_in_it(database: Database) -> None:
    with transaction.atomic():
        assert Group.objects.count() == 0
        sid = transaction.savepoint()
        with some_act():
            Group.objects.create(name="gone")
        transaction.savepoint_rollback(sid)
        with some_act(subject="second"):
            Group.objects.create(name="kept")
    assert [act.subject for act in Act.objects.all()] == ["second"]


def test_hooks_run_after_the_commit_and_have_acts_of_their_own(database: Database) -> None:
    def hook() -> None:
        with some_act(subject="hook"):
            Group.objects.create(name="hooked")

    with some_act():
        transaction.on_commit(hook)
        Group.objects.create(name="one")
    assert [act.subject for act in Act.objects.order_by("at")] == ["test:thing", "hook"]


def test_a_durable_block_may_hold_an_act_and_an_act_no_durable_block(database: Database) -> None:
    with transaction.atomic(durable=True), some_act():
        Group.objects.create(name="one")
    with pytest.raises(RuntimeError, match="durable"), some_act(), transaction.atomic(durable=True):
        pass


def test_a_block_without_a_statement_sends_nothing(database: Database) -> None:
    Group.objects.count()
    with transaction.atomic():
        assert connection.connection.pgconn.transaction_status == TransactionStatus.IDLE
    with transaction.atomic():
        Group.objects.count()
        assert connection.connection.pgconn.transaction_status == TransactionStatus.INTRANS
    assert connection.connection.pgconn.transaction_status == TransactionStatus.IDLE


def test_text_that_cannot_be_sent_is_refused_where_the_act_is_opened(database: Database) -> None:
    entered = False
    with pytest.raises(DataError, match="NUL"), some_act(reason="a\x00b"):
        entered = True
    assert not entered
    assert not Act.objects.exists()


def test_a_second_act_in_one_transaction_says_what_to_do(database: Database) -> None:
    some_user()
    with transaction.atomic():
        with some_act():
            User.objects.update(is_staff=F("is_active"))
        with pytest.raises(DatabaseError, match="holds an act already") as caught, some_act():
            pass
        transaction.set_rollback(True)
    assert "in a transaction of its own" in str(caught.value)


def test_cursors_that_would_leave_begin_behind_are_refused(database: Database) -> None:
    settings = copy.deepcopy(connection.settings_dict)
    settings["OPTIONS"] = {**settings["OPTIONS"], "server_side_binding": True}
    with pytest.raises(ImproperlyConfigured, match="server_side_binding"):
        type(connections[DEFAULT_DB_ALIAS])(settings).get_connection_params()
