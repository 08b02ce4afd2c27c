"""Jobs of the middle floor. Only a worker runs them, so only a worker imports what measures."""

from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from audits.artifacts import store
from audits.errors import DomainError
from audits.services.evidence import MeasuredRecord
from audits.trail import Actor
from registry.models import Assessment, AssessmentStatus
from registry.services import assessments


@app.task(name="registry.assess", queue="measure", retry=False)
def assess(*, assessment_id: str) -> None:
    """Measure what an assessment asks for, each model in a process of its own, and keep the evidence."""
    run_assessment(Assessment.objects.select_related("version__model", "dataset").get(pk=assessment_id))


def run_assessment(assessment: Assessment, progress: "object | None" = None) -> Assessment:
    """Do it here and now. An assessment that is closed already is left as it is: a job may be run twice."""
    if assessment.status in (AssessmentStatus.SUCCEEDED, AssessmentStatus.FAILED):
        return assessment
    actor = Actor.system("worker", via="job")
    assessments.start_assessment(actor=actor, assessment=assessment)
    try:
        records = _measure(assessment)
    except DomainError as problem:
        assessments.fail_assessment(actor=actor, assessment=assessment, problem=problem)
    else:
        assessments.finish_assessment(
            actor=actor, assessment=assessment, records=records, measured_at=timezone.now()
        )
    return assessment
