"""The middle floor's tables: what exists, and what happens to it."""

from registry.models.intakes import Intake, IntakePurpose, IntakeStatus
from registry.models.inventory import DatasetVersion, Environment, ModelVersion, RegisteredModel, RiskTier
from registry.models.operations import Assessment, AssessmentStatus, Deployment, PredictionBatch

__all__ = [
    "Assessment",
    "AssessmentStatus",
    "DatasetVersion",
    "Deployment",
    "Environment",
    "Intake",
    "IntakePurpose",
    "IntakeStatus",
    "ModelVersion",
    "PredictionBatch",
    "RegisteredModel",
    "RiskTier",
]
