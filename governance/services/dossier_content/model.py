"""The dossier's part on the model: identity, artifact, data, lineage, software.

Must never state a measurement: the registrant's metrics are printed as the registrant's.
"""

from collections.abc import Iterator, Mapping

from audits.documents.formatting import Cell
from governance.dossiers.blocks import Fact
from governance.dossiers.content import (
    ArtifactContent,
    DatasetContent,
    LineageStep,
    ModelContent,
    SchemaColumn,
)
from governance.services.dossier_content.reading import Reading, role_title
from governance.services.signed_content import APPROVER_ROLES, approval_is_valid, latest_approval
from registry.models import DatasetVersion

_MEDIA_TYPES = {"skops": "skops file (scikit-learn model)", "predictions": "table of predictions, in place of a model"}


def model_content(reading: Reading) -> ModelContent:
    version = reading.version
    model = version.model
    return ModelContent(
        owner=reading.names.get(model.owner_id, ""),
        business_unit=model.business_unit,
        purpose=model.intended_purpose,
        risk_tier=model.get_risk_tier_display(),
        framework=f"{version.framework} {version.framework_version}".strip(),
        registered_by=reading.names.get(version.registered_by_id, f"account {version.registered_by_id}"),
        registered_at=version.registered_at,
        source_commit=version.source_commit,
        parameters=tuple(stated_facts(version.parameters)),
        metrics=tuple(stated_facts(version.metrics)),
        packages=tuple(sorted((str(name), str(number)) for name, number in version.packages.items())),
        artifacts=(
            ArtifactContent(
                name=version.artifact_name,
                sha256=version.artifact_digest,
                size=version.artifact_size,
                media_type=_MEDIA_TYPES.get(version.artifact_format, version.artifact_format),
            ),
        ),
        datasets=tuple(_dataset(role, dataset) for role, dataset in reading.datasets),
        lineage=tuple(_lineage(reading)),
        description=version.notes,
    )


def stated_facts(given: Mapping[str, object]) -> Iterator[Fact]:
    """JSON that somebody stated, as facts; what lies deeper gets a dotted label."""
    for name, value in sorted(given.items()):
        if isinstance(value, Mapping):
            for fact in stated_facts(value):
                yield Fact(label=f"{name}.{fact.label}", value=fact.value)
        else:
            yield Fact(label=str(name), value=_cell(value))


def _cell(value: object) -> Cell:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if value is None or isinstance(value, str | bool | float):
        return value
    # A whole number may be a name (a seed): it is printed as it was stated.
    return str(value)


def _dataset(role: str, dataset: DatasetVersion) -> DatasetContent:
    sensitive = set(dataset.sensitive_columns)
    return DatasetContent(
        role=role,
        name=dataset.name,
        version=str(dataset.number),
        digest=dataset.digest,
        rows=dataset.row_count,
        columns=tuple(
            SchemaColumn(
                name=str(column["name"]), type=str(column.get("type", "")), sensitive=column["name"] in sensitive
            )
            for column in dataset.columns
        ),
        source=dataset.source,
        target=dataset.target_column,
    )


def _lineage(reading: Reading) -> Iterator[LineageStep]:
    file, version = reading.file, reading.version
    yield LineageStep(
        kind="Data",
        items=tuple(Fact(label=str(dataset), value=dataset.digest, digest=True) for _, dataset in reading.datasets),
    )
    yield LineageStep(kind="Version", items=(Fact(label=str(version), value=version.artifact_digest, digest=True),))
    yield LineageStep(
        kind="Evidence",
        items=tuple(
            Fact(label=kept.measurement.capitalize(), value=kept.digest, digest=True) for kept in file.evidence
        ),
    )
    approvals = [
        Fact(label=role_title(role), value=approval.signer_name)
        for role in APPROVER_ROLES
        if approval_is_valid(file, role) and (approval := latest_approval(file, role)) is not None
    ]
    yield LineageStep(kind="Approvals", items=tuple(approvals))
    running: dict[str, str] = {}
    for deployment in version.deployments.select_related("environment").order_by("reported_at"):
        running[deployment.environment.title] = deployment.status
    yield LineageStep(
        kind="Deployments",
        items=tuple(Fact(label=title, value=status) for title, status in running.items()),
    )
