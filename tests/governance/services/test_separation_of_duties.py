"""Who may sign what, held by the service and by the database: for pages, the API, a shell and raw SQL alike."""

import threading
import time

import pytest
from django.contrib.auth.models import Group
from django.core.files.storage import storages
from django.db import IntegrityError, connections
from django.utils import timezone

from audits.errors import DomainError, NotPermitted
from audits.models import User
from audits.trail import Actor, act
from governance import events
from governance.models import Approval, ChecklistAnswer, Decision, Policy, PolicyAssignment, Standing
from governance.policies.evaluation import evaluate
from governance.policies.snapshots import FactSnapshot
from governance.services import people, review, rules
from governance.services.signed_content import approval_is_valid, read_file, section_is_signed
from governance.services.signing import SigningRefused, authenticate_freshly
from governance.services.standing import recompute_version, refresh_standings
from registry.models import ModelVersion
from tests.database import Database
from tests.governance.services import reviewing
from tests.people import PASSWORD, acting, person

ROBOT = Actor.system("test")


def approval_by(account: User, version: ModelVersion, *, role: str = "validator") -> Approval:
    return Approval(
        version=version,
        verdict="approved",
        signer=account,
        signer_name=account.name,
        role=role,
        meaning="I approve.",
        signed_digest="0" * 64,
        method="password",
        signed_at=timezone.now(),
    )


def insert(approval: Approval, *, actor: User) -> None:
    """As a shell could: around the service, in an act."""
    event = events.ApprovalGranted(role=approval.role, signed_digest=approval.signed_digest)
    with act(event, actor=acting(actor), subject=approval.version):
        approval.save(force_insert=True)


def give_role(account: User, role: str) -> None:
    with act(events.RolesAssigned(roles=[role]), actor=acting(account), subject=account):
        account.groups.add(Group.objects.get(name=role))


def production(version: ModelVersion) -> Standing:
    return Standing.objects.get(version=version, environment__name="production")


def test_a_shell_cannot_approve_for_the_owner_even_with_the_role(office: Database) -> None:
    version, owner = reviewing.register(), person("owner")
    give_role(owner, "validator")
    with pytest.raises(IntegrityError, match="nobody approves their own work"):
        insert(approval_by(owner, version), actor=owner)


def test_a_shell_cannot_approve_without_the_role(office: Database) -> None:
    version = reviewing.register()
    with pytest.raises(IntegrityError, match="does not have the role validator"):
        insert(approval_by(person("risk_officer"), version), actor=person("risk_officer"))


def test_a_shell_cannot_sign_in_the_name_of_another(office: Database) -> None:
    version = reviewing.register()
    with pytest.raises(IntegrityError, match="in an act of the signer"):
        insert(approval_by(person("validator"), version), actor=person("owner"))


def test_a_shell_cannot_let_one_person_approve_in_both_roles(office: Database) -> None:
    version, validator = reviewing.register(), person("validator")
    give_role(validator, "compliance_officer")
    insert(approval_by(validator, version), actor=validator)
    with pytest.raises(IntegrityError, match="two different people approve"):
        insert(approval_by(validator, version, role="compliance_officer"), actor=validator)


def test_raw_sql_of_the_application_cannot_approve_around_an_act(reviewed: ModelVersion) -> None:
    with connections["default"].cursor() as cursor, pytest.raises(IntegrityError):
        cursor.execute(
            "INSERT INTO governance_approval SELECT gen_random_uuid(), signer_name, role, meaning, comment,"
            " signed_digest, method, signed_at, verdict, signer_id, version_id FROM governance_approval LIMIT 1"
        )


def test_the_owner_is_refused_and_the_refusal_is_an_act(office: Database) -> None:
    version, owner = reviewing.register(), person("owner")
    with pytest.raises(SigningRefused, match="Nobody approves their own work"):
        review.decide_version(
            actor=acting(owner),
            version=version,
            role="validator",
            verdict="approved",
            meaning="Mine.",
            authentication=authenticate_freshly(account=owner, password=PASSWORD),
        )
    with office.superuser() as superuser:
        kinds = superuser.execute("SELECT kind FROM audits_act ORDER BY at DESC LIMIT 1").fetchall()
    assert kinds == [("governance.signing.denied",)]


def test_a_password_that_another_set_signs_nothing_until_its_person_chose_one(office: Database) -> None:
    version, validator, officer = reviewing.register(), person("validator"), person("compliance_officer")
    people.change_password(actor=acting(officer), account=validator, password="chosen by somebody else")
    validator.refresh_from_db()
    with pytest.raises(SigningRefused, match="set by somebody else"):
        review.decide_version(
            actor=acting(validator),
            version=version,
            role="validator",
            verdict="rejected",
            comment="No.",
            meaning="I reject.",
            authentication=authenticate_freshly(account=validator, password="chosen by somebody else"),
        )
    with pytest.raises(IntegrityError, match="somebody else set"):
        insert(approval_by(validator, version), actor=validator)


def test_whoever_set_the_password_of_one_approver_is_not_the_other(office: Database) -> None:
    version, validator, officer = reviewing.register(), person("validator"), person("compliance_officer")
    people.change_password(actor=acting(officer), account=validator, password="chosen by somebody else")
    people.change_password(actor=acting(validator), account=validator, password=PASSWORD)
    validator.refresh_from_db()
    insert(approval_by(validator, version), actor=validator)
    with pytest.raises(NotPermitted, match="once set the other's password"):
        review.decide_version(
            actor=acting(officer),
            version=version,
            role="compliance_officer",
            verdict="rejected",
            comment="No.",
            meaning="I reject.",
            authentication=authenticate_freshly(account=officer, password=PASSWORD),
        )
    with pytest.raises(IntegrityError, match="could not sign for each other"):
        insert(approval_by(officer, version, role="compliance_officer"), actor=officer)


def test_roles_that_keep_each_other_in_check_are_not_one_persons(office: Database) -> None:
    officer = acting(person("compliance_officer"))
    with pytest.raises(DomainError, match="not both owner and validator"):
        people.assign_roles(actor=officer, account=person("owner"), roles=["owner", "validator"], reason="Both.")


def test_a_signature_moved_to_another_section_role_or_version_counts_for_nothing(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    with reviewed_office.superuser() as superuser:
        for table in ("governance_signoff", "governance_approval"):
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        superuser.execute("DELETE FROM governance_signoff WHERE section = 'baseline'")
        superuser.execute("UPDATE governance_signoff SET section = 'baseline' WHERE section = 'data'")
        superuser.execute("UPDATE governance_approval SET role = 'compliance_officer' WHERE role = 'validator'")
        superuser.execute("DELETE FROM governance_approval WHERE signer_id = %s", [person("compliance_officer").pk])
    file = read_file(reviewed)
    assert file is not None
    section = next(s for s in file.checklist.template.sections if s.id == "baseline")
    assert [s.section for s in file.sign_offs].count("baseline") == 1
    assert not section_is_signed(file, section)
    assert not approval_is_valid(file, "compliance_officer")
    assert not approval_is_valid(file, "validator")


@pytest.mark.parametrize(
    "beneath",
    [
        "UPDATE registry_registeredmodel SET risk_tier = 'critical'",
        "UPDATE registry_modelversion SET artifact_digest = repeat('a', 64)",
        "UPDATE governance_checklistanswer SET choice = 'no' WHERE question = 'decision-described'",
        "UPDATE audits_evidence SET digest = repeat('b', 64) WHERE measurement = 'fairness'",
    ],
)
def test_a_signature_goes_stale_when_what_lies_beneath_changes(
    reviewed_office: Database, reviewed: ModelVersion, beneath: str
) -> None:
    before = read_file(reviewed)
    assert before is not None
    assert approval_is_valid(before, "compliance_officer")
    with reviewed_office.superuser() as superuser:
        superuser.execute(f"ALTER TABLE {beneath.split()[1]} DISABLE TRIGGER USER")
        superuser.execute(beneath)
    after = read_file(reviewed)
    assert after is not None
    assert not approval_is_valid(after, "validator")
    assert not approval_is_valid(after, "compliance_officer")


def test_another_policy_makes_approvals_stale_and_the_gate_say_no(reviewed: ModelVersion) -> None:
    assignment = PolicyAssignment.objects.select_related("checklist").get(environment__name="production")
    rules.assign_policy(
        actor=acting(person("risk_officer")),
        environment=assignment.environment,
        policy=Policy.objects.get(key="high-risk"),
        checklist=assignment.checklist,
        reason="Stricter.",
    )
    file = read_file(reviewed)
    assert file is not None
    assert not approval_is_valid(file, "validator")
    assert not production(reviewed).allowed


def test_the_refresh_finds_an_artifact_that_is_gone(reviewed: ModelVersion) -> None:
    digest = reviewed.artifact_digest
    storages["artifacts"].delete(f"sha256/{digest[:2]}/{digest}")
    refresh_standings(actor=ROBOT)
    assert not production(reviewed).allowed


def test_a_closed_account_no_longer_approves_what_it_approved(reviewed: ModelVersion) -> None:
    people.close_account(actor=acting(person("compliance_officer")), account=person("validator"), reason="Left.")
    assert not production(reviewed).allowed


def test_what_is_open_is_named_with_the_role_that_closes_it(reviewed: ModelVersion) -> None:
    answer = ChecklistAnswer.objects.get(version=reviewed, question="law-identified")
    with act(events.QuestionsAnswered(questions=[answer.question]), actor=ROBOT, subject=reviewed):
        ChecklistAnswer.objects.filter(pk=answer.pk).update(choice="no")
        recompute_version(version=reviewed)
    reasons = {reason["rule"]: reason for reason in production(reviewed).outcome["reasons"]}
    question = answer.checklist.template.questions["law-identified"]
    assert question.text in reasons["no-blocking-question"]["explain"]
    assert reasons["no-blocking-question"]["owner"] == question.answered_by
    section = answer.checklist.template.section_of("law-identified")
    assert section.title in reasons["signatures-current"]["explain"]
    assert reasons["signatures-current"]["owner"] == section.signed_by


def test_of_two_changes_at_once_the_later_sees_the_earlier(reviewed: ModelVersion) -> None:
    answer = ChecklistAnswer.objects.filter(version=reviewed).order_by("question")[0]
    errors: list[BaseException] = []

    def change_elsewhere() -> None:
        try:
            with act(events.StandingComputed(), actor=ROBOT, subject=reviewed):
                recompute_version(version=reviewed)
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            errors.append(error)
        finally:
            connections.close_all()

    with act(events.QuestionsAnswered(questions=[answer.question]), actor=ROBOT, subject=reviewed):
        ChecklistAnswer.objects.filter(pk=answer.pk).update(choice="no")
        recompute_version(version=reviewed)
        other = threading.Thread(target=change_elsewhere)
        other.start()
        time.sleep(0.5)
        assert other.is_alive(), "it waits for this act"
    other.join(timeout=30)
    assert errors == []
    assert not production(reviewed).allowed


def test_a_past_decision_can_be_evaluated_again_from_what_it_kept(reviewed: ModelVersion) -> None:
    reviewing.ask(reviewed)
    decision = Decision.objects.get(version=reviewed, allowed=True)
    policy = Policy.objects.get(digest=decision.policy_digest)
    assert decision.evaluated_at is not None
    again = evaluate(policy.rules, FactSnapshot.from_json(decision.facts), at=decision.evaluated_at)
    assert again.allowed
    assert {clause.id for clause in again.clauses} == {reason["rule"] for reason in decision.reasons}
