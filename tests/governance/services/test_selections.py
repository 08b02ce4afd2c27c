"""Bundles of any selection: an object, a model, a control, a period; each verifies, and handing it out is an act."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audits.errors import NotFound, NotPermitted
from audits.merkle.bundles import verify_bundle
from audits.models import Act, Checkpoint, Entry, User
from audits.services.bundles import export_selection
from audits.trail import selection as selecting
from audits.trail.keys import verifying_key
from audits.trail.selection import NothingSelected, SelectionInvalid, TooMuchSelected
from governance.services.selections import selection_of
from registry.models import ModelVersion
from tests.clients import client_of
from tests.database import Database
from tests.people import acting, person

CONTROL = "ISO/IEC 42001 A.9.4"


def exported(auditor: User, **asked: object) -> dict[str, Any]:
    data = export_selection(actor=acting(auditor), selection=selection_of(asked))
    verify_bundle(data, trusted_key=verifying_key())
    loaded: dict[str, Any] = json.loads(data)
    return loaded


def acts_of(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(entry["body"])["act"] for entry in bundle["entries"]]


def test_an_objects_history_is_every_act_on_it_and_every_change_of_its_row(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    subject = f"registry.modelversion:{reviewed.pk}"
    bundle = exported(auditor_of_review, subject=subject)
    assert bundle["selection"] == {"kind": "object", "subject": subject}
    found = {entry["index"] for entry in bundle["entries"]}
    on_it = set(Entry.objects.filter(subject=subject, index__lt=_size(bundle)).values_list("index", flat=True))
    assert on_it <= found
    by_row = exported(auditor_of_review, table="registry_modelversion", key=str(reviewed.pk))
    assert {entry["index"] for entry in by_row["entries"]} <= found


def _size(bundle: dict[str, Any]) -> int:
    return int(bundle["checkpoint"].split("\n")[1])


def test_a_model_comes_with_everything_about_it(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    bundle = exported(auditor_of_review, model="arrears")
    kinds = {act["kind"] for act in acts_of(bundle)}
    assert kinds >= {"registry.model.registered", "registry.version.registered", "governance.section.signed"}
    assert bundle["selection"] == {"kind": "model", "model": "arrears"}


def test_a_control_is_the_answers_and_signatures_that_are_its_evidence(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    bundle = exported(auditor_of_review, control=CONTROL)
    tables = {change["table"] for entry in bundle["entries"] for change in json.loads(entry["body"])["changes"]}
    assert tables >= {"governance_checklistanswer", "governance_signoff", "governance_checklist"}
    lower = exported(auditor_of_review, control=CONTROL.lower(), model="arrears")
    assert [entry["index"] for entry in lower["entries"]] == [entry["index"] for entry in bundle["entries"]]
    assert exported(auditor_of_review, control="purpose-and-limits")["entries"]


def test_a_period_is_everything_in_it_without_a_gap_and_narrows_other_selections(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    now = timezone.now()
    everything = exported(auditor_of_review, to=now)
    assert [entry["index"] for entry in everything["entries"]] == list(range(len(everything["entries"])))
    middle = Entry.objects.get(index=len(everything["entries"]) // 2).at
    later = exported(auditor_of_review, **{"from": middle, "to": now})
    assert 0 < len(later["entries"]) < len(everything["entries"])
    subject = f"registry.modelversion:{reviewed.pk}"
    with pytest.raises(NothingSelected, match="No entry of the log"):
        exported(auditor_of_review, subject=subject, **{"from": now + timedelta(days=1)})


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "Say what the bundle is to be about"),
        ({"subject": "a.b:1", "model": "m"}, "Say what"),
        ({"table": "t"}, "Say what"),
        ({"subject": "nonsense"}, "reads app.model:key"),
        ({"from": timezone.now(), "to": timezone.now() - timedelta(days=1)}, "empty"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_selection_is_said_to_be_none(asked: dict[str, object], says: str) -> None:
    with pytest.raises(SelectionInvalid, match=says):
        selection_of(asked)


def test_unknown_names_are_not_taken_for_empty_selections(reviewed_office: Database, reviewed: ModelVersion) -> None:
    with pytest.raises(NotFound, match="There is no model 'absent'"):
        selection_of({"model": "absent"})
    with pytest.raises(NotFound, match=r"No checklist has a reference.*EU AI Act"):
        selection_of({"control": "ISO 0"})


def test_too_much_is_refused_with_what_fits(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = Act.objects.count()
    monkeypatch.setattr(selecting, "MAX_ENTRIES", 5)
    with pytest.raises(TooMuchSelected, match=r"at most 5 entries.*by period.*The first 5 reach to 20"):
        exported(auditor_of_review, to=timezone.now())
    monkeypatch.setattr(selecting, "MAX_ENTRIES", 20_000)
    monkeypatch.setattr(selecting, "MAX_BUNDLE_BYTES", 20_000)
    with pytest.raises(TooMuchSelected, match="by period"):
        exported(auditor_of_review, to=timezone.now())
    assert Act.objects.count() == acts


def test_handing_it_out_is_an_act_that_says_what_was_asked_for(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    bundle = exported(auditor_of_review, model="arrears")
    act = Act.objects.filter(kind="audits.bundle.exported").latest("at")
    said = json.loads(act.data)
    assert json.loads(said["selection"]) == {"kind": "model", "model": "arrears"}
    assert said["entries"] == len(bundle["entries"])
    with pytest.raises(NotPermitted, match=r"audits\.export_bundle"):
        exported(person("service"), model="arrears")


def test_over_http_it_is_a_file_with_the_receipt_of_its_act(reviewed_office: Database, reviewed: ModelVersion) -> None:
    auditor = client_of("auditor")
    reviewed_office.sequence()
    response = auditor.get("/api/v1/trail/bundle?model=arrears&from=2020-01-01T00:00:00Z")
    assert response.status_code == 200, response.content
    verify_bundle(response.content, trusted_key=verifying_key())
    assert Act.objects.filter(pk=response.headers["Countersign-Receipt"], kind="audits.bundle.exported").exists()
    held = auditor.get("/api/v1/trail/bundle?model=arrears&held=3")
    older = Checkpoint.objects.filter(size=3).first()
    assert [item["first"] for item in held.json()["consistency"]] == [3]
    assert older is None or verify_bundle(held.content, trusted_key=verifying_key(), outside_checkpoint=older.note)
    posted = auditor.post("/api/v1/trail/bundle", {"control": CONTROL, "reason": "For the supervisor."})
    assert posted.status_code == 200
    refused = auditor.get("/api/v1/trail/bundle?control=nothing")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert auditor.get("/api/v1/trail/bundle?colour=red").status_code == 400


def test_the_command_writes_the_bundle_and_both_verifiers(
    reviewed_office: Database, reviewed: ModelVersion, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "proof.json"
    call_command("bundle", "--model", "arrears", "--out", str(out), "--verifiers")
    verify_bundle(out.read_bytes(), trusted_key=verifying_key())
    assert {path.name for path in folder.iterdir()} == {"proof.json", "verify.pyz", "verify.html"}
    with pytest.raises(CommandError, match="Say what"):
        call_command("bundle", "--out", str(out))
    with pytest.raises(CommandError, match="no folder"):
        call_command("bundle", "--model", "arrears", "--out", str(tmp_path / "absent" / "x.json"))
