"""Performance: against tables worked by hand, and against scikit-learn and SciPy."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from audits.evidence.intervals import wilson
from audits.evidence.outcomes import Outcomes
from audits.evidence.performance import closed_forms, measure_classification, score_cells
from audits.evidence.regression import measure_regression


def outcomes(truth: list[int], scores: list[float] | None, selected: list[int] | None = None) -> Outcomes:
    chosen = selected if scores is None else [int(score >= 0.5) for score in scores]
    return Outcomes(
        truth=np.array(truth, dtype=np.int8),
        selected=np.array(chosen, dtype=np.int8),
        scores=None if scores is None else np.array(scores),
        threshold=0.5,
        read_as="",
    )


def classified(given: Outcomes, seed: int = 1):
    return measure_classification(given, calibration_bins=5, resamples=60, seed=seed)


TRUTH = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.3, 0.6, 0.4, 0.2, 0.1, 0.1]


def test_it_equals_the_table_worked_by_hand() -> None:
    results, flags = classified(outcomes(TRUTH, SCORES))
    assert results["confusion_matrix"] == {
        "true_positives": 4,
        "false_positives": 1,
        "false_negatives": 1,
        "true_negatives": 4,
    }
    for name, value in {
        "accuracy": 0.8,
        "balanced_accuracy": 0.8,
        "precision": 0.8,
        "recall": 0.8,
        "f1": 0.8,
        # Of 25 pairs the positive is above in 22, equal in one (0.6), below in two (0.3 under 0.6 and 0.4).
        "roc_auc": 22.5 / 25,
        # Squares: .01 .04 .09 .16 .49 of the positives, .36 .16 .04 .01 .01 of the others.
        "brier_score": 1.37 / 10,
        # Per bin, positives less the sum of scores: [0,.2) .1 .1, none; [.2,.4) .2 .3, one; [.4,.6) .4, none;
        # [.6,.8) .6 .6 .7, two; [.8,1] .8 .9, two.
        "expected_calibration_error": (0.2 + 0.5 + 0.4 + 0.1 + 0.3) / 10,
    }.items():
        assert results[name]["value"] == pytest.approx(value), name
        assert results[name]["low"] <= results[name]["value"] <= results[name]["high"]
    assert flags == []
    assert [entry["n"] for entry in results["calibration_curve"]] == [2, 2, 1, 3, 2]


def test_labels_alone_never_make_a_score() -> None:
    results, flags = classified(outcomes([1, 0, 1, 0], None, [1, 0, 0, 0]))
    for name in ("roc_auc", "log_loss", "brier_score", "expected_calibration_error"):
        assert results[name] == {"value": None, "n": 0, "reason": "not measured: needs scores"}
    assert flags[0]["code"] == "labels_only"
    assert results["recall"]["value"] == 0.5


def test_nobody_selected_leaves_precision_undefined() -> None:
    results, _ = classified(outcomes([1, 0], None, [0, 0]))
    assert results["precision"] == {"value": None, "n": 0, "reason": "undefined: nobody was selected"}


def test_it_equals_scikit_learn_on_the_raw_rows_in_any_order() -> None:
    chance = np.random.Generator(np.random.PCG64(9))
    truth = chance.integers(0, 2, 500)
    scores = np.clip(truth * 0.2 + chance.random(500) * 0.8, 0, 1).round(2)
    results, _ = classified(outcomes(truth.tolist(), scores.tolist()))
    for name, value in {
        "roc_auc": metrics.roc_auc_score(truth, scores),
        "log_loss": metrics.log_loss(truth, scores),
        "brier_score": metrics.brier_score_loss(truth, scores),
        "f1": metrics.f1_score(truth, scores >= 0.5),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, scores >= 0.5),
    }.items():
        assert results[name]["value"] == pytest.approx(value, abs=1e-10), name
    order = chance.permutation(500)
    again, _ = classified(outcomes(truth[order].tolist(), scores[order].tolist()))
    assert again == results
    other, _ = classified(outcomes(truth.tolist(), scores.tolist()), seed=2)
    assert other["roc_auc"] != results["roc_auc"]


def test_the_closed_forms_that_are_resampled_are_the_metrics() -> None:
    truth, scores = np.array(TRUTH * 3, dtype=np.int8), np.array([*SCORES, *SCORES[::-1], *SCORES])
    cells = score_cells(truth, scores)
    made = closed_forms(cells, cells.counts[None], 10)
    assert made["roc_auc"][0] == pytest.approx(metrics.roc_auc_score(truth, scores))
    assert made["log_loss"][0] == pytest.approx(metrics.log_loss(truth, scores))
    assert made["brier_score"][0] == pytest.approx(metrics.brier_score_loss(truth, scores))


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (5, 5), (3, 8), (40, 1000)])
def test_wilson_equals_scipy(part: int, whole: int) -> None:
    theirs = stats.binomtest(part, whole).proportion_ci(method="wilson")
    assert wilson(part, whole) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_regression_equals_the_table_worked_by_hand() -> None:
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    results = measure_regression(truth, np.array([1.0, 2.0, 2.0, 6.0]), resamples=30, seed=1)
    assert results["mae"]["value"] == 0.75
    assert results["rmse"]["value"] == pytest.approx((5 / 4) ** 0.5)
    assert results["r2"]["value"] == pytest.approx(1 - 5 / 5)
    assert results["bias"]["value"] == -0.25
    assert results["residuals"]["minimum"] == -2


def test_regression_equals_scikit_learn_on_the_diabetes_study_in_any_order() -> None:
    data = load_diabetes()
    predicted = LinearRegression().fit(data.data, data.target).predict(data.data)
    results = measure_regression(data.target, predicted, resamples=30, seed=1)
    assert results["r2"]["value"] == pytest.approx(metrics.r2_score(data.target, predicted), abs=1e-10)
    assert results["mae"]["value"] == pytest.approx(metrics.mean_absolute_error(data.target, predicted))
    assert measure_regression(data.target[::-1], predicted[::-1], resamples=30, seed=1) == results
