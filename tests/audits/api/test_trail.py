"""The trail over HTTP: entries with exact bytes, proofs that hold, receipts that wait their turn."""

import json

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.merkle import tree
from audits.merkle.checkpoints import open_checkpoint
from audits.merkle.encoding import from_base64
from audits.merkle.notes import VerifyingKey
from audits.models import Entry
from audits.trail.search import index_words
from tests.clients import client_of, make_version, nobody
from tests.database import Database

TRAIL = "/api/v1/trail"


def decoded(text: str) -> bytes:
    return from_base64(text, step="test", what="a hash")


def test_an_entry_is_proved_against_the_published_key(office: Database) -> None:
    make_version()
    office.sequencer().drain()
    reader = client_of("auditor")
    (entry,) = json.loads(reader.get(f"{TRAIL}/entries?kind=registry.version.registered").content)["results"]
    found = json.loads(reader.get(f"{TRAIL}/entries/{entry['index']}").content)
    proof = json.loads(reader.get(f"{TRAIL}/entries/{entry['index']}/proof").content)
    published = json.loads(nobody().get("/.well-known/countersign/keys.json").content)["trail"]
    checkpoint = open_checkpoint(proof["checkpoint"], VerifyingKey.parse(published["vkey"]))
    leaf = tree.leaf_hash(found["body"].encode())
    assert leaf == decoded(found["leaf_hash"]) == decoded(proof["leaf_hash"])
    assert bytes(Entry.objects.get(index=entry["index"]).body) == found["body"].encode()
    steps = tuple(decoded(step) for step in proof["proof"])
    tree.verify_inclusion(index=proof["index"], size=proof["size"], leaf=leaf, proof=steps, root=checkpoint.root)


def test_entries_are_found_by_subject_actor_and_kind_newest_first(office: Database) -> None:
    version = make_version()
    office.sequencer().drain()
    reader = client_of("auditor")
    about = json.loads(reader.get(f"{TRAIL}/entries?subject=registry.modelversion:{version.pk}").content)
    assert [entry["kind"] for entry in about["results"]] == ["registry.version.registered"]
    actor = about["results"][0]["actor"]
    theirs = json.loads(reader.get(f"{TRAIL}/entries?actor={actor}").content)
    assert [entry["kind"] for entry in theirs["results"]] == [
        "registry.version.registered",
        "registry.model.registered",
    ]
    assert reader.get(f"{TRAIL}/entries?person=7").status_code == 400


def test_following_the_pages_gives_every_entry_once_whatever_is_added_meanwhile(office: Database) -> None:
    make_version()
    size = office.sequence()
    reader = client_of("auditor")
    seen: list[int] = []
    address = f"{TRAIL}/entries?page_size=7"
    while address:
        page = json.loads(reader.get(address).content)
        seen += [entry["index"] for entry in page["results"]]
        address = (page["next"] or "").removeprefix("http://testserver")
        office.sequence()  # The tokens that were issued meanwhile.
    assert seen == list(range(seen[0], -1, -1))
    assert seen[0] in (size - 1, size)


def test_entries_are_searched_by_period_kind_and_words_together(office: Database) -> None:
    make_version()
    office.sequence()
    reader = client_of("auditor")

    def kinds(query: str) -> list[str]:
        return [entry["kind"] for entry in json.loads(reader.get(f"{TRAIL}/entries?{query}").content)["results"]]

    today = f"{timezone.now():%Y-%m-%d}"
    for taken_in in (False, True):
        assert kinds("text=customers+leave") == ["registry.model.registered"]
        assert kinds("kind=registry.version") == kinds("kind=registry.version.registered&text=churn")
        assert kinds(f"kind=registry.version&from={today}&to={today}") == ["registry.version.registered"]
        assert kinds("kind=registry&to=2001-01-01") == []
        assert kinds("text=customers&actor=nobody") == []
        if not taken_in:
            assert index_words() > 0
    for wrong in ("from=soon", "before=-1", "page_size=201", "text=%3F%3F", "to=2001-02-30"):
        assert reader.get(f"{TRAIL}/entries?{wrong}").status_code == 400, wrong


def test_a_page_of_a_search_takes_a_pinned_number_of_queries(office: Database) -> None:
    make_version()
    office.sequence()
    index_words()
    reader = client_of("auditor")
    for query, queries in {"": 2, "subject=x": 1, "text=churn": 5, "kind=registry&from=2001-01-01": 3}.items():
        with CaptureQueriesContext(connection) as asked:
            assert reader.get(f"{TRAIL}/entries?{query}").status_code == 200
        own = [found["sql"] for found in asked if "audits_entry" in found["sql"] or "audits_terms" in found["sql"]]
        assert len(own) == queries, (query, own)


def test_a_receipt_says_that_it_waits_until_its_act_is_sequenced(office: Database) -> None:
    office.sequencer().drain()
    body = {"name": "churn", "business_unit": "b", "intended_purpose": "p", "risk_tier": "low"}
    receipt = json.loads(client_of("owner").post("/api/v1/models", body).content)["receipt"]
    reader = client_of("auditor")
    waiting = reader.get(f"{TRAIL}/receipts/{receipt}")
    found = json.loads(waiting.content)
    assert (waiting.status_code, found["sequenced"], found["index"]) == (200, False, None)
    assert "not sequenced yet" in found["detail"]
    office.sequencer().drain()
    found = json.loads(reader.get(f"{TRAIL}/receipts/{receipt}").content)
    assert (found["sequenced"], found["proved"]) == (True, True)


def test_the_checkpoint_is_a_signed_note(office: Database) -> None:
    reader = client_of("auditor")
    assert reader.get(f"{TRAIL}/checkpoint").status_code == 404
    office.sequencer().drain()
    response = reader.get(f"{TRAIL}/checkpoint")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    key = json.loads(nobody().get("/.well-known/countersign/keys.json").content)["trail"]["vkey"]
    assert open_checkpoint(response.content.decode(), VerifyingKey.parse(key)).size == Entry.objects.count()


def test_what_is_not_in_the_trail_is_not_found(office: Database) -> None:
    office.sequencer().drain()
    reader = client_of("auditor")
    for path in (
        "entries/999999",
        "entries/99999999999999999999999",
        "entries/999999/proof",
        "entries/-1",
        "entries/x",
    ):
        assert reader.get(f"{TRAIL}/{path}").status_code == 404, path
    assert reader.get(f"{TRAIL}/entries?subject=%00").status_code == 400
