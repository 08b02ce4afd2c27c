"""The feed for a SIEM: exact entries or OCSF events, by index, each at least once, never a personal text."""

import base64
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audits.errors import Conflict, DomainError, NotPermitted
from audits.merkle.tree import leaf_hash
from audits.models import Entry, User
from audits.services.exporting import export_trail
from audits.services.feeding import append_feed, read_feed
from audits.trail import Actor
from audits.trail.log import latest_checkpoint
from tests.audits.trail.occasions import some_act
from tests.clients import client_of
from tests.database import Database
from tests.people import acting

SIEM = Actor.system("feed", via="test")


def test_each_line_holds_the_exact_leaf_its_index_its_hash_and_the_checkpoints_size(
    office: Database, auditor: User
) -> None:
    size = office.sequence()
    lines = list(read_feed(actor=acting(auditor), after=-1, limit=10_000, form="ndjson"))
    assert len(lines) == size
    for number, line in enumerate(lines):
        found = json.loads(line)
        body = line[line.index(b'"entry":') + 8 : line.rindex(b',"index":')]
        assert found["index"] == number
        assert found["checkpoint_size"] == size
        assert base64.b64decode(found["leaf_hash"]) == leaf_hash(body)


def test_an_event_of_ocsf_has_every_attribute_that_its_class_requires(office: Database, auditor: User) -> None:
    size = office.sequence()
    events = [json.loads(line) for line in read_feed(actor=acting(auditor), after=-1, limit=10_000, form="ocsf")]
    assert [event["metadata"]["sequence"] for event in events] == list(range(size))
    for event in events:
        # Entity Management of OCSF 1.3.0: required by the class and by every event.
        assert event["class_uid"] == 3004
        assert event["category_uid"] == event["class_uid"] // 1000
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["activity_id"] in {1, 2, 3, 4, 99}
        assert event["severity_id"] in {1, 2}
        assert isinstance(event["time"], int)
        assert event["metadata"]["version"] == "1.3.0"
        assert event["metadata"]["product"]["name"] == "Countersign"
        assert event["entity"]["uid"]
        assert event["unmapped"]["checkpoint_size"] == size


def test_no_personal_text_is_in_the_feed(office: Database, auditor: User) -> None:
    office.sequence()
    for form in ("ndjson", "ocsf"):
        whole = b"".join(read_feed(actor=acting(auditor), after=-1, limit=10_000, form=form)).lower()
        for text in (b"olivia", b"okafor", b"carol", b"vance"):
            assert text not in whole


def test_whoever_asks_after_the_last_index_gets_everything_once_and_nothing_that_is_not_signed(
    office: Database, auditor: User
) -> None:
    size = office.sequence()
    seen: list[int] = []
    while True:
        after = seen[-1] if seen else -1
        lines = [json.loads(line) for line in read_feed(actor=acting(auditor), after=after, limit=7, form="ndjson")]
        if not lines:
            break
        seen += [line["index"] for line in lines]
    assert seen == list(range(size))
    with some_act():
        pass
    assert list(read_feed(actor=acting(auditor), after=size - 1, limit=7, form="ndjson")) == []
    with pytest.raises(Conflict, match="set back"):
        read_feed(actor=acting(auditor), after=size + 5, limit=7, form="ndjson")


def test_reading_the_feed_again_or_in_another_form_the_same_day_leaves_another_act_whatever_was_exported(
    office: Database, auditor: User
) -> None:
    office.sequence()
    reader = acting(auditor)

    def acts() -> int:
        office.sequence()
        return Entry.objects.filter(kind="audits.trail.exported", actor=reader.id).count()

    export_trail(actor=reader, form="csv")
    assert acts() == 1
    list(read_feed(actor=reader, after=3, limit=2, form="ndjson"))
    assert acts() == 2  # The export of a list does not stand for it.
    list(read_feed(actor=reader, after=5, limit=2, form="ndjson"))
    assert acts() == 2
    list(read_feed(actor=reader, after=5, limit=2, form="ocsf"))
    assert acts() == 3
    list(read_feed(actor=reader, after=-1, limit=2, form="ndjson"))
    assert acts() == 4
    list(read_feed(actor=reader, after=1, limit=2, form="ndjson"))
    assert acts() == 4
    list(read_feed(actor=reader, after=-1, limit=10_000, form="ndjson"))
    assert acts() == 5


def test_going_on_with_the_feed_is_one_act_a_day_for_each_reader_and_only_for_who_may(
    office: Database, auditor: User, owner: User
) -> None:
    office.sequence()
    for after in (-1, 1, 3):
        list(read_feed(actor=acting(auditor), after=after, limit=2, form="ndjson"))
        office.sequence()
    assert Entry.objects.filter(kind="audits.trail.exported", actor=acting(auditor).id).count() == 1
    with pytest.raises(NotPermitted):
        read_feed(actor=acting(owner), after=-1, limit=2, form="ndjson")
    with pytest.raises(DomainError, match="one of"):
        read_feed(actor=acting(auditor), after=-1, limit=2, form="xml")


def test_the_feed_comes_over_http_and_refuses_nonsense(office: Database, auditor: User) -> None:
    size = office.sequence()
    client = client_of("auditor")
    answer = client.get("/api/v1/trail/feed?format=ocsf&after=2&limit=5")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    lines = b"".join(answer).splitlines()  # type: ignore[call-overload]
    assert [json.loads(line)["unmapped"]["index"] for line in lines] == [3, 4, 5, 6, 7]
    assert client.get(f"/api/v1/trail/feed?after={size + 100}").status_code == 409
    assert client.get("/api/v1/trail/feed?format=xml").status_code == 400
    assert client.get("/api/v1/trail/feed?after=-2").status_code == 400
    assert client.get("/api/v1/trail/feed?limit=0").status_code == 400


@pytest.mark.parametrize("form", ["ndjson", "ocsf"])
def test_a_file_goes_on_after_its_last_whole_line_however_it_was_cut(
    office: Database, tmp_path: Path, form: str
) -> None:
    office.sequence()
    path = tmp_path / "feed"
    first = append_feed(actor=SIEM, path=path, form=form)
    office.sequence()
    append_feed(actor=SIEM, path=path, form=form)
    whole = path.read_bytes()
    assert first.lines > 10
    # A kill leaves any beginning of the file.
    lines = whole.splitlines(keepends=True)
    for length in (0, 1, 10, len(lines[0]) - 1, len(lines[0]), len(lines[0]) + 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        done = append_feed(actor=SIEM, path=path, form=form)
        found = path.read_bytes().splitlines()
        indexes = [
            json.loads(line)["metadata"]["sequence"] if form == "ocsf" else json.loads(line)["index"] for line in found
        ]
        assert indexes == list(range(done.last + 1))
        assert done.last >= len(lines) - 1
    assert append_feed(actor=SIEM, path=path, form=form).lines == 0


def test_a_file_that_is_another_format_another_log_or_no_feed_is_left_as_it_is(
    office: Database, tmp_path: Path
) -> None:
    office.sequence()
    path = tmp_path / "feed"
    append_feed(actor=SIEM, path=path, form="ndjson")
    whole = path.read_bytes()
    with pytest.raises(DomainError, match="another format"):
        append_feed(actor=SIEM, path=path, form="ocsf")
    checkpoint = latest_checkpoint()
    assert checkpoint is not None
    strange = {
        b"some text\n": "no line of the trail's feed",
        whole.replace(b'"leaf_hash":"', b'"leaf_hash":"A'): "another log",
        b'{"index":100000,"leaf_hash":"AAAA"}\n': "another log",
    }
    for content, said in strange.items():
        path.write_bytes(content)
        with pytest.raises(DomainError, match=said):
            append_feed(actor=SIEM, path=path, form="ndjson")
        assert path.read_bytes() == content
    with pytest.raises(CommandError, match="another log"):
        call_command("feed", "--file", str(path))


def test_two_writers_of_one_file_do_not_mix(office: Database, tmp_path: Path) -> None:
    import fcntl

    office.sequence()
    path = tmp_path / "feed"
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Somebody else is writing"):
            append_feed(actor=SIEM, path=path, form="ndjson")
