"""The measurements by name: each from what was prepared to the parts of a record.

Never computes a number itself; that is done by the modules of each measurement.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa

from audits.evidence.cells import count_cells
from audits.evidence.errors import EvidenceError
from audits.evidence.figures.fairness import group_figure
from audits.evidence.figures.performance import calibration_figure, confusion_figure, residual_figure
from audits.evidence.groups import group_rows
from audits.evidence.intervals import LEVEL
from audits.evidence.listing import explanation_tables, fairness_tables, performance_tables
from audits.evidence.measuring import Made, Prepared, Progress
from audits.evidence.outcomes import Floats, Outcomes, Target
from audits.evidence.performance import measure_classification
from audits.evidence.record import Figure
from audits.evidence.regression import measure_regression, sorted_pairs
from audits.evidence.values import JsonObject, JsonValue

# One antithetic pair of orders is exact up to interactions of two features; more pairs lessen the error of
# the rest.
_PERMUTATIONS = 1


def _performance(prepared: Prepared, progress: Progress) -> Made:
    request = prepared.request
    parameters = _parameters(prepared)
    figures: list[Figure | None]
    if request.task == "regression":
        results = measure_regression(
            prepared.truth, prepared.predicted, resamples=request.bootstrap_resamples, seed=request.seed
        )
        flags: list[JsonValue] = []
        finding = (
            f"Mean absolute error {_told(results['mae'], 4)} and R² {_told(results['r2'])} on "
            f"{len(prepared.truth):,} rows."
        )
        figures = [residual_figure(results, *sorted_pairs(prepared.truth, prepared.predicted), request.target)]
    else:
        outcomes, target = _binary(prepared)
        parameters["calibration_bins"] = request.calibration_bins
        results, flags = measure_classification(
            outcomes,
            calibration_bins=request.calibration_bins,
            resamples=request.bootstrap_resamples,
            seed=request.seed,
        )
        scored = outcomes.scores is not None
        finding = (
            f"Accuracy {_told(results['accuracy'])}, balanced accuracy {_told(results['balanced_accuracy'])}"
            + (f", ROC AUC {_told(results['roc_auc'])}" if scored else "")
            + f" on {outcomes.n:,} rows, of which {results['positives']:,} are positive."
        )
        figures = [confusion_figure(results, target.positive, target.negative), calibration_figure(results)]
    return Made(
        title="Performance" if request.task == "classification" else "Performance (regression)",
        finding=finding,
        parameters=parameters,
        results=results,
        tables=performance_tables(results, request.task, request.target),
        flags=flags,
        figures=tuple(figure for figure in figures if figure is not None),
    )


def _fairness(prepared: Prepared, progress: Progress) -> Made:
    request = prepared.request
    outcomes, _ = _binary(prepared)
    from audits.evidence.fairness import measure_fairness

    groupings = [group_rows(prepared.table, column, request.bins, request.max_groups) for column in request.sensitive]
    cells = count_cells(groupings, outcomes)
    results, flags = measure_fairness(
        groupings,
        cells,
        min_group_size=request.min_group_size,
        max_groups=request.max_groups,
        resamples=request.bootstrap_resamples,
        seed=request.seed,
    )
    parameters = _parameters(prepared)
    parameters["sensitive"] = [
        {
            "column": grouping.column,
            "groups": len(grouping.labels),
            "edges": None if grouping.edges is None else list(grouping.edges),
            "edges_from": "quartiles" if grouping.quartiles else ("request" if grouping.edges else None),
        }
        for grouping in groupings
    ]
    parameters["min_group_size"] = request.min_group_size
    parameters["max_groups"] = request.max_groups
    comparisons = results["comparisons"]
    measured = [entry for entry in comparisons if isinstance(entry, dict)] if isinstance(comparisons, list) else []
    figures = tuple(group_figure(entry, number) for number, entry in enumerate(measured, start=1))
    return Made(
        title="Fairness between groups",
        finding=_fairness_finding(measured),
        parameters=parameters,
        results=results,
        tables=fairness_tables(results),
        flags=flags,
        figures=figures,
    )


def _explainability(prepared: Prepared, progress: Progress) -> Made:
    request, predictor = prepared.request, prepared.predictor
    if predictor is None:
        raise EvidenceError("Explainability needs a model.", code="needs_model")
    from audits.evidence.explanation import explain
    from audits.evidence.figures.explanation import beeswarm_figure, importance_figure

    def predict(rows: pa.Table) -> Floats:
        return predictor.predict(rows)

    threshold = None if request.task == "regression" else request.threshold
    explanation = explain(
        prepared.table,
        predictor.features,
        predict,
        prepared.predicted,
        row_numbers=prepared.row_numbers,
        explains=predictor.explains,
        threshold=threshold,
        explained_rows=request.explained_rows,
        background_rows=request.background_rows,
        resamples=request.bootstrap_resamples,
        seed=request.seed,
        permutations=_PERMUTATIONS,
    )
    parameters = _parameters(prepared)
    parameters.update(
        method="SHAP permutation explainer, independent background",
        explained_rows=request.explained_rows,
        background_rows=request.background_rows,
        permutations=_PERMUTATIONS,
    )
    importance = explanation.results["importance"]
    strongest = [
        f"{entry['feature']} ({_told(entry['mean_absolute'])})"
        for entry in (importance[:3] if isinstance(importance, list) else [])
        if isinstance(entry, dict)
    ]
    return Made(
        title="Explainability",
        finding=f"What moves the {predictor.explains} most, by mean |SHAP value| over "
        f"{explanation.results['explained_rows']} rows: {', '.join(strongest)}.",
        parameters=parameters,
        results=explanation.results,
        tables=explanation_tables(explanation.results),
        flags=explanation.flags,
        figures=(importance_figure(explanation), beeswarm_figure(explanation)),
    )


MEASURES: Mapping[str, Callable[[Prepared, Progress], Made]] = {
    "performance": _performance,
    "fairness": _fairness,
    "explainability": _explainability,
}


def _binary(prepared: Prepared) -> tuple[Outcomes, Target]:
    if prepared.outcomes is None or prepared.target is None:
        raise EvidenceError("This measurement needs a binary classification.", code="bad_request")
    return prepared.outcomes, prepared.target


def _parameters(prepared: Prepared) -> JsonObject:
    request, outcomes, target = prepared.request, prepared.outcomes, prepared.target
    made: JsonObject = {
        "task": request.task,
        "target": request.target,
        "interval_level": LEVEL,
        "bootstrap_resamples": request.bootstrap_resamples,
    }
    if target is not None and outcomes is not None:
        made.update(
            positive=target.positive,
            negative=target.negative,
            threshold=outcomes.threshold,
            predictions=request.predictions,
            predictions_read_as=outcomes.read_as,
        )
    elif request.predictions is not None:
        made["predictions"] = request.predictions
    return made


def _told(value: JsonValue, digits: int = 3) -> str:
    number = value.get("value") if isinstance(value, dict) else None
    if not isinstance(number, float):
        return "not measured"
    return f"{number:.{digits}g}" if digits > 3 or abs(number) < 0.001 else f"{number:.{digits}f}"


def _fairness_finding(comparisons: list[JsonObject]) -> str:
    told = []
    for comparison in comparisons:
        columns = comparison["columns"]
        if comparison["kind"] != "single" or not isinstance(columns, list):
            continue
        told.append(
            f"by {columns[0]}, demographic parity difference {_told(comparison['demographic_parity_difference'])}, "
            f"ratio {_told(comparison['demographic_parity_ratio'])}, "
            f"equalized odds difference {_told(comparison['equalized_odds_difference'])}"
        )
    text = "; ".join(told)
    return text[:1].upper() + text[1:] + "."
