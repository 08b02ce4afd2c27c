"""The past in the admin: history with marks made now, then beside now, what ran, receipts, the search box."""

import json

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.merkle.bundles import verify_bundle
from audits.merkle.tlog_proof import read_tlog_proof
from audits.models import Entry
from audits.trail.keys import verifying_key
from audits.trail.search import index_words
from registry.models import Environment, RegisteredModel
from registry.services import inventory
from tests.audits.trail.attacker import Attacker
from tests.database import Database
from tests.governance.admin.conftest import Browser
from tests.governance.admin.office import Office
from tests.people import acting, person


def page(client, path: str, status: int = 200) -> str:  # type: ignore[no-untyped-def]
    response = client.get(path)
    assert response.status_code == status, path
    return str(response.content.decode())


def test_a_row_then_stands_beside_the_row_now_with_what_differs(
    at_work: Office, at_work_database: Database, browser: Browser
) -> None:
    last = Entry.objects.count() - 1
    inventory.retire_model(actor=acting(person("owner")), model=RegisteredModel.objects.get(), reason="Old <b>.")
    at_work_database.sequence()
    client, path = browser("auditor"), f"/admin/registry/registeredmodel/{at_work.model}/"
    then = page(client, f"{path}past/?as_of=entry:{last}")
    assert "1 of 9 fields differ" in then
    assert "Model retired" in then
    assert "Old &lt;b&gt;." in then
    assert "in the signed log" in then
    assert "Old &lt;b&gt;." in page(client, path)
    assert "It was not there then." in page(client, f"{path}past/?as_of=2001-01-01")
    assert "is no moment" in page(client, f"{path}past/?as_of=soon")
    assert "0 of 9 fields differ" in page(client, f"{path}past/?as_of=entry:{last + 1}")


def test_an_entry_that_was_changed_bears_no_good_mark(
    at_work: Office, at_work_database: Database, browser: Browser
) -> None:
    client, path = browser("auditor"), f"/admin/registry/registeredmodel/{at_work.model}/"
    assert "not what was signed" not in page(client, path)
    with at_work_database.superuser() as superuser, Attacker(superuser).unguarded("audits_entry"):
        superuser.execute(
            "UPDATE audits_entry e SET body = forged.body, leaf_hash = sha256('\\x00'::bytea || forged.body) FROM ("
            " SELECT index, convert_to(replace(convert_from(body, 'UTF8'), 'scoring', 'storing'), 'UTF8') AS body"
            " FROM audits_entry WHERE kind = 'registry.model.registered') AS forged WHERE forged.index = e.index"
        )
    assert "not what was signed" in page(client, path)
    assert "not what was signed" in page(client, f"{path}past/")


def test_a_row_that_never_was_is_not_found(at_work: Office, browser: Browser) -> None:
    client = browser("auditor")
    for key in ("00000000-0000-0000-0000-000000000000", "x"):
        page(client, f"/admin/registry/environment/{key}/past/", 404)


def test_what_ran_is_on_the_environments_page_for_any_moment(at_work: Office, browser: Browser) -> None:
    client = browser("auditor")
    path = f"/admin/registry/environment/{Environment.objects.get(name='production').pk}/"
    now = page(client, f"{path}?as_of={timezone.now():%Y-%m-%d}")
    assert "What ran here then" in now
    assert "scoring 1" in now
    assert "no verdict of the compliance officer" in now
    assert "Serving had reported nothing" in page(client, f"{path}?as_of=2001-01-01")
    assert "is no moment" in page(client, f"{path}?as_of=soon")


def test_receipt_proof_and_bundle_of_an_entry_hold(at_work: Office, browser: Browser) -> None:
    client = browser("auditor")
    shown = page(client, "/admin/audits/entry/3/")
    for name in ("receipt", "proof", "bundle"):
        assert f"/admin/audits/entry/3/{name}/" in shown
    assert read_tlog_proof(page(client, "/admin/audits/entry/3/receipt/")).index == 3
    assert json.loads(page(client, "/admin/audits/entry/3/proof/"))["index"] == 3
    bundle = client.get("/admin/audits/entry/3/bundle/").content
    assert verify_bundle(bundle, trusted_key=verifying_key()).entries == 1


def test_the_search_box_finds_by_words_kinds_actors_and_subjects(at_work: Office, browser: Browser) -> None:
    while index_words():
        pass
    client = browser("auditor")
    for asked, found in {
        "governance.section": "Section signed",
        "warehouse applications": "Dataset registered",
        f"registry.registeredmodel:{at_work.model}": "Model registered",
        f"user:{person('owner').pk}": "Model registered",
        "0": "entry/0/",
        "nothinglikethis": "0 trail entries",
        "???": "Search for words",
    }.items():
        assert found in page(client, f"/admin/audits/entry/?q={asked}"), asked


def test_the_page_of_the_past_asks_no_more_for_a_longer_past(
    at_work: Office, at_work_database: Database, browser: Browser
) -> None:
    client, path = browser("auditor"), f"/admin/registry/registeredmodel/{at_work.model}/past/?as_of=entry:20"
    with CaptureQueriesContext(connection) as short:
        page(client, path)
    model = RegisteredModel.objects.get()
    for _ in range(2):
        inventory.reassign_model(
            actor=acting(person("compliance_officer")), model=model, owner=person("owner"), reason="A."
        )
    inventory.retire_model(actor=acting(person("owner")), model=model, reason="Old.")
    at_work_database.sequence()
    with CaptureQueriesContext(connection) as long:
        page(client, path)
    assert len(long) == len(short)
