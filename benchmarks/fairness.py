"""Fairness between groups: cells counted and handed to Fairlearn as weighted rows, against Fairlearn on raw rows.

Both start from the same table in memory and give the same numbers: each is compared in the same run.
"""

import itertools
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, precision_score

from audits.evidence.cells import count_cells
from audits.evidence.fairness import measure_fairness
from audits.evidence.groups import Grouping, group_rows
from audits.evidence.outcomes import Outcomes
from benchmarks.rounds import say
from benchmarks.rows import Row, compare

SENSITIVE = ("age", "sex")
PEER = "Fairlearn MetricFrame on raw rows"
TOLERANCE = 1e-9
_METRICS = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "precision": partial(precision_score, zero_division=0),
    "accuracy": accuracy_score,
}
_RESAMPLES = 500

Numbers = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many rows, how often, and whether the intersection alone is measured: the peer takes a minute for it."""

    n: int
    rounds: int
    intersection_only: bool
    what: str
    goal: float | None = None


SIZES = (
    Size(n=100_000, rounds=1, intersection_only=False, what="two columns and their intersection"),
    Size(n=1_000_000, rounds=1, intersection_only=True, what="the intersection of two columns", goal=50.0),
)


@dataclass(frozen=True, kw_only=True)
class Ours:
    """Numbers by name, seconds in all, and seconds of them after the sensitive columns were read."""

    numbers: Numbers
    whole: float
    counted: float


def run() -> list[Row]:
    rows = []
    for size in SIZES:
        title = f"fairness, {size.n:,} rows"
        table = _decisions(size.n)
        frame: pd.DataFrame = table.to_pandas()
        _measure(table.slice(0, 1000), size)  # Imports and first calls are not what is measured.
        whole, counted, theirs, apart = [], [], [], 0.0
        for number in range(size.rounds):
            say(f"{title}: round {number + 1} of {size.rounds}; the peer takes a while ...")
            ours = _measure(table, size)
            begun = time.perf_counter()
            peer = _fairlearn(frame, size)
            theirs.append((time.perf_counter() - begun) * 1000)
            whole.append(ours.whole * 1000)
            counted.append(ours.counted * 1000)
            apart = max(apart, _difference(ours.numbers, peer))
        say(f"{title}: {len(peer)} numbers compared, at most {apart:.1e} apart")
        if apart > TOLERANCE:
            raise AssertionError(f"The numbers of {size.n:,} rows are {apart:.1e} apart: more than {TOLERANCE}.")
        line = partial(compare, bench="fairness", n=size.n, unit="ms", peer=PEER, theirs=statistics.median(theirs))
        rows += [
            line(what=size.what, ours=statistics.median(whole), goal=size.goal),
            line(what=f"{size.what}, groups already coded", ours=statistics.median(counted)),
        ]
    return rows


def _decisions(n: int) -> pa.Table:
    """Made-up decisions: five age groups, two sexes, truth and decision."""
    chance = np.random.Generator(np.random.PCG64(7))
    age = chance.choice(["18-29", "30-39", "40-49", "50-64", "65+"], n, p=[0.2, 0.25, 0.25, 0.2, 0.1])
    sex = chance.choice(["female", "male"], n)
    truth = (chance.random(n) < 0.3 + 0.1 * (sex == "male")).astype(np.int8)
    selected = (chance.random(n) < 0.15 + 0.5 * truth + 0.05 * (age == "40-49")).astype(np.int8)
    return pa.table({"age": age.astype(object), "sex": sex.astype(object), "truth": truth, "selected": selected})


def _measure(table: pa.Table, size: Size) -> Ours:
    """As audits.evidence.measurements does, with the intervals and impact ratios that the peer does not give."""
    begun = time.perf_counter()
    groupings = [group_rows(table, column, {}, 200) for column in SENSITIVE]
    if size.intersection_only:
        groupings = [_intersection(*groupings)]
    coded = time.perf_counter()
    outcomes = Outcomes(
        truth=table.column("truth").to_numpy(),
        selected=table.column("selected").to_numpy(),
        scores=None,
        threshold=None,
        read_as="labels",
    )
    results, _ = measure_fairness(
        groupings,
        count_cells(groupings, outcomes),
        min_group_size=30,
        max_groups=200,
        resamples=_RESAMPLES,
        seed=7,
    )
    ended = time.perf_counter()
    return Ours(numbers=_numbers(results), whole=ended - begun, counted=ended - coded)


def _intersection(first: Grouping, second: Grouping) -> Grouping:
    return Grouping(
        column=f"{first.column}+{second.column}",
        labels=tuple(f"{one}+{other}" for one in first.labels for other in second.labels),
        codes=first.codes * len(second.labels) + second.codes,
        edges=None,
        quartiles=False,
    )


def _numbers(results: Mapping[str, object]) -> Numbers:
    found: Numbers = {}
    comparisons = results["comparisons"]
    assert isinstance(comparisons, list)
    for comparison in comparisons:
        name = "+".join(comparison["columns"])
        for group in comparison["groups"]:
            for metric in _METRICS:
                found[f"{name} {'+'.join(group['group'].values())} {metric}"] = group[metric]["value"]
        for metric in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference"):
            found[f"{name} {metric}"] = comparison[metric]["value"]
    return found


def _fairlearn(frame: pd.DataFrame, size: Size) -> Numbers:
    """One MetricFrame for each comparison: rates by group, and the three figures between groups from the same frame."""
    found: Numbers = {}
    alone = () if size.intersection_only else itertools.combinations(SENSITIVE, 1)
    for columns in (*alone, SENSITIVE):
        name = "+".join(columns)
        made = MetricFrame(
            metrics=_METRICS,
            y_true=frame["truth"],
            y_pred=frame["selected"],
            sensitive_features=frame[list(columns)],
        )
        differences, ratios = made.difference(), made.ratio()
        for key, values in made.by_group.iterrows():
            label = "+".join(key) if isinstance(key, tuple) else str(key)
            found.update({f"{name} {label} {metric}": float(values[metric]) for metric in _METRICS})
        found[f"{name} demographic_parity_difference"] = float(differences["selection_rate"])
        found[f"{name} demographic_parity_ratio"] = float(ratios["selection_rate"])
        found[f"{name} equalized_odds_difference"] = float(
            max(differences["true_positive_rate"], differences["false_positive_rate"])
        )
    return found


def _difference(ours: Numbers, theirs: Numbers) -> float:
    if ours.keys() != theirs.keys():
        raise AssertionError(f"Not the same numbers were measured: {sorted(ours.keys() ^ theirs.keys())[:5]}")
    return max(abs(ours[name] - theirs[name]) for name in theirs)
