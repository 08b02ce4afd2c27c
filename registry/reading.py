"""Reads uploaded tables and makes datasets and batches of predictions of them. Only workers import this module.

It never keeps a row, and never parses a table in this process: what is kept are the bytes that were sent, and what
was counted in them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from audits.artifacts import store
from audits.errors import DomainError
from audits.evidence import describe_isolated
from audits.evidence.tables import format_of
from audits.trail import Actor
from registry.models import DatasetVersion, Intake, IntakePurpose, PredictionBatch
from registry.services.intakes import MEDIA_TYPES
from registry.services.inventory import TableDescription, find_version_by_id, register_dataset
from registry.services.operations import BatchFacts, find_environment, report_predictions

_SAFE = re.compile(r"[A-Za-z0-9][\w.-]{0,100}", re.ASCII)


def read_intake(intake: Intake, limits: Mapping[str, int]) -> DatasetVersion | PredictionBatch:
    """Do what the intake is for, as its sender, who must still be allowed to. Raises DomainError.

    The table is read in a process of its own; ``limits`` are its seconds and its bytes of memory.
    """
    if intake.purpose == IntakePurpose.DATASET:
        return _dataset(intake, limits)
    return _predictions(intake, limits)


def _dataset(intake: Intake, limits: Mapping[str, int]) -> DatasetVersion:
    stated = intake.details
    with _file(intake) as path:
        found = describe_isolated(path, **limits)
    table = TableDescription(
        columns=[
            {"name": column.name, "type": column.type, "missing": column.missing, "distinct": column.distinct}
            for column in found.columns
        ],
        row_count=found.rows,
        sensitive_columns=stated["sensitive_columns"],
        target_column=stated["target_column"],
    )
    return register_dataset(
        actor=_sender(intake),
        name=stated["name"],
        file_name=intake.file_name,
        media_type=intake.media_type,
        source=stated["source"],
        content=_content(intake),
        table=table,
        reason=stated["reason"],
    )


def _predictions(intake: Intake, limits: Mapping[str, int]) -> PredictionBatch:
    with _file(intake) as path:
        found = describe_isolated(path, **limits)
    columns = {column.name: column for column in found.columns}
    if "prediction" not in columns:
        raise DomainError(
            f"The batch has no column prediction. Its columns are: {', '.join(columns)}.", code="unknown_column"
        )
    if columns["prediction"].missing:
        raise DomainError(
            f"{columns['prediction'].missing} rows of the batch have no prediction; leave them out.",
            code="missing_prediction",
        )
    outcome = columns.get("outcome")
    return report_predictions(
        actor=_sender(intake),
        version=find_version_by_id(intake.details["version"]),
        environment=find_environment(intake.details["environment"]),
        content=_content(intake),
        media_type=intake.media_type,
        facts=BatchFacts(
            rows=found.rows,
            rows_with_outcome=found.rows - outcome.missing if outcome else 0,
            columns=list(columns),
        ),
    )


def _sender(intake: Intake) -> Actor:
    return Actor.person(intake.requested_by, via="job")


def _content(intake: Intake) -> store.Stored:
    return store.Stored(digest=intake.digest, size=intake.size)


@contextmanager
def _file(intake: Intake) -> Iterator[Path]:
    """A verified copy, under the name that the sender gave it where that is a plain one: messages name it."""
    with store.local_copy(intake.digest, suffix=MEDIA_TYPES[intake.media_type]) as path:
        named = path.rename(path.with_name(intake.file_name)) if _SAFE.fullmatch(intake.file_name) else path
        if f".{format_of(named)}" != MEDIA_TYPES[intake.media_type]:
            raise DomainError(
                f"The file {named.name} was sent as {intake.media_type} and is something else: it may be cut off, or "
                "of another kind. Send it again, with the media type that it has.",
                code="unreadable_file",
            )
        yield named
