"""What happens on the middle floor, as the trail names it. Listed in the README of registry."""

from dataclasses import dataclass

from audits.retention import OPERATION, keep
from audits.trail import event


@event("registry.model.registered")
@dataclass(frozen=True, kw_only=True)
class ModelRegistered:
    name: str
    risk_tier: str


@event("registry.model.retired")
@dataclass(frozen=True, kw_only=True)
class ModelRetired:
    name: str


@event("registry.model.reassigned")
@dataclass(frozen=True, kw_only=True)
class ModelReassigned:
    """The model has another owner."""

    owner: str


@event("registry.dataset.registered")
@dataclass(frozen=True, kw_only=True)
class DatasetRegistered:
    name: str
    number: int
    digest: str


@event("registry.version.registered")
@dataclass(frozen=True, kw_only=True)
class VersionRegistered:
    model: str
    number: int
    artifact_digest: str


@event("registry.environment.added")
@dataclass(frozen=True, kw_only=True)
class EnvironmentAdded:
    name: str


@event("registry.assessment.requested")
@dataclass(frozen=True, kw_only=True)
class AssessmentRequested:
    measurements: list[str]
    dataset_digest: str


@event("registry.assessment.started")
@dataclass(frozen=True, kw_only=True)
class AssessmentStarted:
    pass


@event("registry.assessment.finished")
@dataclass(frozen=True, kw_only=True)
class AssessmentFinished:
    evidence: list[str]


@event("registry.assessment.failed")
@dataclass(frozen=True, kw_only=True)
class AssessmentFailed:
    code: str


@event("registry.deployment.reported")
@dataclass(frozen=True, kw_only=True)
class DeploymentReported:
    environment: str
    digest: str
    status: str
    recognized: bool


@event("registry.predictions.reported")
@dataclass(frozen=True, kw_only=True)
class PredictionsReported:
    digest: str
    rows: int
    rows_with_outcome: int


@event("registry.intake.received")
@dataclass(frozen=True, kw_only=True)
class IntakeReceived:
    """An upload was kept; a worker reads it next."""

    purpose: str
    digest: str


@event("registry.intake.finished")
@dataclass(frozen=True, kw_only=True)
class IntakeFinished:
    result: str


@event("registry.intake.failed")
@dataclass(frozen=True, kw_only=True)
class IntakeFailed:
    code: str


# What a system that is in operation reports of itself (audits.retention); the rest is kept as documentation.
keep(OPERATION, "registry.predictions.reported", "registry.intake.received", "registry.intake.failed")
