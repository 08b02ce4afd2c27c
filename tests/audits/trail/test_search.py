"""Searching the trail: by what was done, by whom, to what, when, and by words; erased texts are found no more."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from audits.models import Entry, User
from audits.trail import search
from audits.trail.search import Asked, UnclearSearch, find, index_words
from audits.trail.verification import verify
from tests.audits.trail.occasions import some_act, some_user
from tests.database import Database


def some_trail(database: Database) -> None:
    ann = some_user("ann", email="ann@example.org")
    with some_act(subject="registry.thing:7", reason="She moved to Zürich, said l'office."):
        User.objects.filter(pk=ann.pk).update(email="new@example.org")
    with some_act(subject="registry.thing:8"):
        pass
    database.sequence()


@pytest.mark.parametrize("taken_in", [False, True])
def test_words_are_found_in_entries_and_in_the_texts_beside_them(database: Database, taken_in: bool) -> None:
    some_trail(database)
    if taken_in:
        assert index_words() == 3
    for text, indexes in {
        "zürich": (1,),
        "MOVED zür": (1,),
        "office": (1,),
        "ann@example.org": (0,),
        "new example": (1,),
        "registry": (2, 1),
        "registry.thing:8": (2,),
        "nowhere": (),
        "moved nowhere": (),
        "committed": (),
    }.items():
        assert find(Asked(text=text)).indexes == indexes, text


def test_pages_go_on_where_the_last_one_ended(database: Database) -> None:
    for _ in range(5):
        with some_act(reason="Again."):
            pass
    database.sequence()
    index_words()
    first = find(Asked(text="again"), limit=2)
    assert (first.indexes, first.more) == ((4, 3), True)
    with some_act(reason="Again, later."):
        pass
    database.sequence()
    second = find(Asked(text="again"), before=3, limit=2)
    third = find(Asked(text="again"), before=1, limit=2)
    assert (second.indexes, third.indexes, third.more) == ((2, 1), (0,), False)


@pytest.mark.parametrize("taken_in", [False, True])
def test_subject_actor_kind_and_period_narrow_it_together(database: Database, taken_in: bool) -> None:
    some_trail(database)
    if taken_in:
        index_words()
    first, second, _ = Entry.objects.order_by("index")
    assert find(Asked(subject="registry.thing:7")).indexes == (1,)
    assert find(Asked(actor=second.actor)).indexes == (2, 1) or find(Asked(actor=second.actor)).indexes == (2, 1, 0)
    assert find(Asked(kind=second.kind, subject="registry.thing:7")).indexes == (1,)
    assert 1 in find(Asked(kind=second.kind.rpartition(".")[0])).indexes
    assert find(Asked(kind="registry")).indexes == ()
    assert find(Asked(since=second.at)).indexes == (2, 1)
    assert find(Asked(until=second.at)).indexes == (1, 0)
    assert find(Asked(since=second.at, until=second.at)).indexes == (1,)
    assert find(Asked(until=first.at - timedelta(seconds=1))).indexes == ()
    assert find(Asked(since=second.at, text="moved", subject="registry.thing:7")).indexes == (1,)
    assert find(Asked(until=datetime(2001, 1, 1, tzinfo=UTC), text="moved")).indexes == ()
    assert find(Asked(since=timezone.now())).indexes == ()


def test_what_no_worker_has_taken_in_is_searched_up_to_a_limit_and_the_rest_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "TAIL", 2)
    some_trail(database)
    assert find(Asked(text="thing")).unsearched == 1
    assert find(Asked(text="ann")).indexes == ()
    index_words()
    assert find(Asked(text="thing")).unsearched == 0
    assert find(Asked(text="ann")).indexes == (0,)


def test_a_text_that_is_erased_is_found_no_more(database: Database) -> None:
    some_trail(database)
    index_words()
    with database.superuser() as superuser:
        assert superuser.execute("SELECT count(*) FROM audits_search WHERE words @@ 'zürich'").fetchone() == (1,)
        ((commitment,),) = superuser.execute(
            "SELECT commitment FROM audits_disclosure WHERE value LIKE '%Zürich%'"
        ).fetchall()
        erased = _erase(database, str(commitment))
        assert erased == 1
        assert superuser.execute("SELECT count(*) FROM audits_search WHERE words @@ 'zürich'").fetchone() == (0,)
    assert find(Asked(text="zürich")).indexes == ()
    assert find(Asked(text="new example")).indexes == (1,)


def _erase(database: Database, commitment: str) -> int:
    with database.application() as application, application.transaction():
        application.execute(
            "SELECT audits_open_act('audits.text.erased', 'system:test', 'test', 'audits.text', 'Asked for.', '{}')"
        )
        row = application.execute("SELECT audits_erase(%s)", [[commitment]]).fetchone()
    assert row is not None
    return int(str(row[0]))


@pytest.mark.parametrize("text", ["?", "' | !", "x" * 501])
def test_what_has_no_words_or_too_many_is_refused(database: Database, text: str) -> None:
    with pytest.raises(UnclearSearch):
        find(Asked(text=text))


def test_the_operators_of_the_query_language_are_words_like_others(database: Database) -> None:
    some_trail(database)
    for text in ("moved | nowhere", "!moved", "moved:*", "'; DROP TABLE x", "\\", "a\\'b moved"):
        try:
            assert set(find(Asked(text=text)).indexes) <= {1}
        except UnclearSearch:
            assert text == "\\"


def test_the_application_cannot_write_the_index_and_the_verification_knows_its_parts(database: Database) -> None:
    some_trail(database)
    index_words()
    with database.application() as application:
        for statement in ("DELETE FROM audits_search", "UPDATE audits_search_text SET index = 0"):
            with pytest.raises(Exception, match="permission denied"):
                application.execute(statement)
    assert verify().ok


def test_texts_too_large_for_the_index_are_taken_in_as_far_as_they_fit(database: Database) -> None:
    words = " ".join(f"{chr(0x20000 + number)}{chr(0x21000 + number)}" for number in range(20_000))
    with some_act(reason=words[:16_000]):
        for number in range(8):
            User.objects.create(username=f"u{number}", first_name="x", last_name="y", email=words[number * 60 :][:250])
        User.objects.filter(username="u0").update(last_name="z")
    database.sequence()
    assert index_words() == 1
    with database.superuser() as superuser:
        superuser.execute(
            "SELECT audits_words(convert_to('{\"act\":{},\"changes\":[]}', 'UTF8'), convert_to(%s, 'UTF8'))",
            [" ".join(chr(0x20000 + a) + chr(0x20000 + b) for a in range(300) for b in range(300))],
        )
