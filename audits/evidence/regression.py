"""How well a regression model does: errors in the target's unit, explained variance, residuals, with n and
intervals.

Never depends on row order: pairs are sorted before they are summed or resampled. Definitions:
sklearn.metrics.
"""

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from audits.evidence.intervals import percentiles
from audits.evidence.values import JsonObject, measured, rounded

_BOOTSTRAP = "bootstrap percentile, 95 %"

Floats = npt.NDArray[np.float64]


def sorted_pairs(truth: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """The same pairs in an order that depends on their values only."""
    order = np.lexsort((predicted, truth))
    return truth[order], predicted[order]


def measure_regression(truth: Floats, predicted: Floats, *, resamples: int, seed: int) -> JsonObject:
    """MAE and RMSE (unit of the target), R², and residuals (truth minus prediction) with their spread."""
    truth, predicted = sorted_pairs(truth, predicted)
    n = len(truth)
    residuals = truth - predicted
    values = {
        "mae": float(metrics.mean_absolute_error(truth, predicted)),
        "rmse": float(metrics.root_mean_squared_error(truth, predicted)),
        "r2": float(metrics.r2_score(truth, predicted)),
        "bias": float(residuals.mean()),
    }
    draws = _drawn(truth, residuals, resamples, seed)
    results: JsonObject = {"n": n}
    for name, value in values.items():
        interval = percentiles(draws[name])
        results[name] = measured(
            rounded(value),
            n=n,
            interval=None if interval is None else (rounded(interval[0]), rounded(interval[1])),
            method=_BOOTSTRAP,
        )
    quantiles = np.quantile(residuals, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    results["residuals"] = {
        "n": n,
        "standard_deviation": measured(rounded(float(residuals.std(ddof=1))), n=n),
        **{
            name: rounded(float(value))
            for name, value in zip(("minimum", "p05", "p25", "median", "p75", "p95", "maximum"), quantiles, strict=True)
        },
    }
    return results


def _drawn(truth: Floats, residuals: Floats, resamples: int, seed: int) -> dict[str, Floats]:
    generator = np.random.Generator(np.random.PCG64(seed))
    made: dict[str, Floats] = {name: np.empty(resamples) for name in ("mae", "rmse", "r2", "bias")}
    n = len(truth)
    for at in range(resamples):
        chosen = generator.integers(0, n, size=n)
        errors, values = residuals[chosen], truth[chosen]
        squares = float(errors @ errors)
        spread = float(((values - values.mean()) ** 2).sum())
        made["mae"][at] = np.abs(errors).mean()
        made["rmse"][at] = np.sqrt(squares / n)
        made["r2"][at] = 1 - squares / spread if spread > 0 else np.nan
        made["bias"][at] = errors.mean()
    return made
