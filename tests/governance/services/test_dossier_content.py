"""What a dossier says of a version on its way: read from the records, before anything is laid out on pages."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from audits.models import User
from audits.trail.selection import one_view
from governance.dossiers.blocks import SignatureStanding
from governance.dossiers.content import DossierContent, Outcome, Standing
from governance.dossiers.holes import find_holes
from governance.services import people, review
from governance.services.dossier_content.gathering import gather
from governance.services.dossiers import dossier_status
from governance.services.version_trail import NothingSequenced
from registry.models import ModelVersion
from registry.services import operations
from tests.database import Database
from tests.governance.services import reviewing
from tests.people import acting, person


def content(version: ModelVersion, office: Database, *, days: int = 0) -> DossierContent:
    """What would be printed now (or in some days) for the auditor."""
    office.sequence()
    with one_view():
        return gather(
            version=version,
            environment=reviewing.production(),
            reference="D-1",
            printed_by=person("auditor"),
            printed_at=timezone.now() + timedelta(days=days),
        ).content


def test_an_unreviewed_version_is_not_permitted_and_every_hole_has_an_owner(office: Database) -> None:
    said = content(reviewing.register(), office)
    assert said.standing is Standing.NOT_PERMITTED
    assert said.permit is None
    assert not said.decision.made
    assert said.evidence == ()
    assert [approval.outcome for approval in said.approvals] == ["Waiting", "Waiting"]
    assert all(section.sign_off is None for section in said.checklist.sections)
    holes = find_holes(said)
    assert len(holes) > 60
    assert {hole.owner for hole in holes} <= {
        "Model owner",
        "Validator",
        "Risk officer",
        "Compliance officer",
        "Olivia Okafor",
    }


def test_a_fully_reviewed_version_is_permitted_and_nothing_is_missing(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    assert reviewing.ask(reviewed).answer.allowed
    said = content(reviewed, reviewed_office)
    assert said.standing is Standing.PERMITTED
    assert find_holes(said) == ()
    assert said.decision.allowed
    assert said.decision.made
    assert said.decision.asked_by == "Deployment system"
    assert said.permit is not None
    assert "section 5" in said.standing_note
    assert said.trail.intact
    assert said.trail.waiting == 0


def test_the_status_is_what_the_gate_answers(office: Database) -> None:
    version = reviewing.register()
    environment = reviewing.production()
    assert dossier_status(version=version, environment=environment) is Standing.NOT_PERMITTED
    assert not reviewing.ask(version).answer.allowed
    evidence = reviewing.review_fully(version)
    assert dossier_status(version=version, environment=environment) is Standing.PERMITTED
    assert reviewing.ask(version).answer.allowed
    reviewing.answer_all(version, evidence, text="Changed.")
    assert dossier_status(version=version, environment=environment) is Standing.WITHDRAWN
    assert not reviewing.ask(version).answer.allowed


def test_what_rests_on_an_acceptance_expires_with_it(reviewed_office: Database, reviewed: ModelVersion) -> None:
    said = content(reviewed, reviewed_office, days=31)
    assert said.standing is Standing.EXPIRED
    [acceptance] = said.acceptances
    assert acceptance.signature is not None
    assert acceptance.signature.standing is SignatureStanding.STALE
    assert acceptance.signature.reason.startswith("It was given until")


def test_a_clause_shows_value_and_threshold_and_that_a_risk_was_accepted(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    clauses = {clause.title: clause for clause in content(reviewed, reviewed_office).decision.clauses}
    disparity = clauses["Disparity lies within tolerance or is accepted"]
    assert disparity.outcome is Outcome.MET
    assert (disparity.value, disparity.threshold) == ("0.61 (accepted)", "≥ 0.80")
    guessing = clauses["The model is better than guessing"]
    assert (guessing.value, guessing.threshold) == ("0.8123", "≥ 0.60")
    people = clauses["Two different people have approved"]
    assert (people.value, people.threshold) == ("2", "≥ 2")


def test_every_signature_has_name_time_meaning_and_its_place_in_the_trail(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    said = content(reviewed, reviewed_office)
    signed = [section.sign_off for section in said.checklist.sections]
    signed += [approval.signature for approval in said.approvals]
    signed += [acceptance.signature for acceptance in said.acceptances]
    assert len(signed) == 10
    kinds = {entry.index: entry.kind for entry in said.trail.entries}
    indexes = set()
    for signature in signed:
        assert signature is not None
        assert signature.standing is SignatureStanding.VALID
        assert signature.signer in {"Olivia Okafor", "Victor Vance", "Rita Rossi", "Carol Chen"}
        assert signature.signed_at.utcoffset() == timedelta(0)
        assert signature.meaning
        assert len(signature.digest) == 64
        assert signature.entry is not None
        assert kinds[signature.entry].rpartition(".")[2] in {"signed", "granted", "accepted"}
        indexes.add(signature.entry)
    assert len(indexes) == 10


def test_a_signature_goes_stale_when_an_answer_changes_and_the_dossier_says_which(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    section = content(reviewed, reviewed_office).checklist.sections[0]
    owner = person("owner")
    question = next(q for q in reviewing.template() if q.answered_by == "owner")
    answer = review.GivenAnswer(question=question.id, choice="yes", text="Another answer.")
    review.answer_questions(actor=acting(owner), version=reviewed, answers=[answer])
    said = content(reviewed, reviewed_office)
    stale = said.checklist.sections[0].sign_off
    assert section.sign_off is not None
    assert section.sign_off.standing is SignatureStanding.VALID
    assert stale is not None
    assert stale.standing is SignatureStanding.STALE
    assert "question 1.1" in stale.reason
    # The approvals were over that section too.
    assert [approval.outcome for approval in said.approvals] == ["Approved, no longer valid"] * 2
    assert said.standing is Standing.NOT_PERMITTED
    assert any(hole.where == f"Checklist, {section.title}" and "stale" in hole.what for hole in find_holes(said))


def test_evidence_that_was_measured_again_makes_old_links_and_signatures_stale(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    reviewing.measure(reviewed, seed=2)
    said = content(reviewed, reviewed_office)
    links = [link for section in said.checklist.sections for q in section.questions for link in q.evidence]
    assert links
    assert all("no longer current" in link for link in links)
    assert said.approvals[0].signature is not None
    assert "evidence is newer" in said.approvals[0].signature.reason


def test_an_approval_by_somebody_who_lost_the_role_no_longer_counts(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    people.assign_roles(
        actor=acting(person("compliance_officer")), account=person("validator"), roles=["owner"], reason="Moved."
    )
    validation = content(reviewed, reviewed_office).approvals[0].signature
    assert validation is not None
    assert validation.standing is SignatureStanding.STALE
    assert "no longer has the role" in validation.reason


def test_a_rejection_is_shown_as_one(office: Database) -> None:
    version = reviewing.register()
    victor = person("validator")
    review.decide_version(
        actor=acting(victor),
        version=version,
        role="validator",
        verdict="rejected",
        meaning="I do not approve this.",
        comment="Nothing was measured.",
        authentication=reviewing.sign(victor),
    )
    validation = content(version, office).approvals[0]
    assert validation.outcome == "Rejected"
    assert validation.signature is not None
    assert validation.signature.comment == "Nothing was measured."


def test_what_serving_and_monitoring_reported_is_in_it(office: Database, service: User) -> None:
    version = reviewing.register()
    operations.report_deployment(
        actor=acting(service), environment=reviewing.production(), digest=version.artifact_digest, reference="eu-1"
    )
    said = content(version, office)
    [deployment] = said.deployments
    assert (deployment.environment, deployment.status) == ("production", "Deployed (eu-1)")
    assert deployment.entry == said.trail.entries[-1].index
    # Not permitted and running all the same: both are said.
    assert said.standing is Standing.NOT_PERMITTED


def test_entries_name_people_and_give_the_reasons_that_people_wrote(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    said = content(reviewed, reviewed_office)
    by_kind = {entry.kind: entry for entry in said.trail.entries}
    assert by_kind["governance.risk.accepted"].reason == reviewing.ACCEPTED
    assert by_kind["governance.risk.accepted"].actor == "Rita Rossi"
    assert by_kind["audits.evidence.recorded"].actor == "Countersign (worker)"
    assert by_kind["registry.version.registered"].subject == "Version arrears 1"
    assert by_kind["registry.dataset.registered"].subject == "Dataset loans 1"
    assert all(entry.kind != "governance.account.created" for entry in said.trail.entries)


def test_damaged_evidence_is_named_and_nothing_of_it_is_shown(office: Database) -> None:
    version = reviewing.register()
    evidence = reviewing.measure(version)
    digest = evidence[0].record_digest
    kept = settings.DATA_DIR / "artifacts" / "sha256" / digest[:2] / digest
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes().replace(b"0.61", b"0.99"))
    said = content(version, office)
    damaged = next(section for section in said.evidence if section.digest == evidence[0].digest)
    assert damaged.tables == ()
    assert damaged.flags
    assert not said.trail.intact
    assert "evidence-performance.json" not in [attachment.name for attachment in said.attachments]


def test_acts_that_are_not_in_the_log_yet_are_counted(office: Database) -> None:
    version = reviewing.register()
    office.sequence()
    reviewing.measure(version)
    with one_view():
        said = gather(
            version=version,
            environment=reviewing.production(),
            reference="D-1",
            printed_by=person("auditor"),
            printed_at=timezone.now(),
        ).content
    assert said.trail.waiting == 4
    assert all(section.entry is None for section in said.evidence)


@pytest.mark.usefixtures("office")
def test_a_trail_without_a_checkpoint_is_no_ground_for_a_dossier() -> None:
    version = reviewing.register()
    with pytest.raises(NothingSequenced, match="start a worker"), one_view():
        gather(
            version=version,
            environment=reviewing.production(),
            reference="D-1",
            printed_by=person("auditor"),
            printed_at=timezone.now(),
        )


def test_a_log_that_does_not_hold_is_said_to_fail_and_no_bundle_is_enclosed(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    with reviewed_office.superuser() as attacker:
        attacker.execute("ALTER TABLE audits_entry DISABLE TRIGGER ALL")
        attacker.execute("UPDATE audits_entry SET leaf_hash = sha256('another') WHERE index = 3")
    with one_view():
        said = gather(
            version=reviewed,
            environment=reviewing.production(),
            reference="D-1",
            printed_by=person("auditor"),
            printed_at=timezone.now(),
        ).content
    assert not said.trail.intact
    assert any("The log does not hold" in check for check, held in said.trail.checks if not held)
    assert "bundle.json" not in [attachment.name for attachment in said.attachments]


def test_a_snapshot_of_a_table_taken_later_is_not_where_a_signature_was_recorded(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    before = [
        approval.signature.entry for approval in content(reviewed, reviewed_office).approvals if approval.signature
    ]
    with reviewed_office.superuser() as installer, installer.transaction():
        installer.execute(
            "SELECT audits_open_act('audits.table.governed', 'system:test', 'test', 'system:trail', '', '{}')"
        )
        installer.execute(
            "INSERT INTO audits_change (epoch, xid, tbl, op, key, diff) SELECT audits_current_epoch(),"
            " pg_current_xact_id(), 'governance_approval', 'S', id::text, '{}' FROM governance_approval"
        )
    after = [
        approval.signature.entry for approval in content(reviewed, reviewed_office).approvals if approval.signature
    ]
    assert None not in before
    assert after == before
