"""How well a binary classifier does: decisions, scores and calibration, each with its interval and n.

Never invents a score: from labels alone the score metrics are null with their reason. Definitions:
sklearn.metrics, computed on distinct (score, truth) pairs weighted by their counts, so that neither row order
nor rows cost anything.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from audits.evidence.intervals import percentiles, resampled_counts, wilson
from audits.evidence.outcomes import Outcomes
from audits.evidence.values import NEEDS_SCORES, JsonObject, JsonValue, measured, rounded

_BOOTSTRAP = "bootstrap percentile, 95 %"
_WILSON = "Wilson, 95 %"
_EPSILON = np.finfo(np.float64).eps  # As sklearn.metrics.log_loss clips.
_BATCH = 4_000_000

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreCells:
    """Distinct scores in rising order with the counts of negatives and positives at each: ``counts`` is (k,
    2)."""

    scores: Floats
    counts: Counts


def measure_classification(
    outcomes: Outcomes, *, calibration_bins: int, resamples: int, seed: int
) -> tuple[JsonObject, list[JsonValue]]:
    """Results and flags of a binary classifier's performance."""
    truth, selected = outcomes.truth, outcomes.selected
    tp = int(((truth == 1) & (selected == 1)).sum())
    fp = int(((truth == 0) & (selected == 1)).sum())
    fn = int(((truth == 1) & (selected == 0)).sum())
    n = outcomes.n
    tn = n - tp - fp - fn
    results: JsonObject = {
        "n": n,
        "positives": tp + fn,
        "selected": tp + fp,
        "base_rate": measured((tp + fn) / n, n=n, interval=wilson(tp + fn, n), method=_WILSON),
        "confusion_matrix": {
            "true_positives": tp,
            "false_positives": fp,
            "false_negatives": fn,
            "true_negatives": tn,
        },
        **_decisions(tp, fp, fn, tn, resamples, seed),
    }
    if outcomes.scores is None:
        for name in ("roc_auc", "log_loss", "brier_score", "expected_calibration_error"):
            results[name] = measured(None, n=0, reason=NEEDS_SCORES)
        results["calibration_curve"] = None
        flag: JsonObject = {"code": "labels_only", "message": f"Score metrics were {NEEDS_SCORES}."}
        return results, [flag]
    results.update(_scores(score_cells(truth, outcomes.scores), calibration_bins, resamples, seed))
    return results, []


def score_cells(truth: npt.NDArray[np.int8], scores: Floats) -> ScoreCells:
    """The distinct scores and how often each comes with either truth."""
    distinct, index = np.unique(scores, return_inverse=True)
    positives = np.bincount(index, weights=truth, minlength=len(distinct)).astype(np.int64)
    every = np.bincount(index, minlength=len(distinct))
    return ScoreCells(scores=distinct, counts=np.column_stack([every - positives, positives]).astype(np.int64))


def _decisions(tp: int, fp: int, fn: int, tn: int, resamples: int, seed: int) -> JsonObject:
    n = tp + fp + fn + tn
    counted = {"y_true": [1, 0, 1, 0], "y_pred": [1, 1, 0, 0], "sample_weight": [tp, fp, fn, tn]}
    drawn = resampled_counts(np.array([tp, fp, fn, tn]), resamples, seed).astype(np.float64).T
    with np.errstate(invalid="ignore", divide="ignore"):
        balanced = (drawn[0] / (drawn[0] + drawn[2]) + drawn[3] / (drawn[3] + drawn[1])) / 2
        f1 = 2 * drawn[0] / (2 * drawn[0] + drawn[1] + drawn[2])
    return {
        "accuracy": measured(
            float(metrics.accuracy_score(**counted)), n=n, interval=wilson(tp + tn, n), method=_WILSON
        ),
        "balanced_accuracy": measured(
            float(metrics.balanced_accuracy_score(**counted)),
            n=n,
            interval=percentiles(balanced),
            method=_BOOTSTRAP,
        ),
        "precision": measured(
            float(metrics.precision_score(**counted)) if tp + fp else None,
            n=tp + fp,
            interval=wilson(tp, tp + fp),
            method=_WILSON,
            reason="undefined: nobody was selected",
        ),
        "recall": measured(
            float(metrics.recall_score(**counted)), n=tp + fn, interval=wilson(tp, tp + fn), method=_WILSON
        ),
        "f1": measured(
            float(metrics.f1_score(**counted)) if tp + fp + fn else None,
            n=n,
            interval=percentiles(f1),
            method=_BOOTSTRAP,
        ),
    }


def _scores(cells: ScoreCells, bins: int, resamples: int, seed: int) -> JsonObject:
    n = int(cells.counts.sum())
    scores = np.repeat(cells.scores, 2)
    truth = np.tile([0, 1], len(cells.scores))
    weights = cells.counts.reshape(-1)
    used = weights > 0
    given = {"y_true": truth[used], "sample_weight": weights[used]}
    values = {
        "roc_auc": float(metrics.roc_auc_score(y_score=scores[used], **given)),
        "log_loss": float(metrics.log_loss(y_proba=scores[used], labels=[0, 1], **given)),
        "brier_score": float(metrics.brier_score_loss(y_proba=scores[used], **given)),
        "expected_calibration_error": float(calibration_error(cells, cells.counts[None], bins)[0]),
    }
    draws = _drawn(cells, bins, resamples, seed)
    made: JsonObject = {
        name: measured(rounded(value), n=n, interval=_rounded(percentiles(draws[name])), method=_BOOTSTRAP)
        for name, value in values.items()
    }
    made["calibration_curve"] = _curve(cells, bins)
    return made


def _drawn(cells: ScoreCells, bins: int, resamples: int, seed: int) -> dict[str, Floats]:
    # Batches keep memory to some tens of megabytes; one generator over all of them keeps the draws the same.
    step = max(1, _BATCH // cells.counts.size)
    generator = np.random.Generator(np.random.PCG64(seed))
    shares = cells.counts.reshape(-1) / cells.counts.sum()
    parts: dict[str, list[Floats]] = {}
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = generator.multinomial(int(cells.counts.sum()), shares, size=size)
        for name, values in closed_forms(cells, drawn.reshape(size, -1, 2), bins).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def closed_forms(cells: ScoreCells, counts: Counts, bins: int) -> dict[str, Floats]:
    """The score metrics of many count tables at once: ``counts`` is (resamples, k, 2), each value
    (resamples,)."""
    negatives, positives = counts[:, :, 0].astype(np.float64), counts[:, :, 1].astype(np.float64)
    n = negatives.sum(axis=1) + positives.sum(axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (positives * (below + negatives / 2)).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))
    clipped = np.clip(cells.scores, _EPSILON, 1 - _EPSILON)
    return {
        "roc_auc": area,
        "log_loss": -(positives @ np.log(clipped) + negatives @ np.log1p(-clipped)) / n,
        "brier_score": (positives @ (1 - cells.scores) ** 2 + negatives @ cells.scores**2) / n,
        "expected_calibration_error": calibration_error(cells, counts, bins),
    }


def calibration_error(cells: ScoreCells, counts: Counts, bins: int) -> Floats:
    """Expected calibration error over equal-width bins: mean of |share positive - mean score|, weighted by
    rows."""
    every = counts.sum(axis=2).astype(np.float64)
    gaps = counts[:, :, 1] - every * cells.scores
    which = bin_of(cells.scores, bins)
    total = np.zeros(len(counts))
    for at in np.unique(which):
        total += np.abs(gaps[:, which == at].sum(axis=1))
    made: Floats = total / every.sum(axis=1)
    return made


def bin_of(scores: Floats, bins: int) -> npt.NDArray[np.int64]:
    """Index of the equal-width bin of each score; a score on an edge belongs to the bin above, 1 to the
    last."""
    edges = np.arange(1, bins) / bins
    return np.searchsorted(edges, scores, side="right").astype(np.int64)


def _curve(cells: ScoreCells, bins: int) -> list[JsonValue]:
    which = bin_of(cells.scores, bins)
    made: list[JsonValue] = []
    for at in range(bins):
        counts = cells.counts[which == at]
        n, positives = int(counts.sum()), int(counts[:, 1].sum()) if len(counts) else 0
        mean = float((counts.sum(axis=1) * cells.scores[which == at]).sum() / n) if n else None
        made.append(
            {
                "from": at / bins,
                "to": (at + 1) / bins,
                "n": n,
                "positives": positives,
                "mean_score": measured(
                    None if mean is None else rounded(mean), n=n, reason="undefined: no rows in bin"
                ),
                "share_positive": measured(
                    positives / n if n else None,
                    n=n,
                    interval=wilson(positives, n),
                    method=_WILSON,
                    reason="undefined: no rows in bin",
                ),
            }
        )
    return made


def _rounded(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (rounded(interval[0]), rounded(interval[1]))
