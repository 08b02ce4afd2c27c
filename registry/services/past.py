"""The registry as it was: models, versions, datasets, environments, assessments and deployments as of a moment.

Rebuilt from the trail, never from today's rows, with what each refers to as it was then.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from audits.errors import NotFound
from audits.trail.moments import Moment
from audits.trail.rebuilding import Known, instances_as_of
from registry.models import Assessment, DatasetVersion, Deployment, Environment, ModelVersion, RegisteredModel


def models_as_of(moment: Moment, *, name: str | None = None, known: Known | None = None) -> list[RegisteredModel]:
    """By name."""
    where = {} if name is None else {"name": name}
    found = instances_as_of(RegisteredModel, moment, where=where, related=("owner",), known=known)
    return sorted(found, key=lambda model: model.name)


def model_as_of(moment: Moment, name: str, *, known: Known | None = None) -> RegisteredModel:
    """The model of this name as it was. Raises NotFound."""
    found = models_as_of(moment, name=name, known=known)
    if not found:
        raise NotFound(f"There was no model {name!r} then.")
    return found[0]


def versions_as_of(
    moment: Moment, *, model: str, number: int | None = None, known: Known | None = None
) -> list[ModelVersion]:
    """Of the model of this name, newest first. Raises NotFound where there was no such model."""
    where: dict[str, object] = {"model": model_as_of(moment, model, known=known).pk}
    if number is not None:
        where["number"] = number
    found = instances_as_of(
        ModelVersion, moment, where=where, related=("model", "training_data", "registered_by"), known=known
    )
    return sorted(found, key=lambda version: -version.number)


def version_as_of(moment: Moment, *, model: str, number: int) -> ModelVersion:
    """Raises NotFound."""
    found = versions_as_of(moment, model=model, number=number)
    if not found:
        raise NotFound(f"There was no version {number} of {model} then.")
    return found[0]


def datasets_as_of(moment: Moment, *, name: str | None = None, number: int | None = None) -> list[DatasetVersion]:
    """By name, newest first."""
    asked = {"name": name, "number": number}
    where = {field: value for field, value in asked.items() if value is not None}
    found = instances_as_of(DatasetVersion, moment, where=where, related=("registered_by",))
    return sorted(found, key=lambda dataset: (dataset.name, -dataset.number))


def environments_as_of(moment: Moment) -> list[Environment]:
    """In order towards production."""
    return sorted(instances_as_of(Environment, moment), key=lambda environment: environment.rank)


def assessments_as_of(
    moment: Moment, *, versions: Collection[object] | None = None, pk: UUID | None = None, known: Known | None = None
) -> list[Assessment]:
    """Of these versions (their keys), newest first; or the one with this key."""
    found = instances_as_of(
        Assessment,
        moment,
        keys=None if pk is None else [pk],
        where=_of(versions),
        related=("version__model", "dataset", "requested_by"),
        known=known,
    )
    return sorted(found, key=lambda assessment: assessment.requested_at, reverse=True)


def deployments_as_of(
    moment: Moment, *, versions: Collection[object] | None = None, known: Known | None = None
) -> list[Deployment]:
    """What serving had reported, newest first."""
    found = instances_as_of(
        Deployment, moment, where=_of(versions), related=("environment", "version__model", "reported_by"), known=known
    )
    return sorted(found, key=lambda deployment: deployment.reported_at, reverse=True)


def _of(versions: Collection[object] | None) -> dict[str, Any]:
    return {} if versions is None else {"version": list(versions)}
