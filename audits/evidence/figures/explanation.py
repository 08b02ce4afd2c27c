"""Figures of explainability: importance of the features, and the spread of their contributions.

Never more than the strongest features, and says how many there are.
"""

import numpy as np
from matplotlib.figure import Figure as Drawing

from audits.evidence.explanation import Explanation, Matrix
from audits.evidence.figures.style import FILL, INK, PALE, bare, draw, shortened
from audits.evidence.record import Figure
from audits.evidence.values import JsonObject

_MOST_FEATURES = 15


def importance_figure(explanation: Explanation) -> Figure:
    """Mean absolute contribution per feature, strongest first, with intervals over the explained rows."""
    entries = _entries(explanation)
    shown = entries[:_MOST_FEATURES]
    n = len(explanation.values)
    explains = str(explanation.results["explained"])

    def paint(sheet: Drawing) -> None:
        axes = sheet.subplots()
        for at, (_, value, low, high) in enumerate(shown):
            axes.barh(at, value, height=0.62, color=PALE, edgecolor=INK, linewidth=0.7)
            axes.errorbar(
                value,
                at,
                xerr=[[max(0.0, value - low)], [max(0.0, high - value)]],
                color=INK,
                elinewidth=1.0,
                capsize=2.5,
                linestyle="none",
            )
        axes.set_yticks(range(len(shown)), [shortened(name) for name, *_ in shown])
        axes.set_ylim(len(shown) - 0.45, -0.55)
        axes.set_xlim(0, None)
        axes.set_xlabel(f"mean |SHAP value| on the {explains}, n = {n}, with 95 % interval")
        bare(axes, "x")

    top = " then ".join(f"{name} ({value:.3g})" for name, value, *_ in shown[:3])
    alt = f"Importance of features for the {explains}, over {n} explained rows: strongest {top}."
    if len(entries) > len(shown):
        alt += f" The strongest {len(shown)} of {len(entries)} features are drawn."
    return draw("importance", "Importance of features", alt, 0.75 + 0.25 * len(shown), paint)


def beeswarm_figure(explanation: Explanation) -> Figure:
    """One dot per explained row and feature: left lowers the answer, right raises it; dark is a high
    value."""
    shown = [name for name, *_ in _entries(explanation)[:_MOST_FEATURES]]
    explains = str(explanation.results["explained"])
    n = len(explanation.values)

    def paint(sheet: Drawing) -> None:
        axes = sheet.subplots()
        axes.axvline(0, color=INK, linewidth=0.8)
        points = None
        for at, name in enumerate(shown):
            column = explanation.features.index(name)
            values = explanation.values[:, column]
            heights = at + _spread(values)
            if explanation.categorical[column]:
                axes.scatter(values, heights, s=9, facecolors="white", edgecolors=FILL, linewidths=0.7, rasterized=True)
            else:
                points = axes.scatter(
                    values,
                    heights,
                    c=_ranks(explanation.rows[:, column]),
                    cmap="cividis_r",
                    vmin=0,
                    vmax=1,
                    s=9,
                    edgecolors=INK,
                    linewidths=0.25,
                    rasterized=True,
                )
        axes.set_yticks(range(len(shown)), [shortened(name) for name in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        marks = "; open dots: categories" if any(explanation.categorical) else ""
        axes.set_xlabel(f"SHAP value: change of the {explains}, n = {n}{marks}")
        bare(axes, "x")
        if points is not None:
            bar = sheet.colorbar(points, ax=axes, shrink=0.75, aspect=30, pad=0.02)
            bar.set_ticks([0, 1], labels=["low", "high"])
            bar.set_label("feature value")
            bar.outline.set_linewidth(0.5)

    first = shown[0]
    values = explanation.values[:, explanation.features.index(first)]
    alt = (
        f"Contributions of {len(shown)} features to the {explains}, one dot for each of {n} rows: {first} moves it "
        f"furthest, by {values.min():.3g} to {values.max():+.3g}."
    )
    return draw("contributions", "Contributions per row", alt, 0.75 + 0.27 * len(shown), paint)


def _entries(explanation: Explanation) -> list[tuple[str, float, float, float]]:
    listed = explanation.results["importance"]
    made = []
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(size := entry["mean_absolute"], dict):
            made.append((str(entry["feature"]), *_edges(size)))
    return made


def _edges(size: JsonObject) -> tuple[float, float, float]:
    value = size["value"]
    known = float(value) if isinstance(value, float) else 0.0
    low, high = size.get("low"), size.get("high")
    return known, low if isinstance(low, float) else known, high if isinstance(high, float) else known


def _spread(
    values: Matrix,
) -> Matrix:
    """Heights within a feature's lane so that dots of one place stand beside each other, without chance."""
    heights = np.zeros(len(values))
    width = float(np.ptp(values)) or 1.0
    taken: dict[int, int] = {}
    for at in np.argsort(values, kind="stable").tolist():
        place = round(float(values[at]) / width * 45)
        count = taken.get(place, 0)
        taken[place] = count + 1
        heights[at] = (count + 1) // 2 * (0.075 if count % 2 else -0.075)
    return np.clip(heights, -0.4, 0.4)


def _ranks(
    values: Matrix,
) -> Matrix:
    distinct, index = np.unique(values, return_inverse=True)
    return index / max(1, len(distinct) - 1)
