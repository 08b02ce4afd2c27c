"""Jobs of the middle floor. Only a worker runs them, so only a worker imports what measures."""

import json
from collections.abc import Callable

from django.conf import settings
from django.db import DataError
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from audits.artifacts import store
from audits.errors import DomainError, Unforeseen
from audits.services.evidence import MeasuredRecord
from audits.trail import Actor
from registry.models import Assessment, AssessmentStatus, Intake, IntakeStatus
from registry.services import assessments, intakes
from registry.services.intakes import MEDIA_TYPES

PREDICTIONS_FORMAT = "predictions"
_STARTS = 2


@app.task(name="registry.assess", queue="measure")
def assess(*, assessment_id: str) -> None:
    """Measure what an assessment asks for, in a process of its own, and keep the evidence."""
    run_assessment(Assessment.objects.select_related("version__model", "dataset").get(pk=assessment_id))


def run_assessment(assessment: Assessment, *, progress: Callable[[str], None] = lambda line: None) -> Assessment:
    """Do it here and now. One that is closed is left as it is: a job may be run twice."""
    if assessment.status in (AssessmentStatus.SUCCEEDED, AssessmentStatus.FAILED):
        return assessment
    actor = Actor.system("worker", via="job")
    assessments.start_assessment(actor=actor, assessment=assessment)
    try:
        records = _measure(assessment, progress)
    except DomainError as problem:
        assessments.fail_assessment(actor=actor, assessment=assessment, problem=problem)
    except Exception:
        assessments.fail_assessment(actor=actor, assessment=assessment, problem=Unforeseen())
        raise
    else:
        assessments.finish_assessment(actor=actor, assessment=assessment, records=records, measured_at=timezone.now())
    return assessment


def _measure(assessment: Assessment, progress: Callable[[str], None]) -> list[MeasuredRecord]:
    from audits.evidence import MeasureRequest, run_isolated

    version, dataset = assessment.version, assessment.dataset
    asked = {
        "target": dataset.target_column,
        "sensitive": list(dataset.sensitive_columns),
        **assessment.parameters,
        "measurements": list(assessment.measurements),
        "subject": {
            "kind": assessments.SUBJECT_KIND,
            "id": str(version.pk),
            "digest": version.artifact_digest,
        },
    }
    request = MeasureRequest.from_json(json.loads(json.dumps(asked)))
    with store.local_copy(dataset.digest, suffix=MEDIA_TYPES.get(dataset.media_type, "")) as data:
        if version.artifact_format == PREDICTIONS_FORMAT:
            found = run_isolated(request, model_path=None, data_path=data, progress=progress, **_limits())
        else:
            with store.local_copy(version.artifact_digest, suffix=f".{version.artifact_format}") as model:
                found = run_isolated(request, model_path=model, data_path=data, progress=progress, **_limits())
    return [
        MeasuredRecord(
            document=record.as_json(),
            digest=record.digest,
            figures={figure.name: figure.svg for figure in record.figures},
        )
        for record in found
    ]


def _limits() -> dict[str, int]:
    return {
        "timeout_seconds": settings.MEASUREMENT_SECONDS,
        "memory_bytes": settings.MEASUREMENT_MEMORY_BYTES,
    }


@app.periodic(cron="*/2 * * * *")
@app.task(name="registry.retry_stalled", queue="upkeep")
async def retry_stalled(timestamp: int) -> None:
    """Jobs whose worker was killed are done again, by whichever worker is there: each may be run twice."""
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.retry_job(job)


@app.task(name="registry.take_in", queue=intakes.QUEUE, pass_context=True)
def take_in_job(context: JobContext, *, intake_id: str) -> None:
    """Take in an upload; the job knows how often it was begun before."""
    take_in(intake_id=intake_id, begun_before=context.job.attempts)


def take_in(*, intake_id: str, begun_before: int = 0) -> None:
    """Read an upload and make of it what it was sent as, in the name of its sender.

    One whose worker ended before it was done is begun once more, and then given up.
    """
    from registry.reading import read_intake

    intake = Intake.objects.select_related("requested_by").get(pk=intake_id)
    if intake.status != IntakeStatus.QUEUED:
        return
    actor = Actor.system("worker", via="job")
    try:
        if begun_before >= _STARTS:
            raise DomainError(
                f"The worker ended {_STARTS} times while it read {intake.file_name}; it is not tried again. Send fewer "
                "rows or columns, or ask the operator why workers ended.",
                code="intake_given_up",
            )
        result = read_intake(intake, _limits())
    except DomainError as problem:
        intakes.fail_intake(actor=actor, intake=intake, problem=problem)
    except DataError:
        unfit = DomainError("A name in the table cannot be stored: it holds a NUL character. Rename it.")
        intakes.fail_intake(actor=actor, intake=intake, problem=unfit)
    except Exception:
        intakes.fail_intake(actor=actor, intake=intake, problem=Unforeseen())
        raise
    else:
        intakes.finish_intake(actor=actor, intake=intake, result=result)
