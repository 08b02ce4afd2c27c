"""From a request, a table and a model or a column of predictions to evidence records.

Never loads the model in this process, never writes outside ``out_dir``, and writes nothing unless every
measurement that was asked for could be made.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audits.evidence.errors import EvidenceError
from audits.evidence.outcomes import (
    Floats,
    Outcomes,
    Target,
    numeric_predictions,
    numeric_target,
    outcomes_of_column,
    outcomes_of_scores,
    read_target,
)
from audits.evidence.predictor import Predictor, predictor_for
from audits.evidence.record import EvidenceRecord, Figure
from audits.evidence.request import MeasureRequest
from audits.evidence.sandbox.client import ModelHost
from audits.evidence.sandbox.limits import SandboxLimits
from audits.evidence.tables import (
    digest_of_file,
    format_of,
    missing_count,
    read_table,
    require_column,
    type_name,
)
from audits.evidence.values import JsonObject, JsonValue
from audits.evidence.versions import versions_for

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that measurements start from: the rows that have a target (``table``) and their numbers in the
    file, truth and predictions, the model where there is one, and what the record says of the inputs.

    Classification has ``outcomes`` and ``target``; regression has ``truth`` and ``predicted``. ``answers``
    are the model's own numbers, one per row.
    """

    request: MeasureRequest
    table: pa.Table
    row_numbers: npt.NDArray[np.int64]
    target: Target | None
    outcomes: Outcomes | None
    truth: Floats
    predicted: Floats
    predictor: Predictor | None
    inputs: JsonObject
    flags: list[JsonValue]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """What one measurement gives to its record."""

    title: str
    finding: str
    parameters: JsonObject
    results: JsonObject
    tables: list[JsonValue]
    flags: list[JsonValue]
    figures: tuple[Figure, ...]


def measure(
    request: MeasureRequest,
    *,
    model_path: Path | None,
    data_path: Path,
    out_dir: Path,
    progress: Progress,
    clock: Callable[[], float] = time.perf_counter,
    limits: SandboxLimits | None = None,
) -> list[EvidenceRecord]:
    """Make the measurements in the order asked for, and write ``<measurement>.json`` and figures to
    ``out_dir``.

    The model, if any, is a skops file. Raises ``EvidenceError``, and then writes nothing.
    """
    # Imported when measuring begins: together they take seconds.
    from audits.evidence.measurements import MEASURES

    _check_sources(request, model_path)
    begun = clock()
    progress(f"Reading the table {data_path.name}")
    table = read_table(data_path)
    for column in request.sensitive:
        require_column(table, column, "sensitive")
    records = []
    with _model(model_path, limits, progress) as host:
        prepared = _prepared(request, table, data_path, model_path, host)
        isolation: JsonValue = host.card.isolation if host else None
        seconds: JsonObject = {"preparing": round(clock() - begun, 3)}
        for name in request.measurements:
            progress(f"Measuring {name} on {prepared.table.num_rows:,} rows")
            started = clock()
            made = MEASURES[name](prepared, progress)
            records.append(
                EvidenceRecord(
                    measurement=name,
                    title=made.title,
                    finding=made.finding,
                    subject=request.subject,
                    inputs=prepared.inputs,
                    parameters=made.parameters,
                    seed=request.seed,
                    versions=versions_for(name, with_model=host is not None),
                    results=made.results,
                    tables=made.tables,
                    flags=[*prepared.flags, *made.flags],
                    figures=made.figures,
                    timings={
                        "seconds": {**seconds, "measuring": round(clock() - started, 3)},
                        "sandbox": isolation,
                    },
                )
            )
    write_records(records, out_dir)
    progress(f"Wrote {len(records)} evidence {'record' if len(records) == 1 else 'records'}")
    return records


def write_records(records: list[EvidenceRecord], out_dir: Path) -> None:
    """Write each record as ``<measurement>.json`` and its figures as ``<measurement>.<figure>.svg``."""
    out_dir.mkdir(parents=True, exist_ok=True)
    for record in records:
        for figure in record.figures:
            (out_dir / f"{record.measurement}.{figure.name}.svg").write_bytes(figure.svg)
        text = json.dumps(record.as_json(), ensure_ascii=False, indent=1, allow_nan=False)
        (out_dir / f"{record.measurement}.json").write_text(text + "\n", encoding="utf-8")


def _check_sources(request: MeasureRequest, model_path: Path | None) -> None:
    if (model_path is None) == (request.predictions is None):
        raise EvidenceError(
            "Give either a model or a column of predictions, "
            + ("not both." if model_path else "one of which is needed."),
            code="bad_request",
        )
    if model_path is None and "explainability" in request.measurements:
        raise EvidenceError(
            "Explainability needs a model; from predictions alone ask for performance and fairness.",
            code="needs_model",
        )


@contextlib.contextmanager
def _model(path: Path | None, limits: SandboxLimits | None, progress: Progress) -> Iterator[ModelHost | None]:
    if path is None:
        yield None
        return
    progress("Loading the model in a process of its own")
    with ModelHost(path, limits) as host:
        yield host


def _prepared(
    request: MeasureRequest, table: pa.Table, data_path: Path, model_path: Path | None, host: ModelHost | None
) -> Prepared:
    target, truth = None, np.empty(0)
    if request.task == "classification":
        target = read_target(table, request.target, request.positive)
        kept = target.kept
    else:
        truth, kept = numeric_target(table, request.target)
    rows = table.filter(pa.array(kept)) if not kept.all() else table
    outcomes, predicted, predictor = None, np.empty(0), None
    if host is not None:
        predictor = predictor_for(host, request, table, target.positive if target else None)
        predicted = predictor.predict(rows.select(predictor.features))
        if target is not None and predictor.has_scores:
            found = f"scores of the model, {predictor.positive_found}"
            outcomes = outcomes_of_scores(target, predicted, request.threshold, found)
        elif target is not None:
            outcomes = Outcomes(
                truth=target.truth,
                selected=predicted.astype(np.int8),
                scores=None,
                threshold=None,
                read_as=f"labels of the model, {predictor.positive_found}; it answers no probabilities",
            )
    elif target is not None and request.predictions is not None:
        outcomes = outcomes_of_column(table, target, request.predictions, request.prediction_kind, request.threshold)
    elif request.predictions is not None:
        predicted = numeric_predictions(table, request.predictions, kept)
    return Prepared(
        request=request,
        table=rows,
        row_numbers=np.flatnonzero(kept) + 1,
        target=target,
        outcomes=outcomes,
        truth=truth,
        predicted=predicted,
        predictor=predictor,
        inputs={
            "dataset": _dataset(table, data_path, rows.num_rows),
            "model": _described(model_path, predictor),
        },
        flags=_flags(request.target, int((~kept).sum()), host),
    )


def _dataset(table: pa.Table, path: Path, measured_rows: int) -> JsonObject:
    columns: list[JsonValue] = [
        {
            "name": name,
            "type": type_name(table.column(name).type),
            "missing": missing_count(table.column(name)),
        }
        for name in table.column_names
    ]
    return {
        "digest": digest_of_file(path),
        "format": format_of(path),
        "rows": table.num_rows,
        "measured_rows": measured_rows,
        "columns": columns,
    }


def _described(path: Path | None, predictor: Predictor | None) -> JsonObject | None:
    if path is None or predictor is None:
        return None
    card = predictor.host.card
    return {
        "digest": digest_of_file(path),
        "format": "skops",
        "estimator": card.estimator,
        "final_estimator": card.final_estimator,
        "features": list(predictor.features),
        "classes": None if card.classes is None else list(card.classes),
        "positive_class": predictor.positive_found,
    }


def _flags(target: str, missing: int, host: ModelHost | None) -> list[JsonValue]:
    flags: list[JsonValue] = []
    if missing:
        rows = "row has" if missing == 1 else "rows have"
        told = f"{missing} {rows} no value in the target “{target}” and cannot be measured."
        flags.append({"code": "target_missing", "message": told, "n": missing})
    for note in host.card.notes if host else ():
        flags.append({"code": "model_warning", "message": f"Loading the model warned: {note}"})
    return flags
