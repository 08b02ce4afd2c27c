"""The proof bundle of a version: what is in it, what is not, that it verifies without us, who may have it."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import connections

from audits.errors import NotPermitted
from audits.merkle.bundles import verify_bundle
from audits.models import Act, Entry, User
from audits.trail.keys import verifying_key
from governance.services import version_trail
from governance.services.bundles import export_bundle
from registry.models import ModelVersion
from registry.services import inventory
from tests.database import Database
from tests.governance.services import reviewing
from tests.people import acting, person

ROOT = Path(__file__).resolve().parents[3]


def acts_in(bundle: bytes) -> list[dict[str, object]]:
    return [json.loads(entry["body"])["act"] for entry in json.loads(bundle)["entries"]]


def test_it_holds_everything_about_the_version_and_verifies_without_django(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User, tmp_path: Path
) -> None:
    reviewing.ask(reviewed)
    reviewed_office.sequence()
    bundle = export_bundle(actor=acting(auditor_of_review), version=reviewed)
    kinds = {str(act["kind"]) for act in acts_in(bundle)}
    assert kinds >= {
        "registry.model.registered",
        "registry.dataset.registered",
        "registry.version.registered",
        "audits.evidence.recorded",
        "governance.questions.answered",
        "governance.section.signed",
        "governance.risk.accepted",
        "governance.approval.granted",
        "governance.decision.made",
        "governance.policy.adopted",
        "governance.checklist.adopted",
    }
    assert not any(kind.startswith(("governance.account", "governance.token")) for kind in kinds)
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle)
    done = subprocess.run(
        [sys.executable, "-m", "audits.merkle", "verify", str(file), "--key", verifying_key().vkey],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_says_what_was_selected_when_and_by_which_instance(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    about = json.loads(export_bundle(actor=acting(auditor_of_review), version=reviewed))["about"]
    assert about["model"] == "arrears"
    assert about["version"] == 1
    assert about["artifact"] == {"sha256": reviewed.artifact_digest}
    assert about["exported_at"].endswith("Z")
    assert about["instance"].startswith("http")
    assert about["acts_not_yet_in_the_log"] == 0
    assert "registration" in about["selected"]


def test_another_models_acts_are_not_in_it(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    owner = person("owner")
    other = inventory.register_model(
        actor=acting(owner),
        name="other",
        title="Other",
        owner=owner,
        business_unit="Elsewhere",
        intended_purpose="Nobody's business.",
        risk_tier="low",
    )
    reviewed_office.sequence()
    bundle = export_bundle(actor=acting(auditor_of_review), version=reviewed)
    assert str(other.pk) not in bundle.decode()


def test_handing_it_out_is_an_act(reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User) -> None:
    bundle = export_bundle(actor=acting(auditor_of_review), version=reviewed, reason="For the supervisor.")
    reviewed_office.sequence()
    entry = Entry.objects.order_by("index").last()
    assert entry is not None
    said = json.loads(bytes(entry.body))["act"]
    assert said["kind"] == "governance.bundle.exported"
    assert said["actor"] == f"user:{auditor_of_review.pk}"
    assert said["data"]["entries"] == len(acts_in(bundle))
    assert said["data"]["checkpoint_size"] == entry.index


@pytest.mark.parametrize("who", ["stranger", "service"])
def test_nobody_gets_it_without_the_permission(reviewed: ModelVersion, who: str) -> None:
    acts = Act.objects.count()
    with pytest.raises(NotPermitted, match=r"audits\.export_bundle"):
        export_bundle(actor=acting(person(who)), version=reviewed)
    assert Act.objects.count() == acts


def test_it_waits_for_a_sequencer_that_is_at_work(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    reviewing.ask(reviewed)

    def later() -> None:
        reviewed_office.sequence()
        connections.close_all()

    worker = threading.Timer(0.3, later)
    worker.start()
    bundle = export_bundle(actor=acting(auditor_of_review), version=reviewed)
    worker.join()
    assert acts_in(bundle)[-1]["kind"] == "governance.decision.made"


def test_it_says_how_many_acts_are_not_in_it_where_no_sequencer_works(
    reviewed: ModelVersion, auditor_of_review: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_trail, "PATIENCE", 0.2)
    reviewing.ask(reviewed)
    bundle = export_bundle(actor=acting(auditor_of_review), version=reviewed)
    assert json.loads(bundle)["about"]["acts_not_yet_in_the_log"] == 1
    verify_bundle(bundle, trusted_key=verifying_key())


def test_a_log_that_was_tampered_with_yields_no_bundle(
    reviewed_office: Database, reviewed: ModelVersion, auditor_of_review: User
) -> None:
    with reviewed_office.superuser() as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("ALTER TABLE audits_entry DISABLE TRIGGER ALL")
        attacker.execute(
            "UPDATE audits_entry SET body ="
            " convert_to(replace(convert_from(body, 'UTF8'), 'granted', 'refused'), 'UTF8')"
            " WHERE kind = 'governance.approval.granted'"
        )
    acts = Act.objects.count()
    with pytest.raises(version_trail.LogDamaged, match="run verify"):
        export_bundle(actor=acting(auditor_of_review), version=reviewed)
    assert Act.objects.count() == acts
