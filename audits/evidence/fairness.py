"""Fairness of decisions between groups: Fairlearn's metrics on counts per cell, with intervals and group
sizes.

Never drops a group, however small, and never passes Fairlearn's 0 for an undefined rate off as a measurement.
Definitions: fairlearn.metrics (MetricFrame.difference and ratio "between_groups"; equalized odds
"worst_case").
"""

import dataclasses
import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, precision_score

from audits.evidence.cells import Cells
from audits.evidence.groups import Grouping
from audits.evidence.intervals import percentiles, resampled_counts, wilson
from audits.evidence.values import JsonObject, JsonValue, joined, measured

_METRICS: dict[str, Callable[..., float]] = {
    "selection_rate": selection_rate,
    "true_positive_rate": partial(true_positive_rate, pos_label=1),
    "false_positive_rate": partial(false_positive_rate, pos_label=1),
    "precision": partial(precision_score, pos_label=1, zero_division=0),
    "accuracy": accuracy_score,
}
_UNDEFINED = {
    "true_positive_rate": "undefined: no positives in group",
    "false_positive_rate": "undefined: no negatives in group",
    "precision": "undefined: nobody selected in group",
}
_NOBODY = "undefined: nobody selected in any group"
_BOOTSTRAP = "bootstrap percentile, 95 %"
_WILSON = "Wilson, 95 %"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of one group: true and false positives and negatives, in rows."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        """Rows of the group."""
        return self.tp + self.fp + self.fn + self.tn

    def proportions(self) -> dict[str, tuple[int, int]]:
        """Each rate as (rows that count, rows it is out of)."""
        return {
            "selection_rate": (self.tp + self.fp, self.n),
            "true_positive_rate": (self.tp, self.tp + self.fn),
            "false_positive_rate": (self.fp, self.fp + self.tn),
            "precision": (self.tp, self.tp + self.fp),
            "accuracy": (self.tp + self.tn, self.n),
        }


def measure_fairness(
    groupings: list[Grouping],
    cells: Cells,
    *,
    min_group_size: int,
    max_groups: int,
    resamples: int,
    seed: int,
) -> tuple[JsonObject, list[JsonValue]]:
    """Results and flags: overall, then for each sensitive column, each pair of columns and all of them
    together.

    Each comparison has its groups with n, positives, selected, five rates and the impact ratio (selection
    rate over the highest one), and demographic parity difference and ratio and equalized odds difference
    between them.
    """
    everyone = _tally(cells, np.ones(len(cells.count), dtype=bool))
    flags: list[JsonValue] = []
    comparisons = []
    for chosen in _combinations(len(groupings)):
        compared = [groupings[at] for at in chosen]
        found = len(np.unique(cells.codes[:, chosen], axis=0))
        if found > max_groups:
            columns = [grouping.column for grouping in compared]
            told = f"{joined(columns)}: not measured: {found} groups, more than the {max_groups} allowed."
            flags.append(_flag("too_many_groups", told, columns))
            continue
        comparisons.append(_compare(compared, cells, list(chosen), min_group_size, resamples, seed, flags))
    results: JsonObject = {
        "overall": {
            "n": everyone.n,
            "positives": everyone.tp + everyone.fn,
            "selected": everyone.tp + everyone.fp,
            **_rates(everyone, None),
        },
        "comparisons": list(comparisons),
        "worst": _worst(comparisons),
    }
    return results, flags


def _combinations(count: int) -> list[tuple[int, ...]]:
    sizes = sorted({1, 2, count} & set(range(1, count + 1)))
    return [chosen for size in sizes for chosen in itertools.combinations(range(count), size)]


def _compare(
    groupings: list[Grouping],
    cells: Cells,
    chosen: list[int],
    min_group_size: int,
    resamples: int,
    seed: int,
    flags: list[JsonValue],
) -> JsonObject:
    columns = [grouping.column for grouping in groupings]
    named = joined(columns)
    keys, index = np.unique(cells.codes[:, chosen], axis=0, return_inverse=True)
    index = index.reshape(-1)
    labels = [
        {grouping.column: grouping.labels[code] for grouping, code in zip(groupings, key, strict=True)}
        for key in keys.tolist()
    ]
    tallies = [_tally(cells, index == at) for at in range(len(keys))]
    frame = _metric_frame(cells, index)
    by_group = frame.by_group
    differences, ratios = frame.difference(), frame.ratio()
    intervals = _bootstrap(tallies, resamples, seed)
    n = sum(tally.n for tally in tallies)
    highest = float(by_group["selection_rate"].max())
    groups: list[JsonValue] = []
    undefined = set()
    for at, (label, tally) in enumerate(zip(labels, tallies, strict=True)):
        told = " / ".join(label.values())
        small = tally.n < min_group_size
        if small:
            flags.append(
                _flag(
                    "small_group",
                    f"{named}: “{told}” has {tally.n} rows, fewer than {min_group_size}.",
                    columns,
                )
            )
        rates = _rates(tally, {name: float(by_group[name].iloc[at]) for name in _METRICS})
        for name, why in _UNDEFINED.items():
            if tally.proportions()[name][1] == 0:
                undefined.add(name)
                flags.append(_flag("undefined_rate", f"{named}: {name} of “{told}” is {why}.", columns))
        own_rate = float(by_group["selection_rate"].iloc[at])
        groups.append(
            {
                "group": dict(label),
                "label": told,
                "n": tally.n,
                "positives": tally.tp + tally.fn,
                "selected": tally.tp + tally.fp,
                "small": small,
                **rates,
                "impact_ratio": measured(
                    own_rate / highest if highest > 0 else None,
                    n=tally.n,
                    interval=percentiles(intervals["impact_ratio"][:, at]),
                    method=_BOOTSTRAP,
                    reason=_NOBODY,
                ),
            }
        )
    if len(tallies) == 1:
        flags.append(_flag("one_group", f"{named}: there is one group only; differences say nothing.", columns))
    odds = sorted({"true_positive_rate", "false_positive_rate"} & undefined)
    if odds:
        flags.append(
            _flag(
                "difference_rests_on_undefined",
                f"{named}: the equalized odds difference takes an undefined rate as 0, as Fairlearn does "
                f"({', '.join(odds)}).",
                columns,
            )
        )
    return {
        "columns": list(columns),
        "kind": "single" if len(columns) == 1 else "intersection",
        "n": n,
        "groups": groups,
        "demographic_parity_difference": measured(
            float(differences["selection_rate"]),
            n=n,
            interval=percentiles(intervals["demographic_parity_difference"]),
            method=_BOOTSTRAP,
        ),
        "demographic_parity_ratio": measured(
            float(ratios["selection_rate"]),
            n=n,
            interval=percentiles(intervals["demographic_parity_ratio"]),
            method=_BOOTSTRAP,
            reason=_NOBODY,
        ),
        "equalized_odds_difference": measured(
            max(float(differences["true_positive_rate"]), float(differences["false_positive_rate"])),
            n=n,
            interval=percentiles(intervals["equalized_odds_difference"]),
            method=_BOOTSTRAP,
            extra={"rests_on_undefined": list(odds)} if odds else None,
        ),
    }


def _metric_frame(cells: Cells, index: npt.NDArray[np.intp]) -> MetricFrame:
    weights = {name: {"sample_weight": cells.count} for name in _METRICS}
    return MetricFrame(
        metrics=_METRICS,
        y_true=cells.truth,
        y_pred=cells.selected,
        sensitive_features=pd.Series(index, name="group"),
        sample_params=weights,
    )


def _tally(cells: Cells, within: npt.NDArray[np.bool_]) -> Tally:
    def rows(truth: int, selected: int) -> int:
        return int(cells.count[within & (cells.truth == truth) & (cells.selected == selected)].sum())

    return Tally(tp=rows(1, 1), fp=rows(0, 1), fn=rows(1, 0), tn=rows(0, 0))


def _rates(tally: Tally, fairlearn: dict[str, float] | None) -> JsonObject:
    made: JsonObject = {}
    for name, (part, whole) in tally.proportions().items():
        theirs = fairlearn[name] if fairlearn else (part / whole if whole else 0.0)
        made[name] = measured(
            theirs if whole else None,
            n=whole,
            interval=wilson(part, whole),
            method=_WILSON,
            reason=_UNDEFINED.get(name),
            extra=None if whole or fairlearn is None else {"fairlearn_value": theirs},
        )
    return made


def _bootstrap(tallies: list[Tally], resamples: int, seed: int) -> dict[str, npt.NDArray[np.float64]]:
    counts = np.array([[t.tp, t.fp, t.fn, t.tn] for t in tallies], dtype=np.int64)
    drawn = resampled_counts(counts.reshape(-1), resamples, seed).reshape(resamples, len(tallies), 4)
    tp, fp, fn, tn = (drawn[:, :, at].astype(np.float64) for at in range(4))
    with np.errstate(invalid="ignore", divide="ignore"):
        present = tp + fp + fn + tn > 0
        # As Fairlearn: a rate without a denominator is 0 in a group that has rows; a group without rows is
        # absent.
        selected = np.where(present, (tp + fp) / (tp + fp + fn + tn), np.nan)
        hit = np.where(present, np.where(tp + fn > 0, tp / (tp + fn), 0.0), np.nan)
        false = np.where(present, np.where(fp + tn > 0, fp / (fp + tn), 0.0), np.nan)
        best = np.nanmax(selected, axis=1)
        return {
            "demographic_parity_difference": _spread(selected),
            "demographic_parity_ratio": np.nanmin(selected, axis=1) / best,
            "equalized_odds_difference": np.maximum(_spread(hit), _spread(false)),
            "impact_ratio": selected / best[:, None],
        }


def _spread(rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    made: npt.NDArray[np.float64] = np.nanmax(rates, axis=1) - np.nanmin(rates, axis=1)
    return made


def _worst(comparisons: list[JsonObject]) -> JsonObject:
    made: JsonObject = {}
    for name, worse in (
        ("demographic_parity_difference", max),
        ("demographic_parity_ratio", min),
        ("equalized_odds_difference", max),
    ):
        for scope, kinds in (("", {"single", "intersection"}), ("_single_columns", {"single"})):
            found = [
                (value["value"], {**value, "columns": comparison["columns"]})
                for comparison in comparisons
                if isinstance(value := comparison[name], dict)
                and isinstance(value["value"], float)
                and comparison["kind"] in kinds
            ]
            if found:
                made[name + scope] = worse(found, key=lambda pair: pair[0])[1]
    return made


def _flag(code: str, message: str, columns: list[str]) -> JsonObject:
    return {"code": code, "message": message, "columns": list(columns)}
