"""Fairness: against a table worked by hand, and against Fairlearn on the raw rows."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn import metrics as fairlearn
from sklearn import metrics as sklearn

from audits.evidence.cells import count_cells
from audits.evidence.errors import EvidenceError
from audits.evidence.fairness import measure_fairness
from audits.evidence.groups import MISSING, group_rows
from audits.evidence.outcomes import Outcomes

# Twelve rows. f: 6 rows, 3 positive of which 2 selected, 3 negative of which 0 selected.
#              m: 4 rows, 2 positive of which 2 selected, 2 negative of which 1 selected.
#              missing: 2 rows, both negative, 1 selected.
HAND = pd.DataFrame(
    {
        "sex": ["f"] * 6 + ["m"] * 4 + [None] * 2,
        "truth": [1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0],
        "selected": [1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 0],
    }
)


def fair(frame: pd.DataFrame, *columns: str, bins=None, max_groups: int = 200, min_group_size: int = 30):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    outcomes = Outcomes(
        truth=frame["truth"].to_numpy(np.int8),
        selected=frame["selected"].to_numpy(np.int8),
        scores=None,
        threshold=None,
        read_as="labels",
    )
    groupings = [group_rows(table, column, bins or {}, max_groups) for column in columns]
    return measure_fairness(
        groupings,
        count_cells(groupings, outcomes),
        min_group_size=min_group_size,
        max_groups=max_groups,
        resamples=50,
        seed=3,
    )


def codes(flags: list[dict]) -> list[str]:
    return [flag["code"] for flag in flags]


def test_it_equals_the_table_worked_by_hand() -> None:
    results, _ = fair(HAND, "sex")
    (comparison,) = results["comparisons"]
    f, m, missing = comparison["groups"]
    assert [group["label"] for group in comparison["groups"]] == ["f", "m", MISSING]
    assert [(g["n"], g["positives"], g["selected"]) for g in (f, m, missing)] == [(6, 3, 2), (4, 2, 3), (2, 0, 1)]
    assert f["selection_rate"]["value"] == pytest.approx(2 / 6)
    assert f["true_positive_rate"]["value"] == pytest.approx(2 / 3)
    assert f["false_positive_rate"]["value"] == 0
    assert f["precision"]["value"] == 1
    assert f["accuracy"]["value"] == pytest.approx(5 / 6)
    assert m["selection_rate"]["value"] == 0.75
    assert m["true_positive_rate"]["value"] == 1
    assert m["false_positive_rate"]["value"] == 0.5
    assert m["precision"]["value"] == pytest.approx(2 / 3)
    assert f["impact_ratio"]["value"] == pytest.approx((2 / 6) / 0.75)
    assert m["impact_ratio"]["value"] == 1
    assert comparison["demographic_parity_difference"]["value"] == pytest.approx(0.75 - 2 / 6)
    assert comparison["demographic_parity_ratio"]["value"] == pytest.approx((2 / 6) / 0.75)
    # True positive rates 2/3, 1 and Fairlearn's 0 for the group without positives; false ones 0, 1/2, 1/2.
    assert comparison["equalized_odds_difference"]["value"] == 1
    overall = results["overall"]
    assert (overall["n"], overall["selected"], overall["selection_rate"]["value"]) == (12, 6, 0.5)


def test_a_group_without_positives_has_no_true_positive_rate() -> None:
    results, flags = fair(HAND, "sex")
    rate = results["comparisons"][0]["groups"][2]["true_positive_rate"]
    assert rate == {"value": None, "n": 0, "reason": "undefined: no positives in group", "fairlearn_value": 0.0}
    assert results["comparisons"][0]["equalized_odds_difference"]["rests_on_undefined"] == ["true_positive_rate"]
    assert {"undefined_rate", "difference_rests_on_undefined"} <= set(codes(flags))


def test_small_groups_are_flagged_and_kept() -> None:
    results, flags = fair(HAND, "sex", min_group_size=5)
    assert [group["small"] for group in results["comparisons"][0]["groups"]] == [False, True, True]
    assert codes(flags).count("small_group") == 2


def test_one_group_only_is_flagged() -> None:
    results, flags = fair(HAND[:6], "sex")
    assert results["comparisons"][0]["demographic_parity_difference"]["value"] == 0
    assert "one_group" in codes(flags)


def test_nobody_selected_leaves_ratios_undefined() -> None:
    results, _ = fair(HAND.assign(selected=0), "sex")
    comparison = results["comparisons"][0]
    assert comparison["demographic_parity_ratio"]["reason"] == "undefined: nobody selected in any group"
    assert comparison["groups"][0]["impact_ratio"]["value"] is None
    assert comparison["groups"][0]["precision"]["fairlearn_value"] == 0


@pytest.fixture(scope="module")
def crowd() -> pd.DataFrame:
    chance = np.random.Generator(np.random.PCG64(5))
    n = 2000
    frame = pd.DataFrame(
        {
            "region": chance.choice(["north", "south", "east", "west", "isle"], n, p=[0.4, 0.3, 0.2, 0.09, 0.01]),
            "sex": chance.choice(["f", "m"], n),
            "age": chance.integers(18, 80, n),
            "truth": chance.integers(0, 2, n),
            "selected": chance.integers(0, 2, n),
        }
    )
    frame.loc[(frame["region"] == "isle") & (frame["sex"] == "f"), "truth"] = 0
    frame.loc[::50, "sex"] = None
    return frame


@pytest.mark.slow
def test_it_equals_fairlearn_on_the_raw_rows(crowd: pd.DataFrame) -> None:
    results, _ = fair(crowd, "region", "sex")
    known = crowd.fillna({"sex": MISSING})
    kept = {"y_true": known["truth"], "y_pred": known["selected"]}
    names = {
        "selection_rate": fairlearn.selection_rate,
        "true_positive_rate": fairlearn.true_positive_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
        "precision": lambda y_true, y_pred: sklearn.precision_score(y_true, y_pred, zero_division=0),
        "accuracy": sklearn.accuracy_score,
        "n": fairlearn.count,
    }
    assert [entry["columns"] for entry in results["comparisons"]] == [["region"], ["sex"], ["region", "sex"]]
    for comparison in results["comparisons"]:
        raw = known[comparison["columns"]].agg(" / ".join, axis=1)
        theirs = fairlearn.MetricFrame(metrics=names, sensitive_features=raw, **kept)
        assert len(theirs.by_group) == len(comparison["groups"])
        for group, name in itertools.product(comparison["groups"], names):
            ours = group[name] if name == "n" else group[name].get("fairlearn_value", group[name]["value"])
            assert ours == pytest.approx(theirs.by_group[name][group["label"]], abs=1e-12), (group["label"], name)
        for name in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference"):
            expected = getattr(fairlearn, name)(**kept, sensitive_features=raw)
            assert comparison[name]["value"] == pytest.approx(expected, abs=1e-12)
            assert comparison[name]["low"] <= comparison[name]["high"]


@pytest.mark.slow
def test_row_order_makes_no_difference(crowd: pd.DataFrame) -> None:
    shuffled = crowd.sample(frac=1, random_state=4).reset_index(drop=True)
    assert fair(crowd, "sex", "age") == fair(shuffled, "sex", "age")


def test_many_valued_numbers_are_cut_at_quartiles_or_at_given_edges(crowd: pd.DataFrame) -> None:
    results, _ = fair(crowd, "age")
    sizes = [group["n"] for group in results["comparisons"][0]["groups"]]
    assert len(sizes) == 4
    assert sum(sizes) == 2000
    results, _ = fair(crowd, "age", bins={"age": (25.0, 65.0)})
    assert [group["label"] for group in results["comparisons"][0]["groups"]] == [
        "below 25",
        "25 to below 65",
        "65 and above",
    ]
    assert results["comparisons"][0]["groups"][0]["n"] == int((crowd["age"] < 25).sum())


def test_too_many_groups_are_refused_and_too_many_intersections_flagged() -> None:
    frame = pd.DataFrame({"a": [f"a{i}" for i in range(40)], "b": [f"b{i % 7}" for i in range(40)]})
    frame["truth"] = frame["selected"] = [0, 1] * 20
    with pytest.raises(EvidenceError, match="40 different values"):
        fair(frame, "a", max_groups=30)
    frame["a"] = [f"a{i % 9}" for i in range(40)]
    results, flags = fair(frame, "a", "b", max_groups=10)
    assert len(results["comparisons"]) == 2
    assert "too_many_groups" in codes(flags)


def test_the_worst_comparison_is_named(crowd: pd.DataFrame) -> None:
    results, _ = fair(crowd, "region", "sex")
    values = [entry["demographic_parity_difference"]["value"] for entry in results["comparisons"]]
    assert results["worst"]["demographic_parity_difference"]["value"] == max(values)
    assert results["worst"]["demographic_parity_difference_single_columns"]["value"] == max(values[:2])
