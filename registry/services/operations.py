"""Takes what serving and monitoring report. A report is a fact: it is kept also where it names something unknown."""

from dataclasses import dataclass

from django.utils import timezone

from audits.artifacts import store
from audits.errors import DomainError, NotFound
from audits.trail import Actor, act
from registry import events
from registry.models import Deployment, Environment, ModelVersion, PredictionBatch

STATUSES = ("deployed", "stopped")


@dataclass(frozen=True, kw_only=True)
class BatchFacts:
    """What was found in a batch of predictions while it was read."""

    rows: int
    rows_with_outcome: int
    columns: list[str]


def find_environment(name: str) -> Environment:
    found = Environment.objects.filter(name=name).first()
    if found is None:
        names = ", ".join(Environment.objects.values_list("name", flat=True))
        raise NotFound(f"There is no environment {name!r}. There are: {names}.")
    return found


def report_deployment(
    *,
    actor: Actor,
    environment: Environment,
    digest: str,
    status: str = "deployed",
    reference: str = "",
    decision: str = "",
) -> Deployment:
    """Serving runs (or stopped running) the artifact with this digest."""
    actor.require("registry.report_deployment")
    digest = digest.removeprefix("sha256:").lower()
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise DomainError("digest must be the SHA-256 of the artifact, 64 hexadecimal digits.", code="bad_digest")
    if status not in STATUSES:
        raise DomainError(f"status must be one of {', '.join(STATUSES)}.", code="bad_status")
    version = (
        ModelVersion.objects.select_related("model").filter(artifact_digest=digest).order_by("-registered_at").first()
    )
    deployment = Deployment(
        environment=environment,
        version=version,
        digest=digest,
        recognized=version is not None,
        status=status,
        reference=reference[:200],
        decision=decision[:36],
        reported_by_id=actor.require_account(),
        reported_at=timezone.now(),
    )
    event = events.DeploymentReported(
        environment=environment.name, digest=digest, status=status, recognized=version is not None
    )
    with act(event, actor=actor, subject=version or deployment):
        deployment.save(force_insert=True)
    return deployment


def report_predictions(
    *,
    actor: Actor,
    version: ModelVersion,
    environment: Environment,
    content: store.Stored,
    media_type: str,
    facts: BatchFacts,
) -> PredictionBatch:
    """Monitoring hands in a batch that is in the content store already. The same bytes again are the same batch."""
    actor.require("registry.report_predictions")
    same = PredictionBatch.objects.filter(version=version, environment=environment, digest=content.digest).first()
    if same is not None:
        return same
    if facts.rows == 0:
        raise DomainError("The batch holds no predictions; send at least one row.", code="empty_batch")
    batch = PredictionBatch(
        version=version,
        environment=environment,
        digest=content.digest,
        size=content.size,
        media_type=media_type,
        rows=facts.rows,
        rows_with_outcome=facts.rows_with_outcome,
        columns=facts.columns,
        reported_by_id=actor.require_account(),
        reported_at=timezone.now(),
    )
    event = events.PredictionsReported(
        digest=content.digest, rows=facts.rows, rows_with_outcome=facts.rows_with_outcome
    )
    with act(event, actor=actor, subject=version):
        batch.save(force_insert=True)
    return batch
