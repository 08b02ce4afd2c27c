"""A version on its way through the house, for tests of what comes after: registered, measured, reviewed.

The evidence is made up, in the shape of real records; nothing is trained or measured here.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from audits.artifacts import store
from audits.evidence.record import digest_of
from audits.evidence.values import JsonObject, JsonValue
from audits.models import Evidence, User
from audits.services.evidence import MeasuredRecord, record_evidence
from audits.trail import Actor
from governance.checklists.templates import ChecklistTemplate
from governance.models import PolicyAssignment, Standing
from governance.services import gate, review, tokens
from governance.services.permits import Permitted, ask_gate
from governance.services.signing import FreshAuthentication, authenticate_freshly
from governance.services.standing import refresh_standings
from registry.models import Environment, ModelVersion
from registry.services import inventory
from tests.people import PASSWORD, acting, person

FIGURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
COLUMNS = [{"name": name, "type": kind} for name, kind in [("sex", "text"), ("income", "number"), ("paid", "text")]]
ACCEPTED = "The group is small; a person decides every case."
MEANING = "I stand for this."


def production() -> Environment:
    return Environment.objects.get(name="production")


def register(*, purpose: str = "Offers a talk in time.", notes: str = "") -> ModelVersion:
    """Version 1 of the model "arrears", by its owner, with the table that it was trained on."""
    owner = person("owner")
    model = inventory.register_model(
        actor=acting(owner),
        name="arrears",
        title="Arrears",
        owner=owner,
        business_unit="Retail credit",
        intended_purpose=purpose,
        risk_tier="high",
    )
    table = inventory.register_dataset(
        actor=acting(owner),
        name="loans",
        file_name="loans.csv",
        media_type="text/csv",
        source="Core banking",
        content=store.put_bytes(b"sex,income,paid\nf,1,yes\n"),
        table=inventory.TableDescription(columns=COLUMNS, row_count=1, sensitive_columns=["sex"], target_column="paid"),
    )
    return inventory.register_version(
        actor=acting(owner),
        model=model,
        artifact=store.put_bytes(b"the model's bytes"),
        artifact_name="arrears.skops",
        artifact_format="skops",
        lineage=inventory.Lineage(
            framework="scikit-learn",
            framework_version="1.9.1",
            parameters={"C": 0.5, "solver": {"name": "lbfgs"}},
            metrics={"accuracy": 0.8},
            packages={"numpy": "2.4.6"},
            source_commit="c0ffee",
            notes=notes,
        ),
        training_data=table,
    )


def measure(version: ModelVersion, *, seed: int = 1) -> list[Evidence]:
    """Three made-up records: performance, fairness below the policy's threshold, explainability."""
    data = version.training_data
    assert data is not None
    kept = []
    for name, title, results in _measurements():
        document = _record(version, data.digest, name, title, results, seed)
        kept.append(
            record_evidence(
                actor=Actor.system("worker", via="job"),
                measured=MeasuredRecord(document=document, digest=str(document["digest"]), figures={"bars": FIGURE}),
                dataset_digest=data.digest,
                origin="test",
                measured_at=timezone.now(),
            )
        )
    refresh_standings(actor=Actor.system("worker", via="job"))
    return kept


def _measurements() -> list[tuple[str, str, JsonObject]]:
    def value(number: float) -> JsonObject:
        return {"value": number, "low": number - 0.05, "high": number + 0.05}

    comparison: JsonObject = {
        "kind": "single",
        "columns": ["sex"],
        "groups": [{"impact_ratio": value(0.61), "small": False}, {"impact_ratio": value(1.0), "small": True}],
        "demographic_parity_difference": value(0.2),
        "equalized_odds_difference": value(0.1),
    }
    return [
        ("performance", "Performance", {"n": 120, "confusion_matrix": {}, "roc_auc": value(0.8123)}),
        ("fairness", "Fairness between groups", {"comparisons": [comparison]}),
        ("explainability", "Explainability", {"additivity": {"maximal_gap": 0.001}}),
    ]


def _record(version: ModelVersion, data: str, name: str, title: str, results: JsonObject, seed: int) -> JsonObject:
    columns: list[JsonValue] = [{"name": "metric", "label": "Metric"}, {"name": "value", "label": "Value"}]
    rows: list[JsonValue] = [{"metric": f"{title} of the test", "value": 0.61}]
    body: JsonObject = {
        "format": "countersign/evidence/v1",
        "measurement": name,
        "title": title,
        "finding": f"{title}: made up for a test.",
        "subject": {"kind": "registry.modelversion", "id": str(version.pk), "digest": version.artifact_digest},
        "inputs": {"dataset": {"digest": data, "rows": 120}, "model": None},
        "parameters": {"threshold": 0.5},
        "seed": seed,
        "versions": {"fairlearn": "0.15.0"},
        "results": results,
        "tables": [{"title": title, "columns": columns, "rows": rows}],
        "flags": [],
        "figures": [
            {
                "name": "bars",
                "title": title,
                "alt": "One bar",
                "sha256": store.put_bytes(FIGURE).digest,
                "media_type": "image/svg+xml",
            }
        ],
    }
    return {**body, "timings": {}, "digest": digest_of(body)}


def sign(account: User) -> FreshAuthentication:
    return authenticate_freshly(account=account, password=PASSWORD)


def answer_all(version: ModelVersion, evidence: Sequence[Evidence], *, text: str = "See the model file.") -> None:
    """Every question with "yes", by the role that it names, the evidence linked that answers it."""
    kept = {one.measurement: one.digest for one in evidence}
    given: dict[str, list[review.GivenAnswer]] = {}
    for question in template():
        links = [kept[kind] for kind in question.evidence if kind in kept]
        answer = review.GivenAnswer(question=question.id, choice="yes", text=text, evidence=links)
        given.setdefault(question.answered_by, []).append(answer)
    for role, answers in given.items():
        review.answer_questions(actor=acting(person(role)), version=version, answers=answers)


def sign_all(version: ModelVersion) -> None:
    for section in template().sections:
        signer = person(section.signed_by)
        review.sign_section(
            actor=acting(signer), version=version, section=section.id, meaning=MEANING, authentication=sign(signer)
        )


def approve(version: ModelVersion) -> None:
    for role in ("validator", "compliance_officer"):
        signer = person(role)
        review.decide_version(
            actor=acting(signer),
            version=version,
            role=role,
            verdict="approved",
            meaning=f"I approve this as {role}.",
            authentication=sign(signer),
        )


def review_fully(version: ModelVersion) -> list[Evidence]:
    """Everything that production asks for; the gate then allows. Ends with the standing that it does."""
    evidence = measure(version)
    answer_all(version, evidence)
    sign_all(version)
    rita = person("risk_officer")
    review.accept_risk(
        actor=acting(rita),
        version=version,
        topic="fairness",
        statement=ACCEPTED,
        expires_at=timezone.now() + timedelta(days=30),
        meaning="I accept this for a month.",
        authentication=sign(rita),
    )
    approve(version)
    standing = Standing.objects.get(version=version, environment=production())
    assert standing.allowed, [reason for reason in standing.outcome["reasons"] if reason["result"] != "true"]
    return evidence


def ask(version: ModelVersion) -> Permitted:
    """What the gate answers for production."""
    issued = tokens.issue_token(
        actor=acting(person("compliance_officer")),
        account=person("service"),
        name="test",
        scopes=[gate.PERMISSION],
        expires_at=timezone.now() + timedelta(hours=1),
    )
    question = gate.Question(environment="production", model=version.model.name, version=version.number)
    return ask_gate(token=issued.secret, question=question)


def template() -> ChecklistTemplate:
    return PolicyAssignment.objects.select_related("checklist").get(environment=production()).checklist.template
