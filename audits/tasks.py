"""Jobs of the ground floor: the nightly verification, and those that people ask for. Only a worker runs them."""

from django.utils import timezone
from procrastinate.contrib.django import app

from audits.models import VerificationRun
from audits.services import verification
from audits.trail import Actor


@app.periodic(cron="23 * * * *")
@app.task(name="audits.verify_nightly", queue=verification.QUEUE, queueing_lock="audits.verify_nightly")
def verify_nightly(timestamp: int) -> None:
    """Verify everything once a night; asked every hour, so that a night without a worker is made up for."""
    if verification.is_due(timezone.now()):
        verification.verify_trail(actor=Actor.system("worker", via="job"))


@app.task(name=verification.JOB, queue=verification.QUEUE, lock="audits.verification")
def verify_asked(*, run_id: str) -> None:
    """Verify for whoever asked. A run that is closed is left as it is: a job may be run twice."""
    run = VerificationRun.objects.get(pk=run_id)
    if run.finished_at is None:
        verification.run_verification(actor=Actor.system("worker", via="job"), run=run)
