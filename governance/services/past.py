"""A model with everything about it as it was at a moment: versions, answers, signatures, standings, deployments.

Rebuilt from the trail with a fixed number of queries, whatever there is; today's rows take no part.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model

from audits.models import Evidence
from audits.trail.moments import Moment
from audits.trail.rebuilding import Known, instances_as_of
from governance.models import Approval, ChecklistAnswer, Dossier, RiskAcceptance, SignOff, Standing
from registry.models import Assessment, DatasetVersion, Deployment, ModelVersion, RegisteredModel
from registry.services.assessments import SUBJECT_KIND
from registry.services.past import assessments_as_of, deployments_as_of, model_as_of, versions_as_of

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, kw_only=True)
class ModelThen:
    """Everything about a model at ``moment``; each list in the order of today's pages."""

    moment: Moment
    model: RegisteredModel
    versions: tuple[ModelVersion, ...]
    datasets: tuple[DatasetVersion, ...]
    assessments: tuple[Assessment, ...]
    evidence: tuple[Evidence, ...]
    answers: tuple[ChecklistAnswer, ...]
    sign_offs: tuple[SignOff, ...]
    approvals: tuple[Approval, ...]
    risk_acceptances: tuple[RiskAcceptance, ...]
    standings: tuple[Standing, ...]
    deployments: tuple[Deployment, ...]
    dossiers: tuple[Dossier, ...]


def model_with_everything(name: str, moment: Moment) -> ModelThen:
    """The model of this name. Raises NotFound where there was none then."""
    known: Known = {}
    versions = versions_as_of(moment, model=name, known=known)
    keys = [version.pk for version in versions]
    assessments = assessments_as_of(moment, versions=keys, known=known) if keys else []
    used = {row.dataset.pk: row.dataset for row in assessments}
    used |= {version.training_data.pk: version.training_data for version in versions if version.training_data}
    return ModelThen(
        moment=moment,
        model=model_as_of(moment, name) if not versions else versions[0].model,
        versions=tuple(versions),
        datasets=tuple(sorted(used.values(), key=lambda dataset: (dataset.name, -dataset.number))),
        assessments=tuple(assessments),
        evidence=tuple(evidence_as_of(moment, keys)),
        answers=tuple(
            _about(
                ChecklistAnswer, moment, keys, lambda row: (row.version_id, row.question), "answered_by", known=known
            )
        ),
        sign_offs=tuple(_about(SignOff, moment, keys, lambda row: row.signed_at, "signer", known=known)),
        approvals=tuple(approvals_as_of(moment, keys, known=known)),
        risk_acceptances=tuple(_about(RiskAcceptance, moment, keys, lambda row: row.signed_at, "signer", known=known)),
        standings=tuple(standings_as_of(moment, keys, known=known)),
        deployments=tuple(deployments_as_of(moment, versions=keys, known=known) if keys else []),
        dossiers=tuple(
            _about(Dossier, moment, keys, lambda row: row.printed_at, "environment", "printed_by", known=known)
        ),
    )


def approvals_as_of(moment: Moment, versions: Collection[object], *, known: Known | None = None) -> list[Approval]:
    """The verdicts on these versions, in order."""
    return _about(Approval, moment, versions, lambda row: (row.signed_at, row.pk), "signer", known=known)


def standings_as_of(moment: Moment, versions: Collection[object], *, known: Known | None = None) -> list[Standing]:
    """How these versions stood in each environment, in order towards production."""
    return _about(Standing, moment, versions, lambda row: row.environment.rank, "environment", "policy", known=known)


def evidence_as_of(moment: Moment, versions: Collection[object]) -> list[Evidence]:
    """What was measured of these versions, newest first."""
    if not versions:
        return []
    where = {"subject_kind": SUBJECT_KIND, "subject_id": [str(key) for key in versions]}
    found = instances_as_of(Evidence, moment, where=where)
    return sorted(found, key=lambda row: row.measured_at, reverse=True)


def _about(
    model: type[M],
    moment: Moment,
    versions: Collection[object],
    order: Callable[[M], Any],
    *related: str,
    known: Known | None,
) -> list[M]:
    """Rows about these versions, with the version itself and its model."""
    if not versions:
        return []
    paths = ("version__model", *related)
    where = {"version": list(versions)}
    return sorted(instances_as_of(model, moment, where=where, related=paths, known=known), key=order)
