"""Figures of performance: calibration, confusion matrix, residuals.

Never draws a bin without its n.
"""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Drawing

from audits.evidence.figures.style import FILL, INK, PALE, draw, percent
from audits.evidence.record import Figure
from audits.evidence.values import JsonObject

_MOST_POINTS = 1000


def confusion_figure(results: JsonObject, positive: str, negative: str) -> Figure:
    """Counts of truth against decision, each with its share of the row."""
    matrix = results["confusion_matrix"]
    assert isinstance(matrix, dict)  # noqa: S101 - built by measure_classification
    counts = np.array(
        [
            [matrix["true_positives"], matrix["false_negatives"]],
            [matrix["false_positives"], matrix["true_negatives"]],
        ],
        dtype=float,
    )
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / totals

    def paint(sheet: Drawing) -> None:
        axes = sheet.subplots()
        axes.grid(visible=False)
        axes.pcolormesh([0, 1, 2], [0, 1, 2], shares[::-1], cmap="Blues", vmin=0, vmax=1.35, edgecolors="white")
        for row in range(2):
            for column in range(2):
                dark = shares[row, column] > 0.75
                axes.text(
                    column + 0.5,
                    1.5 - row,
                    f"{int(counts[row, column]):,}\n{percent(shares[row, column])} of row",
                    ha="center",
                    va="center",
                    color="white" if dark else INK,
                    fontsize=10,
                )
        axes.set_xticks([0.5, 1.5], [f"selected as {positive}", f"not selected ({negative})"])
        axes.set_yticks(
            [1.5, 0.5], [f"{positive} (n = {int(totals[0, 0]):,})", f"{negative} (n = {int(totals[1, 0]):,})"]
        )
        axes.set_xlabel("decision")
        axes.set_ylabel("truth")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)

    alt = (
        f"Confusion matrix of {int(counts.sum()):,} rows: of {int(totals[0, 0]):,} with the positive value {positive}, "
        f"{int(counts[0, 0]):,} were selected ({percent(shares[0, 0])}); of {int(totals[1, 0]):,} others, "
        f"{int(counts[1, 0]):,} were selected wrongly ({percent(shares[1, 0])})."
    )
    return draw("confusion-matrix", "Confusion matrix", alt, 2.6, paint)


def calibration_figure(results: JsonObject) -> Figure | None:
    """Share of positives against mean score per bin, with intervals, over the number of rows per bin."""
    curve = results["calibration_curve"]
    error = results["expected_calibration_error"]
    if not isinstance(curve, list) or not isinstance(error, dict):
        return None
    bins = [entry for entry in curve if isinstance(entry, dict)]
    points = [
        (mean["value"], share["value"], share["low"], share["high"])
        for entry in bins
        if isinstance(mean := entry["mean_score"], dict)
        and isinstance(share := entry["share_positive"], dict)
        and entry["n"]
    ]
    across = np.array(points, dtype=float)
    sizes = np.array([entry["n"] for entry in bins], dtype=float)
    edges = np.array([entry["from"] for entry in bins] + [1.0], dtype=float)

    def paint(sheet: Drawing) -> None:
        upper, lower = sheet.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=INK, linestyle=(0, (4, 3)), linewidth=0.9, label="perfectly calibrated")
        upper.errorbar(
            across[:, 0],
            across[:, 1],
            yerr=np.clip([across[:, 1] - across[:, 2], across[:, 3] - across[:, 1]], 0, None),
            color=FILL,
            ecolor=INK,
            elinewidth=0.9,
            capsize=2.5,
            marker="o",
            markersize=4.5,
            linewidth=1.3,
            label="observed, with 95 % interval",
        )
        upper.set_ylim(-0.02, 1.02)
        upper.set_xlim(-0.02, 1.02)
        upper.set_ylabel("share of positives")
        upper.legend(loc="upper left")
        lower.bar(edges[:-1], sizes, width=np.diff(edges), align="edge", color=PALE, edgecolor=INK, linewidth=0.6)
        for left, right, size in zip(edges[:-1], edges[1:], sizes, strict=True):
            lower.annotate(
                f"{int(size):,}",
                ((left + right) / 2, size),
                (0, 1.5),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        lower.set_ylim(0, sizes.max() * 1.28)
        lower.set_ylabel("rows (n)")
        lower.set_xlabel("score (predicted probability of the positive value), in equal bins")
        lower.grid(visible=False, axis="x")

    gaps = np.abs(across[:, 0] - across[:, 1])
    widest = int(gaps.argmax())
    alt = (
        f"Calibration curve over {len(points)} filled bins, {int(sizes.sum()):,} rows: expected calibration error "
        f"{error['value']:.3f}; the widest gap is at a mean score of {across[widest, 0]:.2f}, where the share of "
        f"positives is {across[widest, 1]:.2f}."
    )
    return draw("calibration", "Calibration", alt, 4.0, paint)


def residual_figure(
    results: JsonObject, truth: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64], target: str
) -> Figure:
    """Predicted against true values, and the residuals' histogram; pairs come in a settled order."""
    residuals = truth - predicted
    step = max(1, -(-len(truth) // _MOST_POINTS))

    def paint(sheet: Drawing) -> None:
        left, right = sheet.subplots(1, 2)
        low, high = float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))
        left.plot([low, high], [low, high], color=INK, linestyle=(0, (4, 3)), linewidth=0.9)
        left.plot(
            truth[::step],
            predicted[::step],
            "o",
            color=FILL,
            markersize=2.6,
            alpha=0.55,
            markeredgewidth=0,
            rasterized=True,
        )
        left.set_xlabel(f"true {target}")
        left.set_ylabel(f"predicted {target}")
        left.set_title("Predicted against true" + (f" (every {step}th row)" if step > 1 else ""))
        right.hist(residuals, bins=25, color=PALE, edgecolor=INK, linewidth=0.6)
        right.axvline(0, color=INK, linestyle=(0, (4, 3)), linewidth=0.9)
        right.set_xlabel(f"residual (true - predicted {target})")
        right.set_ylabel("rows (n)")
        right.set_title("Residuals")
        right.grid(visible=False, axis="x")

    mae, r2 = results["mae"], results["r2"]
    assert isinstance(mae, dict)  # noqa: S101 - built by measure_regression
    assert isinstance(r2, dict)  # noqa: S101 - built by measure_regression
    alt = (
        f"Predicted against true {target} and histogram of residuals for {len(truth):,} rows: mean absolute error "
        f"{mae['value']:.4g}, R² {r2['value']:.3f}; residuals run from {residuals.min():.4g} to {residuals.max():.4g}."
    )
    return draw("residuals", "Residuals", alt, 3.0, paint)
