"""The demo's first half: tables, training, registration and measuring."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
from django.conf import settings

from audits.artifacts import store
from audits.errors import DomainError
from audits.evidence.tables import describe_table
from audits.models import Evidence
from governance.demo.people import Player
from governance.demo.tables import SEED, Study, split
from governance.demo.telling import Teller
from governance.demo.training import Trained, installed_packages, source_commit, train
from registry.models import Assessment, AssessmentStatus, DatasetVersion, ModelVersion, RegisteredModel
from registry.services import assessments, inventory
from registry.tasks import PREDICTIONS_FORMAT


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What the first half leaves: the version, the table it is judged by, and scores for monitoring."""

    version: ModelVersion
    evaluation: DatasetVersion
    rows: pa.Table
    features: list[str]
    scores: list[float]


def register(study: Study, owner: Player, folder: Path, teller: Teller) -> Registered:
    """Register the tables, train (unless predictions are given) and register the version."""
    model = RegisteredModel.objects.filter(name=study.name).first() or inventory.register_model(
        actor=owner.actor(),
        name=study.name,
        title=study.title,
        owner=owner.account,
        business_unit="Demonstration",
        intended_purpose=study.purpose,
        risk_tier="high",
    )
    if study.predictions:
        return _register_predictions(study, model, owner, folder, teller)
    training_rows, rows = split(study)
    training = _dataset(study, owner, folder, training_rows, "training")
    evaluation = _dataset(study, owner, folder, rows, "evaluation")
    teller.say(f"{training.row_count} rows to train on, {evaluation.row_count} rows to judge by")
    trained = train(study, training_rows, rows, folder)
    version = inventory.register_version(
        actor=owner.actor(),
        model=model,
        artifact=store.put_file(trained.path),
        artifact_name=trained.path.name,
        artifact_format="skops",
        lineage=_lineage(study, trained),
        training_data=training,
    )
    if trained.left_out:
        teller.say(f"columns left out of the features: {', '.join(trained.left_out)}")
    teller.say(f"{version} is registered: artifact SHA-256 {version.artifact_digest}")
    return Registered(
        version=version, evaluation=evaluation, rows=rows, features=trained.features, scores=trained.scores
    )


def measure(
    study: Study, made: Registered, owner: Player, teller: Teller, *, alive: Callable[[], None] = lambda: None
) -> list[Evidence]:
    """Ask for the measurements and wait for the worker. Raises with the worker's words where one fails."""
    wanted = ["performance", "fairness"] if study.predictions else ["performance", "fairness", "explainability"]
    parameters: dict[str, object] = {
        "task": "classification",
        "target": study.target,
        "positive": study.positive,
        "sensitive": list(study.sensitive),
        "bins": study.bins,
        "threshold": study.threshold,
        "seed": SEED,
    }
    if study.predictions:
        parameters["predictions"] = study.predictions
    else:
        parameters["features"] = made.features
    assessment = assessments.request_assessment(
        actor=owner.actor(),
        version=made.version,
        dataset=made.evaluation,
        measurements=wanted,
        parameters=parameters,
    )
    began = time.monotonic()
    told = ""
    while assessment.status in (AssessmentStatus.QUEUED, AssessmentStatus.RUNNING):
        if time.monotonic() - began > settings.MEASUREMENT_SECONDS:
            raise DomainError("The worker did not finish the assessment in time; look at its log.", code="too_slow")
        time.sleep(0.5)
        alive()
        assessment.refresh_from_db()
        now = f"{assessment.status}, {int(time.monotonic() - began) // 5 * 5} s"
        if now != told:
            teller.doing(f"a worker measures {', '.join(wanted)} ({now})")
            told = now
    return _evidence(assessment, teller)


def _evidence(assessment: Assessment, teller: Teller) -> list[Evidence]:
    if assessment.status == AssessmentStatus.FAILED:
        raise DomainError(f"The measurement failed: {assessment.problem}", code="assessment_failed")
    found = list(Evidence.objects.filter(digest__in=assessment.evidence).order_by("measurement"))
    for evidence in found:
        teller.say(f"{evidence.measurement:<15} {evidence.digest}")
    return found


def _register_predictions(
    study: Study, model: RegisteredModel, owner: Player, folder: Path, teller: Teller
) -> Registered:
    """The table of predictions stands for the model: what is registered and decided about is that table."""
    evaluation = _dataset(study, owner, folder, study.table, "predictions")
    lineage = inventory.Lineage(
        framework="none",
        notes="No model was given: what is registered is the table that holds its predictions.",
        source_commit=source_commit(settings.BASE_DIR),
    )
    version = inventory.register_version(
        actor=owner.actor(),
        model=model,
        artifact=store.Stored(digest=evaluation.digest, size=evaluation.size),
        artifact_name=evaluation.file_name,
        artifact_format=PREDICTIONS_FORMAT,
        lineage=lineage,
        training_data=None,
    )
    teller.say(f"{version} is registered: table of predictions, SHA-256 {version.artifact_digest}")
    return Registered(version=version, evaluation=evaluation, rows=study.table, features=[], scores=[])


def _dataset(study: Study, owner: Player, folder: Path, rows: pa.Table, part: str) -> DatasetVersion:
    path = folder / f"{study.name}-{part}.csv"
    pa.csv.write_csv(rows, path)
    described = describe_table(path)
    return inventory.register_dataset(
        actor=owner.actor(),
        name=f"{study.name}-{part}",
        file_name=path.name,
        media_type="text/csv",
        source=f"{study.source}: rows for {part}",
        content=store.put_file(path),
        table=inventory.TableDescription(
            columns=[
                {"name": c.name, "type": c.type, "missing": c.missing, "distinct": c.distinct}
                for c in described.columns
            ],
            row_count=described.rows,
            sensitive_columns=study.sensitive,
            target_column=study.target,
        ),
    )


def _lineage(study: Study, trained: Trained) -> inventory.Lineage:
    packages = installed_packages()
    left = f" Columns left out: {', '.join(trained.left_out)}." if trained.left_out else ""
    return inventory.Lineage(
        framework="scikit-learn",
        framework_version=packages["scikit-learn"],
        parameters={**trained.parameters, "features": trained.features},
        metrics=trained.metrics,
        packages=packages,
        source_commit=source_commit(settings.BASE_DIR),
        notes=f"Logistic regression on {len(trained.features)} columns of {study.source}.{left}",
    )
