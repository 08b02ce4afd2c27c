"""Lists as CSV or JSON: every row names the entry that last set it, and no cell runs in a spreadsheet."""

import csv
import io
import json

import pytest

from audits.errors import DomainError, NotFound, NotPermitted
from audits.models import Entry, User
from audits.services.exporting import export, export_trail, inventories
from audits.trail import act
from governance.events import RolesAssigned
from registry.models import RegisteredModel
from tests.clients import client_of, make_version
from tests.database import Database
from tests.people import acting, person


def _csv(pieces: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(pieces.decode())))


def test_each_row_carries_index_and_hash_of_the_entry_that_last_set_it(office: Database, auditor: User) -> None:
    version = make_version()
    office.sequence()
    model = version.model
    with act(RolesAssigned(roles=[]), actor=acting(person("owner")), subject=model):
        RegisteredModel.objects.filter(pk=model.pk).update(title="Another title")
    office.sequence()
    last = Entry.objects.filter(subject=f"registry.registeredmodel:{model.pk}").order_by("-index")[0]
    (row,) = _csv(b"".join(export(actor=acting(auditor), name="models", form="csv").pieces))
    assert (row["title"], row["entry_index"]) == ("Another title", str(last.index))
    assert row["entry_hash"] == bytes(last.leaf_hash).hex()
    (found,) = json.loads(b"".join(export(actor=acting(auditor), name="versions", form="json").pieces))
    registered = Entry.objects.get(kind="registry.version.registered")
    assert (found["entry_index"], found["entry_hash"]) == (registered.index, bytes(registered.leaf_hash).hex())


def test_every_list_can_be_exported_in_both_forms_and_each_export_is_an_act(office: Database, auditor: User) -> None:
    make_version()
    office.sequence()
    before = Entry.objects.count()
    for name in inventories():
        for form in ("csv", "json"):
            b"".join(export(actor=acting(auditor), name=name, form=form, reason="For the audit.").pieces)
    office.sequence()
    kinds = list(Entry.objects.filter(index__gte=before).values_list("kind", flat=True))
    assert kinds == ["audits.inventory.exported"] * 2 * len(inventories())
    assert set(inventories()) == {"models", "versions", "approvals", "decisions"}


def test_the_list_of_the_trail_is_exported_whole_or_by_subject(office: Database, auditor: User) -> None:
    size = office.sequence()
    rows = _csv(b"".join(export_trail(actor=acting(auditor), form="csv").pieces))
    assert [row["entry_index"] for row in rows] == [str(number) for number in range(size)]
    assert rows[0]["entry_hash"] == bytes(Entry.objects.get(index=0).leaf_hash).hex()
    subject = Entry.objects.filter(kind="governance.account.created")[0].subject
    chosen = {"subject": subject}
    (one,) = json.loads(b"".join(export_trail(actor=acting(auditor), form="json", chosen=chosen).pieces))
    assert one["subject"] == subject
    chosen = {"kind": "no.such.kind"}
    assert json.loads(b"".join(export_trail(actor=acting(auditor), form="json", chosen=chosen).pieces)) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_no_cell_begins_like_a_formula(office: Database, auditor: User, text: str) -> None:
    model = make_version().model
    with act(RolesAssigned(roles=[]), actor=acting(person("owner")), subject=model):
        RegisteredModel.objects.filter(pk=model.pk).update(title=text)
    office.sequence()
    (row,) = _csv(b"".join(export(actor=acting(auditor), name="models", form="csv").pieces))
    assert row["title"] == f"'{text}"


def test_who_may_not_read_a_list_may_not_export_it(office: Database, stranger: User, auditor: User) -> None:
    for name in inventories():
        with pytest.raises(NotPermitted):
            export(actor=acting(stranger), name=name, form="csv")
    with pytest.raises(NotPermitted):
        export_trail(actor=acting(stranger), form="csv")
    with pytest.raises(NotFound, match="the lists are"):
        export(actor=acting(auditor), name="people", form="csv")
    with pytest.raises(DomainError, match="csv, json"):
        export(actor=acting(auditor), name="models", form="xlsx")
    office.sequence()
    assert not Entry.objects.filter(kind__endswith=".exported").exists()


@pytest.mark.parametrize("asked", ["subject=registry.model:1", "actor=user:1", "kind=audits.trail.exported"])
def test_a_list_that_is_not_the_trail_is_not_narrowed_and_says_so(office: Database, auditor: User, asked: str) -> None:
    refused = client_of("auditor").get(f"/api/v1/exports/models?{asked}")
    assert refused.status_code == 400
    problem = refused.json()
    assert problem["code"] == "not_narrowed"
    assert f"leave {asked.partition('=')[0]} out" in problem["detail"]
    office.sequence()
    assert not Entry.objects.filter(kind__endswith=".exported").exists()


def test_exports_come_over_http_as_files(office: Database, auditor: User) -> None:
    make_version()
    office.sequence()
    answer = client_of("auditor").get("/api/v1/exports/versions?format=csv")
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="versions.csv"'
    assert answer["Countersign-Receipt"]
    assert b"entry_hash" in b"".join(answer)  # type: ignore[call-overload]
    assert client_of("auditor").get("/api/v1/exports/people").status_code == 404
    assert client_of("auditor").get("/api/v1/exports/trail?format=xml").status_code == 400
    assert client_of("service").get("/api/v1/exports/trail").status_code == 403
    entry = Entry.objects.get(index=0)
    narrowed = client_of("auditor").get(f"/api/v1/exports/trail?actor={entry.actor}&kind={entry.kind}&format=json")
    assert {row["kind"] for row in json.loads(b"".join(narrowed))} == {entry.kind}  # type: ignore[call-overload]
