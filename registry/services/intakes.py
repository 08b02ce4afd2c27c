"""Takes uploads that a worker must read before they count, and closes them with what they became or why not.

Never looks into the bytes: that is the worker's (registry/tasks.py).
"""

from collections.abc import Mapping, Sequence

from django.db import models
from django.utils import timezone
from procrastinate.contrib.django import app

from audits.artifacts import store
from audits.errors import DomainError
from audits.trail import Actor, act
from audits.trail.act import subject_of
from registry import events
from registry.models import Environment, Intake, IntakePurpose, IntakeStatus, ModelVersion
from registry.services.inventory import plain_file_name

MEDIA_TYPES = {"text/csv": ".csv", "application/vnd.apache.parquet": ".parquet"}
QUEUE = "intake"


def receive_dataset(
    *, actor: Actor, name: str, content: store.Stored, file_name: str, media_type: str, source: str,
    sensitive_columns: Sequence[str] = (), target_column: str = "", reason: str = "",
) -> Intake:  # fmt: skip
    """Take a table whose bytes are in the content store; a worker reads it and registers the dataset."""
    actor.require("registry.register_dataset")
    details = {
        "name": name,
        "source": source,
        "sensitive_columns": list(sensitive_columns),
        "target_column": target_column,
        "reason": reason,
    }
    return _receive(actor, IntakePurpose.DATASET, content, file_name, media_type, details)


def receive_predictions(
    *,
    actor: Actor,
    version: ModelVersion,
    environment: Environment,
    content: store.Stored,
    file_name: str,
    media_type: str,
) -> Intake:
    """Take a batch of predictions that only a worker can count."""
    actor.require("registry.report_predictions")
    details = {"version": str(version.pk), "environment": environment.name}
    return _receive(actor, IntakePurpose.PREDICTIONS, content, file_name, media_type, details)


def finish_intake(*, actor: Actor, intake: Intake, result: models.Model) -> None:
    """Close an intake with the row that it became."""
    intake.status = IntakeStatus.SUCCEEDED
    intake.result = subject_of(result)
    _close(actor, intake, events.IntakeFinished(result=intake.result))


def fail_intake(*, actor: Actor, intake: Intake, problem: DomainError) -> None:
    """Close an intake with what is wrong with it, in words."""
    intake.status = IntakeStatus.FAILED
    intake.problem = problem.message
    _close(actor, intake, events.IntakeFailed(code=problem.code))


def _receive(
    actor: Actor,
    purpose: IntakePurpose,
    content: store.Stored,
    file_name: str,
    media_type: str,
    details: Mapping[str, object],
) -> Intake:
    if media_type not in MEDIA_TYPES:
        raise DomainError(f"The media type must be one of {', '.join(MEDIA_TYPES)}.", code="bad_media_type")
    if content.size == 0:
        raise DomainError("The file is empty; send a table with at least one row.", code="empty_table")
    intake = Intake(
        purpose=purpose,
        digest=content.digest,
        size=content.size,
        media_type=media_type,
        file_name=plain_file_name(file_name),
        details=dict(details),
        requested_by_id=actor.require_account(),
        requested_at=timezone.now(),
    )
    event = events.IntakeReceived(purpose=purpose.value, digest=content.digest)
    with act(event, actor=actor, subject=intake):
        intake.save(force_insert=True)
        app.configure_task("registry.take_in", queue=QUEUE).defer(intake_id=str(intake.pk))
    return intake


def _close(actor: Actor, intake: Intake, event: events.IntakeFinished | events.IntakeFailed) -> None:
    intake.finished_at = timezone.now()
    with act(event, actor=actor, subject=intake):
        intake.save(update_fields=["status", "problem", "result", "finished_at"])
