"""Figures for the sample dossier, as the evidence engine draws them: reproducible SVG from matplotlib."""

import io

import matplotlib as mpl
from matplotlib.figure import Figure


def bars(title: str, labels: list[str], values: list[float], axis: str, line: float | None = None) -> bytes:
    figure = Figure(figsize=(6.6, 0.42 * len(labels) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(labels, values, color="#31577f", height=0.62)
    if line is not None:
        axes.axvline(line, color="#a8071a", linestyle="--", linewidth=1.2)
    axes.set_xlabel(axis)
    axes.set_title(title, fontsize=10, loc="left")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def calibration() -> bytes:
    figure = Figure(figsize=(4.4, 3.6), layout="constrained")
    axes = figure.subplots()
    predicted = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]
    observed = [0.08, 0.12, 0.27, 0.31, 0.49, 0.52, 0.70, 0.72, 0.88, 0.93]
    axes.plot([0, 1], [0, 1], color="#8b97a5", linestyle=":")
    axes.plot(predicted, observed, marker="o", color="#31577f")
    axes.set_xlabel("Mean predicted probability")
    axes.set_ylabel("Observed share")
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "countersign", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
