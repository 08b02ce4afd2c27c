"""Explanations: against the closed form of a linear model, and their additivity."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from audits.evidence.encoding import encode
from audits.evidence.explanation import explain

WEIGHT = {"low": -1.0, "mid": 0.0, "high": 2.0}


def linear(rows: pa.Table) -> np.ndarray:
    frame = rows.to_pandas()
    kind = frame["kind"].astype(object).map(WEIGHT).fillna(5.0)
    return (3 * frame["x"].fillna(0.0) - 2 * frame["y"] + kind).to_numpy(dtype=float)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    chance = np.random.Generator(np.random.PCG64(2))
    kinds = [str(kind) for kind in chance.choice(list(WEIGHT), 80)]
    return pa.table(
        {
            "x": [None if at % 9 == 0 else float(at % 7) for at in range(80)],
            "kind": [None if at % 11 == 0 else kind for at, kind in enumerate(kinds)],
            "y": chance.integers(0, 5, 80),
        }
    )


def explained(table: pa.Table, predict=linear, **given):
    return explain(
        table,
        ("x", "kind", "y"),
        predict,
        predict(table),
        **{
            "row_numbers": np.arange(table.num_rows) + 1,
            "explains": "value",
            "threshold": None,
            "explained_rows": 20,
            "background_rows": 10,
            "resamples": 50,
            "seed": 4,
            "permutations": 1,
            **given,
        },
    )


def test_codes_are_decoded_to_the_cells_they_came_from(table: pa.Table) -> None:
    encoder, matrix = encode(table, ("x", "kind", "y"))
    decoded = encoder.decode(matrix)
    pd.testing.assert_frame_equal(
        decoded.to_pandas().astype({"kind": object}).where(lambda f: f.notna(), None),
        table.to_pandas().astype({"kind": object}).where(lambda f: f.notna(), None),
    )
    assert [encoder.shown(1, code) for code in matrix[:2, 1]] == [None, table["kind"][1].as_py()]


@pytest.mark.slow
def test_contributions_equal_the_closed_form_of_an_additive_model(table: pa.Table) -> None:
    made = explained(table)
    assert made.results["additivity"] == {"maximal_gap": 0.0, "tolerance": 1e-6, "holds": True}
    # In an additive model the contribution of y is its own term less the background's mean of that term, so rows
    # that differ by one in y differ by its coefficient.
    y, contribution = made.rows[:, 2], made.values[:, 2]
    np.testing.assert_allclose(contribution + 2 * y, (contribution + 2 * y)[0])
    sizes = {entry["feature"]: entry["mean_absolute"] for entry in made.results["importance"]}
    assert sizes["y"]["value"] == pytest.approx(np.abs(contribution).mean())
    assert sizes["y"]["low"] <= sizes["y"]["value"] <= sizes["y"]["high"]
    answers = linear(table)
    highest, lowest, middle = made.results["cases"]
    assert answers[highest["row"] - 1] == answers.max()
    assert answers[lowest["row"] - 1] == answers.min()
    assert abs(answers[middle["row"] - 1] - np.median(answers)) == np.abs(answers - np.median(answers)).min()
    for case in (highest, lowest, middle):
        total = case["base_value"] + sum(part["contribution"] for part in case["contributions"])
        assert total == pytest.approx(case["answer"])


@pytest.mark.slow
def test_the_seed_decides_and_the_order_of_rows_does_not(table: pa.Table) -> None:
    results = explained(table).results
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    assert explained(table).results == results
    assert (np.random.get_state()[1] == before).all(), "the caller's generator was touched"
    order = np.random.Generator(np.random.PCG64(8)).permutation(table.num_rows)
    shuffled = explained(table.take(order), row_numbers=order + 1).results
    assert shuffled["importance"] == results["importance"]
    assert explained(table, seed=5).results["importance"] != results["importance"]


@pytest.mark.slow
def test_a_model_that_answers_by_chance_is_found_out(table: pa.Table) -> None:
    chance = np.random.Generator(np.random.PCG64(3))
    made = explained(table, predict=lambda rows: chance.random(rows.num_rows))
    assert made.results["additivity"]["holds"] is False
    assert made.flags[0]["code"] == "not_additive"
