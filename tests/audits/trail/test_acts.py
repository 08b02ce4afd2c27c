"""Whatever way a governed row is written, the act that it was written in holds the difference."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from audits.models import Act, Entry, User
from audits.trail import Actor, act
from governance.events import AccountCreated
from tests.audits.trail.occasions import OPEN, changes, some_act, some_user
from tests.database import Database


def _save() -> None:
    user = User.objects.get()
    user.email = "new@example.org"
    user.save()


def _bulk_update() -> None:
    user = User.objects.get()
    user.email = "new@example.org"
    User.objects.bulk_update([user], ["email"])


def _raw() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audits_user SET email = 'new@example.org'")


def _on_conflict() -> None:
    user = User.objects.get()
    user.email = "new@example.org"
    User.objects.bulk_create([user], update_conflicts=True, update_fields=["email"], unique_fields=["id"])


class _Interrupted(Exception):
    """Something went wrong after a write."""


def _interrupted(write: Callable[[], object]) -> None:
    write()
    raise _Interrupted


WAYS: dict[str, Callable[[], object]] = {
    "save": _save,
    "update": lambda: User.objects.update(email="new@example.org"),
    "expression": lambda: User.objects.update(email=Concat(Value("new"), Value("@example.org"))),
    "bulk update": _bulk_update,
    "on conflict": _on_conflict,
    "raw SQL": _raw,
}


@pytest.mark.parametrize("way", WAYS)
def test_it_records_an_update_however_it_is_made(database: Database, way: str) -> None:
    some_user(email="old@example.org")
    with some_act():
        WAYS[way]()
    last = changes()[-1]
    assert (last.table, last.op) == ("audits_user", "U")
    diff = json.loads(last.diff)
    assert set(diff) == {"email"}
    assert set(diff["email"]) == {"committed"}


@pytest.mark.parametrize("way", WAYS)
def test_it_refuses_an_update_outside_an_act_however_it_is_made(database: Database, way: str) -> None:
    some_user(email="old@example.org")
    with pytest.raises(DatabaseError, match="table audits_user is governed: this write stands outside an act"):
        WAYS[way]()
    assert User.objects.get().email == "old@example.org"


def test_it_records_rows_made_in_bulk_and_rows_deleted(database: Database) -> None:
    with some_act():
        User.objects.bulk_create([User(username=name) for name in ("ann", "ben", "cho")])
    with some_act():
        User.objects.filter(username__in=["ann", "ben"]).delete()
    assert [change.op for change in changes()] == ["I", "I", "I", "D", "D"]
    assert json.loads(changes()[0].diff)["is_active"] is True


def test_it_records_both_values_of_a_field_that_is_not_personal(database: Database) -> None:
    some_user()
    with some_act():
        User.objects.update(is_staff=True, is_superuser=F("is_staff"))
    assert changes()[-1].diff == '{"is_staff":[false,true]}'


def test_it_records_a_psql_session_of_the_applications_role(database: Database) -> None:
    with database.application() as session, session.transaction():
        session.execute(OPEN)
        session.execute("INSERT INTO auth_group (name) VALUES ('sql')")
        session.execute("UPDATE auth_group SET name = 'more sql'")
    assert [(change.op, json.loads(change.diff)["name"]) for change in changes()] == [
        ("I", "sql"),
        ("U", ["sql", "more sql"]),
    ]
    assert Act.objects.get().role == database.cluster.server.application_role


def test_it_refuses_a_psql_session_without_an_act(database: Database) -> None:
    with database.application() as session, pytest.raises(Exception, match="outside an act") as caught:
        session.execute("INSERT INTO auth_group (name) VALUES ('sql')")
    assert 'in Python "with audits.trail.act(...)"' in str(caught.value)


def test_rows_that_a_cascade_removes_are_recorded_too(database: Database) -> None:
    user = some_user()
    with some_act():
        user.groups.add(Group.objects.create(name="readers"))
    with some_act():
        user.delete()
    assert [(change.table, change.op) for change in changes()[-2:]] == [
        ("audits_user_groups", "D"),
        ("audits_user", "D"),
    ]


def test_a_write_that_changes_nothing_leaves_nothing(database: Database) -> None:
    user = some_user()
    before = changes()
    with some_act():
        user.save()
        User.objects.update(is_active=True)
        User.objects.filter(username="nobody").update(is_active=False)
        User.objects.bulk_create([user], ignore_conflicts=True)
    assert changes() == before


def test_an_update_of_no_row_needs_no_act(database: Database) -> None:
    assert User.objects.filter(username="nobody").update(is_staff=True) == 0


def test_an_act_and_its_changes_go_together_when_it_fails(database: Database) -> None:
    with pytest.raises(_Interrupted), some_act():
        _interrupted(lambda: User.objects.create(username="ann"))
    assert not User.objects.exists()
    assert changes() == []
    assert not Act.objects.exists()


def test_changes_in_a_savepoint_that_is_rolled_back_are_gone_and_the_others_stay(database: Database) -> None:
    with some_act():
        Group.objects.create(name="kept")
        with pytest.raises(_Interrupted), transaction.atomic():
            _interrupted(lambda: Group.objects.create(name="dropped"))
        Group.objects.create(name="kept too")
    assert [json.loads(change.diff)["name"] for change in changes()] == ["kept", "kept too"]


def test_an_act_in_a_savepoint_that_is_rolled_back_no_longer_covers_later_writes(database: Database) -> None:
    with transaction.atomic():
        with pytest.raises(_Interrupted), some_act():
            _interrupted(lambda: None)
        with pytest.raises(DatabaseError, match="outside an act"), transaction.atomic():
            Group.objects.create(name="uncovered")


def test_an_act_inside_another_joins_it(database: Database) -> None:
    with some_act() as outer, some_act(subject="another") as inner:
        Group.objects.create(name="one")
    assert inner == outer
    assert [found.subject for found in Act.objects.all()] == ["test:thing"]


def test_a_second_act_in_one_transaction_is_refused(database: Database) -> None:
    with transaction.atomic():
        with some_act():
            pass
        with pytest.raises(DatabaseError, match="holds an act already"), some_act():
            pass


def test_an_act_does_not_reach_into_the_next_transaction(database: Database) -> None:
    with some_act():
        pass
    with pytest.raises(DatabaseError, match="outside an act"):
        Group.objects.create(name="late")


def test_the_key_of_a_row_cannot_move(database: Database) -> None:
    user = some_user()
    with pytest.raises(DatabaseError, match="the key of a row of audits_user cannot change"), some_act():
        User.objects.filter(pk=user.pk).update(id=user.pk + 1)


def test_what_is_written_about_people_is_in_the_trail_as_a_commitment_only(database: Database) -> None:
    with some_act(reason="Ann left the bank"):
        User.objects.create(username="ann", email="ann@example.org", password="pbkdf2$abc")
    database.sequence()
    body = bytes(Entry.objects.get().body).decode()
    for word in ("left the bank", "ann@example.org", "pbkdf2"):
        assert word not in body


def test_an_event_that_nobody_registered_is_refused(database: Database) -> None:
    class Unregistered(AccountCreated):
        pass

    with (
        pytest.raises(TypeError, match="is no event"),
        act(Unregistered(roles=[]), actor=Actor.system("test"), subject="x"),
    ):
        pass
