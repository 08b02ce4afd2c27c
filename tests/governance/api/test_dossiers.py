"""Dossiers and bundles over HTTP: ordered here, printed by a worker, and every download an act."""

import json
from pathlib import Path

import pytest
from django.utils import timezone

from audits.artifacts import store
from audits.models import Act
from audits.trail import Actor, act
from audits.trail.keys import verifying_key
from governance import events, tasks
from governance.models import Dossier, DossierOrder
from registry.models import Environment, ModelVersion
from tests.clients import client_of, make_version
from tests.database import Database
from tests.people import person

VERSION = "/api/v1/models/churn/versions/1"


def printed(*, actor: Actor, version: ModelVersion, environment: Environment) -> Dossier:
    """What the press would do, without the press."""
    content = store.put_bytes(b"%PDF-1.7 and so on")
    dossier = Dossier(
        version=version,
        environment=environment,
        digest=content.digest,
        size=content.size,
        status="Denied",
        checkpoint_size=1,
        printed_by_id=actor.user_id,
        printed_at=timezone.now(),
    )
    with act(events.DossierPrinted(digest=content.digest, status="Denied"), actor=actor, subject=version):
        dossier.save(force_insert=True)
    return dossier


def test_a_dossier_is_ordered_printed_and_downloaded(office: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    make_version()
    officer = client_of("compliance_officer")
    response = officer.post(f"{VERSION}/dossiers", {"environment": "production"})
    assert response.status_code == 202, response.content
    order = json.loads(response.content)
    assert (order["status"], bool(order["receipt"])) == ("queued", True)
    monkeypatch.setattr("governance.services.dossiers.print_dossier", printed)
    tasks.print_ordered_dossier(order_id=order["id"])
    tasks.print_ordered_dossier(order_id=order["id"])
    done = json.loads(officer.get(response.headers["Location"]).content)
    assert done["status"] == "succeeded"
    (listed,) = json.loads(officer.get(f"{VERSION}/dossiers").content)["results"]
    assert listed["id"] == done["dossier"]
    assert json.loads(officer.get(f"/api/v1/dossiers/{done['dossier']}").content)["printed_by"] == "carol"
    download = client_of("auditor").get(f"/api/v1/dossiers/{done['dossier']}/pdf")
    assert download.content == b"%PDF-1.7 and so on"
    assert download.headers["Content-Type"] == "application/pdf"
    taken = Act.objects.get(kind="governance.dossier.downloaded")
    assert taken.actor == f"user:{person('auditor').pk}"
    assert download.headers["Countersign-Receipt"] == str(taken.id)


def test_an_order_that_cannot_be_printed_says_why(office: Database) -> None:
    make_version()
    officer = client_of("compliance_officer")
    assert officer.post(f"{VERSION}/dossiers", {"environment": "moon"}).status_code == 404
    assert officer.post(f"{VERSION}/dossiers", {}).status_code == 400
    assert not DossierOrder.objects.exists()
    response = officer.post(f"{VERSION}/dossiers", {"environment": "production"})
    # Nothing is sequenced yet, so nothing can be proved on paper.
    tasks.print_ordered_dossier(order_id=json.loads(response.content)["id"])
    order = DossierOrder.objects.get()
    assert order.status == "failed"
    assert order.problem


def test_a_dossier_changed_on_disk_is_not_handed_out(office: Database, own_directories: Path) -> None:
    version = make_version()
    officer = person("compliance_officer")
    dossier = printed(
        actor=Actor.person(officer, via="test"), version=version, environment=Environment.objects.get(name="staging")
    )
    (path,) = (own_directories / "artifacts").rglob(dossier.digest)
    path.chmod(0o600)
    path.write_bytes(b"%PDF-1.7 and so forth")
    response = client_of("auditor").get(f"/api/v1/dossiers/{dossier.pk}/pdf")
    assert (response.status_code, json.loads(response.content)["code"]) == (422, "corrupt_content")


def test_a_bundle_verifies_and_its_export_is_an_act(office: Database) -> None:
    from audits.merkle.bundles import verify_bundle

    make_version()
    auditor = client_of("auditor")
    office.sequencer().drain()
    response = auditor.get(f"{VERSION}/bundle")
    assert response.status_code == 200, response.content
    verify_bundle(response.content, trusted_key=verifying_key())
    assert "bundle-churn-1.json" in response.headers["Content-Disposition"]
    assert Act.objects.filter(kind="governance.bundle.exported").count() == 1


def test_without_a_checkpoint_there_is_no_bundle_and_it_says_so(office: Database) -> None:
    make_version()
    response = client_of("auditor").get(f"{VERSION}/bundle")
    assert (response.status_code, json.loads(response.content)["code"]) == (409, "nothing_sequenced")
