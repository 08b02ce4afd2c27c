"""Time travel: rows as they were, in the order of the log, opened where they may be opened."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.errors import DomainError
from audits.models import Entry, Evidence, User
from audits.models.trail import Act
from audits.trail import moments, past
from audits.trail.rebuilding import instances_as_of
from registry.models import Deployment, Environment
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import some_act, some_user
from tests.database import Database


def test_a_row_is_as_it_was_at_each_entry_and_gone_after_its_end(database: Database) -> None:
    ann = some_user("ann", email="ann@example.org")
    with some_act(reason="She moved."):
        User.objects.filter(pk=ann.pk).update(email="new@example.org", is_staff=True)
    with some_act():
        User.objects.filter(pk=ann.pk).delete()
    database.sequence()
    first, second = past.as_of(User, ann.pk, 0), past.as_of(User, ann.pk, 1)
    assert first is not None
    assert second is not None
    assert (first.values["email"], first.values["is_staff"]) == ("ann@example.org", False)
    assert (second.values["email"], second.values["is_staff"]) == ("new@example.org", True)
    assert (second.set_by["email"], second.set_by["username"], second.since) == (1, 0, 1)
    assert past.as_of(User, ann.pk, 2) is None
    assert past.as_of(User, "999", 2) is None


def test_a_moment_before_the_first_entry_has_no_rows(database: Database) -> None:
    ann = some_user("ann")
    database.sequence()
    before = moments.at_time(datetime(2001, 1, 1, tzinfo=UTC))
    assert (before.size, before.entry) == (0, None)
    assert past.as_of(User, ann.pk, before) is None
    assert past.rows_as_of(User, before) == []


def test_values_come_back_as_the_models_fields_give_them(filled: Database) -> None:
    filled.sequence()
    for model in (Evidence, Deployment, Environment, User):
        for row in model._default_manager.all():
            state = past.as_of(model, row.pk, moments.now())
            assert state is not None
            secret = {"password"} if model is User else set()
            assert state.digests == secret
            for field in row._meta.concrete_fields:
                if field.column not in secret:
                    assert state.values[field.column] == getattr(row, field.attname), (model, field.column)


def test_secrets_and_changed_long_columns_stay_digests(filled: Database) -> None:
    from governance.models import Standing

    filled.sequence()
    then = moments.now()
    row = Standing.objects.all()[0]
    with some_act():
        Standing.objects.filter(pk=row.pk).update(outcome={"now": "another"})
    filled.sequence()
    earlier, later = past.as_of(Standing, row.pk, then), past.as_of(Standing, row.pk, moments.now())
    assert earlier is not None
    assert later is not None
    assert earlier.digests == {"outcome"}
    assert str(earlier.values["outcome"]).startswith("sha256:")
    assert later.values["outcome"] == {"now": "another"}
    person = past.as_of(User, User.objects.all()[0].pk, then)
    assert person is not None
    assert str(person.values["password"]).startswith("sha256:")


def test_an_erased_text_is_missing_and_said_to_be(database: Database) -> None:
    ann = some_user("ann", email="ann@example.org")
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_disclosure"):
        superuser.execute("DELETE FROM audits_disclosure WHERE value = 'ann@example.org'")
    state = past.as_of(User, ann.pk, 0)
    assert state is not None
    assert state.values["email"] is None
    assert state.erased == {"email"}
    assert state.values["username"] == "ann"


def test_a_time_is_the_log_before_the_first_act_that_began_later(database: Database) -> None:
    ann = some_user("ann", email="one@example.org")
    between = timezone.now()
    with some_act():
        User.objects.filter(pk=ann.pk).update(email="two@example.org")
    assert moments.at_time(between).size == 0  # Not sequenced yet: later than every entry.
    database.sequence()
    assert moments.at_time(between).size == 1
    state = past.as_of(User, ann.pk, between)
    assert state is not None
    assert state.values["email"] == "one@example.org"
    assert moments.at_time(timezone.now()).size == 2


def test_an_act_that_was_still_open_then_does_not_count(database: Database) -> None:
    with database.application() as slow:
        slow.execute("BEGIN")
        slow.execute("SELECT audits_open_act('audits.test.tried', 'system:test', 'test', 's', '', '{}')")
        between = timezone.now()
        some_user("ann")
        database.sequencer().drain()
        slow.execute("COMMIT")
    database.sequence()
    assert [entry.kind for entry in Entry.objects.order_by("index")][-1] == "audits.test.tried"
    assert moments.at_time(between).size == 0


def test_a_moment_rests_on_the_smallest_checkpoint_that_covers_it(database: Database) -> None:
    some_user("ann")
    database.sequence()
    some_user("ben")
    some_user("cho")
    database.sequence()
    assert [moments.at_entry(index).checkpoint for index in (0, 1, 2)] == [1, 3, 3]
    assert moments.at_checkpoint(1) == moments.Moment(size=1, checkpoint=1)
    with pytest.raises(moments.NoSuchMoment, match="No checkpoint of 2 entries"):
        moments.at_checkpoint(2)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "entry:", "entry:-1", "entry:99", "checkpoint:99", "2026-13-01", "12", "entry:1e3", "9999-01-01",
     "2999-01-01T00:00:00Z", "2026-01-01T00:00:00+99:00", "0000-00-00", "entry:" + "9" * 30],
)  # fmt: skip
def test_nonsense_and_the_future_are_refused_with_the_forms_that_there_are(database: Database, text: str) -> None:
    some_user("ann")
    database.sequence()
    with pytest.raises(moments.NoSuchMoment):
        moments.parse_moment(text)


def test_a_day_is_its_end_and_a_time_without_zone_is_utc(database: Database) -> None:
    some_user("ann")
    database.sequence()
    today = timezone.now().astimezone(UTC)
    assert moments.parse_moment(f"{today:%Y-%m-%d}").size == 1
    assert moments.parse_moment(f"{today - timedelta(days=1):%Y-%m-%d}").size == 0
    assert moments.parse_moment("2001-02-03").at == datetime(2001, 2, 3, 23, 59, 59, 999999, tzinfo=UTC)
    assert moments.parse_moment("2001-02-03T04:05:06").at == datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert moments.parse_moment("2001-02-03T04:05:06 02:00").at == datetime(2001, 2, 3, 2, 5, 6, tzinfo=UTC)
    assert moments.parse_moment("entry:0") == moments.parse_moment("checkpoint:1") == moments.now()


def test_many_rows_are_found_by_what_a_column_was_then(database: Database) -> None:
    people = [some_user(name) for name in ("ann", "ben", "cho")]
    with some_act():
        User.objects.filter(pk=people[0].pk).update(is_staff=True)
    with some_act():
        User.objects.filter(pk=people[0].pk).update(is_staff=False)
        User.objects.filter(pk=people[1].pk).update(is_staff=True)
    database.sequence()

    def staff(index: int) -> list[str]:
        return [state.key for state in past.rows_as_of(User, index, where={"is_staff": True})]

    assert [staff(index) for index in (2, 3, 4)] == [[], [str(people[0].pk)], [str(people[1].pk)]]
    assert len(past.rows_as_of(User, 4, where={"is_staff": [True, False]})) == 3
    with pytest.raises(DomainError, match="no values of email"):
        past.rows_as_of(User, 4, where={"email": "x"})


def test_many_rows_take_no_more_queries_than_one(filled: Database) -> None:
    filled.sequence()
    then = moments.now()
    key = Deployment.objects.all()[0].environment_id
    with CaptureQueriesContext(connection) as queries:
        found = instances_as_of(
            Deployment, then, where={"environment": key}, related=["environment", "version__model", "reported_by"]
        )
    assert [row.environment.pk for row in found] == [key]
    assert found[0].version is not None
    assert found[0].version.model.name == Deployment.objects.get(pk=found[0].pk).version.model.name  # type: ignore[union-attr]
    one = len(queries)
    with CaptureQueriesContext(connection) as queries:
        assert len(instances_as_of(Deployment, then, related=["environment", "version__model", "reported_by"])) == 2
    assert len(queries) == one == 8


def test_a_snapshot_is_where_a_row_begins_that_was_there_before(database: Database) -> None:
    with database.superuser() as superuser, Attacker(superuser).unguarded("registry_environment"):
        superuser.execute(
            "INSERT INTO registry_environment (id, name, title, rank) VALUES (%s, 'early', 'Early', 3)", [uuid4()]
        )
    row = Environment.objects.get(name="early")
    with database.owner() as owner:
        owner.execute("BEGIN")
        owner.execute("SELECT audits_open_act('audits.table.governed', 'system:m', 'command', 'table:x', '', '{}')")
        owner.execute(
            "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff) SELECT 1, pg_current_xact_id(),"
            ' \'registry_environment\', \'S\', id::text, format(\'{"id":"%s","name":"%s","rank":%s,"title":"%s"}\','
            " id, name, rank, title) FROM registry_environment"
        )
        owner.execute("COMMIT")
    database.sequence()
    state = past.as_of(Environment, row.pk, 0)
    assert state is not None
    assert (state.values["name"], state.values["rank"], state.since) == ("early", 3, 0)


def test_the_history_of_a_row_says_who_when_why_and_what(database: Database) -> None:
    ann = some_user("ann", email="one@example.org")
    with some_act(reason="She moved."):
        User.objects.filter(pk=ann.pk).update(email="two@example.org")
        User.objects.filter(pk=ann.pk).update(is_staff=True)
    with some_act():
        User.objects.filter(pk=ann.pk).delete()
    database.sequence()
    with CaptureQueriesContext(connection) as queries:
        made, moved, gone = past.history(User, ann.pk)
    assert len(queries) == 2
    assert (made.op, made.changed["email"], made.reason) == ("I", (None, "one@example.org"), "")
    assert (moved.op, moved.index, moved.reason) == ("U", 1, "She moved.")
    assert moved.changed == {"email": ("one@example.org", "two@example.org"), "is_staff": (False, True)}
    assert (gone.op, gone.changed["username"]) == ("D", ("ann", None))
    assert moved.act_id == Act.objects.order_by("at")[1].id
    assert past.history(User, "0") == []


def test_what_is_not_governed_has_no_past(database: Database) -> None:
    with pytest.raises(past.NotGoverned):
        past.as_of(Entry, 1, moments.now())


def test_the_fold_is_the_table(filled: Database) -> None:
    """Every governed row now is what its past says of it now: the same fold as the verification's, for pages."""
    filled.sequence()
    from django.apps import apps

    from audits.trail.values import captures

    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table in captures():
            keys = {str(key) for key in model._default_manager.values_list("pk", flat=True)}
            assert {state.key for state in past.rows_as_of(model, moments.now())} == keys
