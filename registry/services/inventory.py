"""Registers what exists: models, datasets, versions, environments.

The only writer of these tables. A version and a dataset are immutable from their registration on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import Max
from django.utils import timezone

from audits.artifacts import store
from audits.errors import Conflict, DomainError, NotFound
from audits.models import User
from audits.trail import Actor, act
from registry import events
from registry.models import DatasetVersion, Environment, ModelVersion, RegisteredModel
from registry.signals import version_changed


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """How a version came to be: what the registrant states beside the artifact."""

    framework: str
    framework_version: str = ""
    parameters: Mapping[str, object] | None = None
    metrics: Mapping[str, object] | None = None
    packages: Mapping[str, str] | None = None
    source_commit: str = ""
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class TableDescription:
    """What is known of a table: its columns as dicts with name, type, missing, distinct; rows; sensitive columns."""

    columns: Sequence[Mapping[str, object]]
    row_count: int
    sensitive_columns: Sequence[str] = ()
    target_column: str = ""


def register_model(
    *,
    actor: Actor,
    name: str,
    title: str,
    owner: User,
    business_unit: str,
    intended_purpose: str,
    risk_tier: str,
    reason: str = "",
) -> RegisteredModel:
    """Enter a model into the inventory."""
    actor.require("registry.register_model")
    _require_owner_role(owner)
    model = RegisteredModel(
        name=name,
        title=title or name,
        owner=owner,
        business_unit=business_unit,
        intended_purpose=intended_purpose,
        risk_tier=risk_tier,
        registered_at=timezone.now(),
    )
    if RegisteredModel.objects.filter(name=name).exists():
        raise Conflict(f"A model named {name} is registered already: register a version of it, or choose another name.")
    _require_valid(model)
    with act(events.ModelRegistered(name=name, risk_tier=risk_tier), actor=actor, subject=model, reason=reason):
        model.save(force_insert=True)
    return model


def reassign_model(*, actor: Actor, model: RegisteredModel, owner: User, reason: str) -> None:
    """Give a model another owner: by the present one, or a steward of the inventory. Its versions are judged anew."""
    _require_steward(actor, model)
    _require_owner_role(owner)
    if not reason.strip():
        raise DomainError("Say why the model gets another owner.", code="no_reason")
    with act(events.ModelReassigned(owner=f"user:{owner.pk}"), actor=actor, subject=model, reason=reason):
        model.owner = owner
        model.save(update_fields=["owner"])
        _tell(actor, model.versions.all())


def retire_model(*, actor: Actor, model: RegisteredModel, reason: str) -> None:
    """Take a model out of use: none of its versions may run from now on."""
    _require_steward(actor, model)
    if not reason.strip():
        raise DomainError("Say why the model is retired.", code="no_reason")
    with act(events.ModelRetired(name=model.name), actor=actor, subject=model, reason=reason):
        model.retired_at = timezone.now()
        model.save(update_fields=["retired_at"])
        _tell(actor, model.versions.all())


def register_dataset(
    *, actor: Actor, name: str, file_name: str, media_type: str, source: str, content: store.Stored,
    table: TableDescription, reason: str = "",
) -> DatasetVersion:  # fmt: skip
    """Register a table whose bytes are in the content store. The same bytes under the same name are one version."""
    actor.require("registry.register_dataset")
    names = [str(column["name"]) for column in table.columns]
    for column in [*table.sensitive_columns, *([table.target_column] if table.target_column else [])]:
        if column not in names:
            raise DomainError(
                f"Column {column!r} is not in the table. Its columns are: {', '.join(names)}.",
                code="unknown_column",
            )
    same = DatasetVersion.objects.filter(name=name, digest=content.digest).first()
    if same is not None:
        _require_same_words(same, table)
        return same
    dataset = DatasetVersion(
        name=name,
        digest=content.digest,
        size=content.size,
        media_type=media_type,
        file_name=plain_file_name(file_name),
        row_count=table.row_count,
        columns=[dict(column) for column in table.columns],
        sensitive_columns=list(table.sensitive_columns),
        target_column=table.target_column,
        source=source,
        registered_by_id=actor.require_account(),
        registered_at=timezone.now(),
    )
    with transaction.atomic():
        _one_at_a_time(f"dataset {name}")
        dataset.number = _next_number(DatasetVersion.objects.filter(name=name))
        _require_valid(dataset)
        event = events.DatasetRegistered(name=name, number=dataset.number, digest=content.digest)
        with act(event, actor=actor, subject=dataset, reason=reason):
            dataset.save(force_insert=True)
    return dataset


def register_version(
    *, actor: Actor, model: RegisteredModel, artifact: store.Stored, artifact_name: str, artifact_format: str,
    lineage: Lineage, training_data: DatasetVersion | None, reason: str = "",
) -> ModelVersion:  # fmt: skip
    """Register a version whose artifact is in the content store; immutable from now on."""
    actor.require("registry.register_version")
    if model.retired_at is not None:
        raise Conflict(f"{model.name} is retired: no version of it can be registered.", code="model_retired")
    version = ModelVersion(
        model=model,
        artifact_digest=artifact.digest,
        artifact_size=artifact.size,
        artifact_format=artifact_format,
        artifact_name=plain_file_name(artifact_name),
        framework=lineage.framework,
        framework_version=lineage.framework_version,
        parameters=dict(lineage.parameters or {}),
        metrics=dict(lineage.metrics or {}),
        packages=dict(lineage.packages or {}),
        source_commit=lineage.source_commit,
        notes=lineage.notes,
        training_data=training_data,
        owner_then_id=model.owner_id,
        registered_by_id=actor.require_account(),
        registered_at=timezone.now(),
    )
    with transaction.atomic():
        _one_at_a_time(f"model {model.name}")
        version.number = _next_number(model.versions.all())
        _require_valid(version)
        event = events.VersionRegistered(model=model.name, number=version.number, artifact_digest=artifact.digest)
        with act(event, actor=actor, subject=version, reason=reason):
            version.save(force_insert=True)
            _tell(actor, [version])
    return version


def ensure_environment(*, actor: Actor, name: str, title: str, rank: int) -> Environment:
    """The environment of this name, added where it is not there yet."""
    found = Environment.objects.filter(name=name).first()
    if found is not None:
        return found
    environment = Environment(name=name, title=title, rank=rank)
    _require_valid(environment)
    with act(events.EnvironmentAdded(name=name), actor=actor, subject=environment):
        environment.save(force_insert=True)
    return environment


def find_version(*, model: str, number: int) -> ModelVersion:
    """The version, or NotFound with what there is."""
    found = ModelVersion.objects.select_related("model").filter(model__name=model, number=number).first()
    if found is None:
        numbers = ModelVersion.objects.filter(model__name=model).values_list("number", flat=True)
        have = f"{model} has versions {', '.join(map(str, sorted(numbers)))}" if numbers else f"{model} has none"
        raise NotFound(f"There is no version {number} of {model}: {have}.")
    return found


def find_version_by_id(key: str) -> ModelVersion:
    """The version with this primary key. Raises NotFound."""
    found = ModelVersion.objects.select_related("model").filter(pk=key).first()
    if found is None:
        raise NotFound(f"There is no version {key}.")
    return found


def find_model(name: str) -> RegisteredModel:
    found = RegisteredModel.objects.select_related("owner").filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no model {name!r}; GET /api/v1/models lists them.")
    return found


def find_dataset(*, name: str, number: int) -> DatasetVersion:
    """The dataset version, or NotFound with what there is."""
    found = DatasetVersion.objects.filter(name=name, number=number).first()
    if found is None:
        numbers = DatasetVersion.objects.filter(name=name).values_list("number", flat=True)
        have = f"{name} has {', '.join(map(str, sorted(numbers)))}" if numbers else f"there is no dataset {name}"
        raise NotFound(f"There is no version {number} of dataset {name}: {have}.")
    return found


def _require_same_words(known: DatasetVersion, table: TableDescription) -> None:
    if set(known.sensitive_columns) != set(table.sensitive_columns) or known.target_column != table.target_column:
        raise Conflict(
            f"These very rows are registered already as {known}, with target {known.target_column or 'none'} and "
            f"sensitive columns {', '.join(known.sensitive_columns) or 'none'}. To say otherwise, register them under "
            "another name.",
            code="declared_otherwise",
        )


def _require_owner_role(owner: User) -> None:
    if not owner.is_active or not owner.has_perm("registry.register_version"):
        raise DomainError(
            f"{owner.name} cannot own a model: they do not have the role of an owner. Assign it first.",
            code="not_an_owner",
        )


def _require_steward(actor: Actor, model: RegisteredModel) -> None:
    if actor.user_id != model.owner_id:
        actor.require("registry.steward_models")


def _one_at_a_time(what: str) -> None:
    """Hold a lock until the transaction ends, so that two registrations do not take one number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])


def _next_number(rows: "models.QuerySet[models.Model]") -> int:
    return int(rows.aggregate(last=Max("number"))["last"] or 0) + 1


def plain_file_name(name: str) -> str:
    """The last part of a file name as a client sent it."""
    return PurePosixPath(name.replace("\\", "/")).name[:200] or "file"


def _require_valid(row: models.Model) -> None:
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        words = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
        raise DomainError(f"This cannot be registered: {words}", code="invalid_fields") from error


def _tell(actor: Actor, versions: Iterable[ModelVersion]) -> None:
    for version in sorted(versions, key=lambda version: version.pk):
        version_changed.send(sender=ModelVersion, version=version, actor=actor)
