"""An office at work: a version that waits for the validator, one half answered, and a row of everything else."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from audits.artifacts import store
from audits.models import Evidence, VerificationRun
from audits.services.evidence import record_evidence
from audits.services.verification import verify_trail
from audits.trail import Actor, act
from governance import events
from governance.models import ApiToken, Decision, Dossier, PolicyAssignment
from governance.services import gate, review, tokens
from governance.services.signing import FreshAuthentication
from registry.models import Assessment, DatasetVersion, Environment, Intake, ModelVersion, RegisteredModel
from registry.services import assessments, intakes, inventory, operations
from tests.governance.admin.records import AT, RESULTS, record
from tests.people import acting, person

HOSTILE = "<script>alert('title')</script>"


@dataclass(frozen=True, kw_only=True)
class Office:
    """Keys of what is there. ``ready`` waits for the validator; in ``started`` one section is answered."""

    ready: str
    started: str
    model: str
    dataset: str
    evidence: str
    assessment: str
    deployment: str
    batch: str
    decision: str
    upload: str
    token: str
    dossier: str
    environment: str
    policy: str
    checklist: str
    verification: str
    run: str


def sign_as(role: str) -> FreshAuthentication:
    return FreshAuthentication(user_id=person(role).pk, method="password", at=timezone.now())


def answer(version: ModelVersion, section: str, *, words: str = "It is written down.") -> None:
    """Everything in one section with yes, by those who are asked."""
    checklist = PolicyAssignment.objects.get(environment__name="production").checklist
    questions = next(s for s in checklist.template.sections if s.id == section).questions
    for role in sorted({question.answered_by for question in questions}):
        given = [
            review.GivenAnswer(question=question.id, choice="yes", text=words)
            for question in questions
            if question.answered_by == role
        ]
        review.answer_questions(actor=acting(person(role)), version=version, answers=given)


def sign(version: ModelVersion, section: str) -> None:
    checklist = PolicyAssignment.objects.get(environment__name="production").checklist
    role = next(s for s in checklist.template.sections if s.id == section).signed_by
    review.sign_section(
        actor=acting(person(role)),
        version=version,
        section=section,
        meaning="I stand by it.",
        authentication=sign_as(role),
    )


def make_office() -> Office:
    owner = acting(person("owner"))
    dataset = _dataset()
    model = inventory.register_model(
        actor=owner,
        name="scoring",
        title=HOSTILE,
        owner=person("owner"),
        business_unit="Retail <b>lending</b>",
        intended_purpose="Ranks <i>applications</i>.",
        risk_tier="high",
    )
    ready = _version(model, dataset, b"first artifact")
    evidence = [_evidence(ready, measurement) for measurement in RESULTS]
    checklist = PolicyAssignment.objects.get(environment__name="production").checklist
    for section in checklist.template.sections:
        answer(ready, section.id)
        sign(ready, section.id)
    started = _version(model, dataset, b"second artifact")
    answer(started, "problem")
    token, decision = _asked(ready)
    service = acting(person("service"))
    production = Environment.objects.get(name="production")
    deployment = operations.report_deployment(
        actor=service, environment=production, digest=ready.artifact_digest, reference="<u>pod</u>"
    )
    batch = operations.report_predictions(
        actor=service,
        version=ready,
        environment=production,
        content=store.put_bytes(b"{}\n"),
        media_type="application/x-ndjson",
        facts=operations.BatchFacts(rows=10, rows_with_outcome=4, columns=["score"]),
    )
    return Office(
        ready=str(ready.pk),
        started=str(started.pk),
        model=str(model.pk),
        dataset=str(dataset.pk),
        evidence=str(evidence[0].pk),
        assessment=str(_assessment(ready, dataset).pk),
        deployment=str(deployment.pk),
        batch=str(batch.pk),
        decision=str(decision.pk),
        upload=str(_upload().pk),
        token=str(token.pk),
        dossier=str(_dossier(ready, production).pk),
        environment=str(production.pk),
        policy=str(PolicyAssignment.objects.get(environment=production).policy_id),
        checklist=str(checklist.pk),
        verification=str(verify_trail(actor=Actor.system("worker", via="job")).pk),
        run=str(VerificationRun.objects.create(asked_at=timezone.now(), asked_by="user:1").pk),
    )


def _dataset() -> DatasetVersion:
    return inventory.register_dataset(
        actor=acting(person("owner")),
        name="applications",
        file_name="applications.csv",
        media_type="text/csv",
        source="The <b>warehouse</b>",
        content=store.put_bytes(b"sex,good\nf,1\nm,0\n"),
        table=inventory.TableDescription(
            columns=[
                {"name": "sex", "type": "text", "missing": 0, "distinct": 2},
                {"name": "good", "type": "integer", "missing": 0, "distinct": 2},
            ],
            row_count=2,
            sensitive_columns=["sex"],
            target_column="good",
        ),
    )


def _upload() -> Intake:
    return intakes.receive_dataset(
        actor=acting(person("owner")),
        name="later",
        content=store.put_bytes(b"a,b\n1,2\n"),
        file_name="<b>later</b>.csv",
        media_type="text/csv",
        source="the warehouse",
    )


def _version(model: RegisteredModel, dataset: DatasetVersion, artifact: bytes) -> ModelVersion:
    return inventory.register_version(
        actor=acting(person("owner")),
        model=model,
        artifact=store.put_bytes(artifact),
        artifact_name="model.skops",
        artifact_format="skops",
        lineage=inventory.Lineage(framework="scikit-learn", notes="<b>notes</b>"),
        training_data=dataset,
    )


def _evidence(version: ModelVersion, measurement: str) -> Evidence:
    return record_evidence(
        actor=acting(person("owner")),
        measured=record(version, measurement),
        dataset_digest="d" * 64,
        origin="registry.assessment:made-up",
        measured_at=AT,
    )


def _assessment(version: ModelVersion, dataset: DatasetVersion) -> Assessment:
    return assessments.request_assessment(
        actor=acting(person("owner")),
        version=version,
        dataset=dataset,
        measurements=["performance"],
        parameters={"task": "classification"},
        reason="Because.",
    )


def _asked(version: ModelVersion) -> tuple[ApiToken, Decision]:
    issued = tokens.issue_token(
        actor=acting(person("compliance_officer")),
        account=person("service"),
        name="pipeline",
        scopes=["governance.request_decision"],
        expires_at=timezone.now() + timedelta(days=30),
    )
    question = gate.Question(environment="production", model=version.model.name, version=version.number)
    gate.decide(token=issued.secret, question=question)
    return issued.token, Decision.objects.get()


def _dossier(version: ModelVersion, environment: Environment) -> Dossier:
    kept = store.put_bytes(b"%PDF-1.7 made up")
    row = Dossier(
        version=version,
        environment=environment,
        digest=kept.digest,
        size=kept.size,
        status="Not permitted",
        checkpoint_size=1,
        printed_by=person("owner"),
        printed_at=timezone.now(),
    )
    with act(
        events.DossierPrinted(digest=kept.digest, status=row.status), actor=acting(person("owner")), subject=version
    ):
        row.save(force_insert=True)
    return row
