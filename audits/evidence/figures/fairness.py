"""Figures of fairness: rates per group with their intervals and n.

Never leaves a group out without saying so, and never draws an undefined rate as zero.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from audits.evidence.figures.style import FILL, INK, PALE, bare, draw, percent, shortened
from audits.evidence.record import Figure
from audits.evidence.values import JsonObject, JsonValue, joined

_MOST_GROUPS = 30
_PANELS = (("selection_rate", "Selection rate"), ("true_positive_rate", "True positive rate"))


def group_figure(comparison: JsonObject, number: int) -> Figure:
    """Selection rate and true positive rate per group, side by side; hatched where the group is small."""
    columns = _texts(comparison["columns"])
    named = joined(columns)
    groups = [group for group in _list(comparison["groups"]) if isinstance(group, dict)]
    shown = groups
    if len(groups) > _MOST_GROUPS:
        largest = sorted(groups, key=lambda group: -_count(group["n"]))[:_MOST_GROUPS]
        shown = [group for group in groups if group in largest]

    def paint(sheet: Drawing) -> None:
        panels = sheet.subplots(1, 2, sharey=True)
        for axes, (metric, title) in zip(panels, _PANELS, strict=True):
            _bars(axes, shown, metric)
            axes.set_title(title)
        panels[0].set_yticks(
            range(len(shown)),
            [f"{shortened(str(group['label']))}\nn = {_count(group['n']):,}" for group in shown],
        )
        panels[0].set_ylim(len(shown) - 0.45, -0.55)

    kind = "groups of " + named
    height = max(1.7, 0.95 + 0.42 * len(shown))
    return draw(f"groups-{number}", f"Rates by {named}", _alt(comparison, groups, shown, kind), height, paint)


def _bars(axes: Axes, groups: list[JsonObject], metric: str) -> None:
    for at, group in enumerate(groups):
        rate = group[metric]
        if not isinstance(rate, dict) or not isinstance(value := rate["value"], float):
            axes.text(0.01, at, "undefined", va="center", fontsize=7.5, style="italic", color=INK)
            continue
        small = group["small"] is True
        axes.barh(
            at,
            value,
            height=0.62,
            color="white" if small else PALE,
            edgecolor=FILL if small else INK,
            hatch="////" if small else None,
            linewidth=0.7,
        )
        low, high = rate.get("low"), rate.get("high")
        end = value
        if isinstance(low, float) and isinstance(high, float):
            axes.errorbar(
                value,
                at,
                xerr=[[max(0.0, value - low)], [max(0.0, high - value)]],
                color=INK,
                elinewidth=1.0,
                capsize=2.5,
                linestyle="none",
            )
            end = high
        axes.text(end + 0.02, at, percent(value), va="center", fontsize=7.5)
    axes.set_xlim(0, 1.19)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
    axes.set_xlabel(
        "percent of rows, with 95 % interval"
        if metric == "selection_rate"
        else "percent of positives, with 95 % interval"
    )
    bare(axes, "x")


def _alt(comparison: JsonObject, groups: list[JsonObject], shown: list[JsonObject], kind: str) -> str:
    rated = [
        (value, str(group["label"]))
        for group in groups
        if isinstance(rate := group["selection_rate"], dict) and isinstance(value := rate["value"], float)
    ]
    low, high = min(rated), max(rated)
    difference, odds = comparison["demographic_parity_difference"], comparison["equalized_odds_difference"]
    told = f"Selection and true positive rates of {len(groups)} {kind}: "
    if len(groups) == 1:
        told += f"one group only, {low[1]}, selected at {percent(low[0])}."
    else:
        told += f"selection runs from {percent(low[0])} ({low[1]}) to {percent(high[0])} ({high[1]})"
        if isinstance(difference, dict) and isinstance(odds, dict):
            told += (
                f"; demographic parity difference {difference['value']:.3f}, "
                f"equalized odds difference {odds['value']:.3f}"
            )
        told += "."
    small = sum(group["small"] is True for group in groups)
    if small:
        told += f" {small} small {'group is' if small == 1 else 'groups are'} hatched."
    if len(shown) < len(groups):
        told += f" The {len(shown)} largest groups are drawn; the table has all."
    return told


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _texts(value: JsonValue) -> list[str]:
    return [str(item) for item in _list(value)]
