"""Asks for measurements of a version and keeps their outcome. The measuring itself happens in a worker (tasks.py)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

from audits.artifacts import store
from audits.errors import DomainError
from audits.models import Evidence
from audits.services.evidence import MeasuredRecord, record_evidence
from audits.trail import Actor, act
from registry import events
from registry.models import Assessment, AssessmentStatus, DatasetVersion, ModelVersion
from registry.signals import version_changed

MEASUREMENTS = ("performance", "fairness", "explainability")
SUBJECT_KIND = "registry.modelversion"


def request_assessment(
    *,
    actor: Actor,
    version: ModelVersion,
    dataset: DatasetVersion,
    measurements: Sequence[str],
    parameters: Mapping[str, object],
    reason: str = "",
) -> Assessment:
    """Queue measurements of a version on a dataset; the job is queued in the act's own transaction."""
    actor.require("registry.run_assessment")
    unknown = [name for name in measurements if name not in MEASUREMENTS]
    if unknown or not measurements:
        raise DomainError(f"measurements must be some of {', '.join(MEASUREMENTS)}.", code="unknown_measurement")
    _require_parameters(dataset, parameters)
    for digest, what in ((version.artifact_digest, "artifact"), (dataset.digest, "table")):
        if not store.exists(digest):
            raise store.CorruptContent(f"The {what} {digest} is not in the store: restore it from a backup.")
    assessment = Assessment(
        version=version,
        dataset=dataset,
        measurements=list(measurements),
        parameters=dict(parameters),
        requested_by_id=actor.require_account(),
        requested_at=timezone.now(),
    )
    event = events.AssessmentRequested(measurements=list(measurements), dataset_digest=dataset.digest)
    with act(event, actor=actor, subject=version, reason=reason):
        assessment.save(force_insert=True)
        app.configure_task("registry.assess", queue="measure").defer(assessment_id=str(assessment.pk))
    return assessment


def start_assessment(*, actor: Actor, assessment: Assessment) -> None:
    """A worker takes it up; again after a worker was killed."""
    with act(events.AssessmentStarted(), actor=actor, subject=assessment):
        assessment.status = AssessmentStatus.RUNNING
        assessment.save(update_fields=["status"])


def finish_assessment(
    *, actor: Actor, assessment: Assessment, records: Sequence[MeasuredRecord], measured_at: datetime
) -> list[Evidence]:
    """Keep the evidence and close the assessment, in one act."""
    event = events.AssessmentFinished(evidence=[record.digest for record in records])
    with act(event, actor=actor, subject=assessment.version):
        kept = [
            record_evidence(
                actor=actor,
                measured=record,
                dataset_digest=assessment.dataset.digest,
                origin=f"registry.assessment:{assessment.pk}",
                measured_at=measured_at,
            )
            for record in records
        ]
        assessment.status = AssessmentStatus.SUCCEEDED
        assessment.evidence = [evidence.digest for evidence in kept]
        assessment.finished_at = timezone.now()
        assessment.save(update_fields=["status", "evidence", "finished_at"])
        version_changed.send(sender=ModelVersion, version=assessment.version, actor=actor)
    return kept


def fail_assessment(*, actor: Actor, assessment: Assessment, problem: DomainError) -> None:
    """Close the assessment with what went wrong, in words."""
    with act(events.AssessmentFailed(code=problem.code), actor=actor, subject=assessment.version):
        assessment.status = AssessmentStatus.FAILED
        assessment.problem = problem.message
        assessment.finished_at = timezone.now()
        assessment.save(update_fields=["status", "problem", "finished_at"])


def evidence_of(version: ModelVersion) -> list[Evidence]:
    """The newest evidence of each kind about this very artifact, by kind.

    The same measurement made again is the same record: its ``measured_at`` here is when it was made last.
    """
    return evidence_of_each([version])[version.pk]


def evidence_of_each(versions: Sequence[ModelVersion]) -> dict[UUID, list[Evidence]]:
    """As :func:`evidence_of`, for many versions in two queries."""
    artifacts = {str(version.pk): version.artifact_digest for version in versions}
    made: dict[tuple[str, str], datetime] = {}
    done = Assessment.objects.filter(version__in=versions, status=AssessmentStatus.SUCCEEDED)
    for pk, digests, at in done.order_by("finished_at").values_list("version_id", "evidence", "finished_at"):
        if at is not None:
            made.update({(str(pk), digest): at for digest in digests})
    kept = []
    for row in Evidence.objects.filter(subject_kind=SUBJECT_KIND, subject_id__in=list(artifacts)):
        row.measured_at = max(row.measured_at, made.get((row.subject_id, row.digest), row.measured_at))
        kept.append(row)
    newest: dict[tuple[str, str], Evidence] = {}
    for row in sorted(kept, key=lambda row: (row.measured_at, row.pk)):
        if row.subject_digest == artifacts[row.subject_id]:
            newest[row.subject_id, row.measurement] = row
    return {
        version.pk: [row for (pk, _), row in sorted(newest.items()) if pk == str(version.pk)] for version in versions
    }


def _require_parameters(dataset: DatasetVersion, parameters: Mapping[str, object]) -> None:
    columns = [column["name"] for column in dataset.columns]
    target = parameters.get("target") or dataset.target_column
    for name in filter(None, [target, parameters.get("predictions")]):
        if name not in columns:
            raise DomainError(
                f"Column {name!r} is not in {dataset}. Its columns are: {', '.join(columns)}.",
                code="unknown_column",
            )
    if not target:
        raise DomainError("Name the target column: the dataset states none.", code="no_target")
