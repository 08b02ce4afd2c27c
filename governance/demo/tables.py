"""The demo's tables: scikit-learn's diabetes study, or a table of the user's; in rows to train on and rows to judge by.

Refuses, with what to do, a table that cannot be used. Rows are split by a seed: the same table, the same split.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from audits.errors import DomainError
from audits.evidence.tables import read_table, require_column
from audits.evidence.values import listed, text_of

SEED = 20261130
FEWEST_ROWS = 60


class TableRefused(DomainError):
    """The demo cannot be run on this table; the message says what to change."""

    code = "table_refused"


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is asked of a table: the column to predict, the value that counts as positive, whom to compare.

    ``predictions`` names a column of predictions to audit in place of training a model.
    """

    name: str
    title: str
    source: str
    purpose: str
    table: pa.Table
    target: str
    positive: str
    sensitive: tuple[str, ...]
    bins: dict[str, list[float]] = field(default_factory=dict)
    predictions: str = ""
    threshold: float = 0.5


def diabetes_study() -> Study:
    """442 patients of 2004, ten measurements each; does the disease progress faster than in the median patient?"""
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True, scaled=False).frame
    median = float(frame["target"].median())
    faster = ["yes" if value > median else "no" for value in frame.pop("target")]
    frame["sex"] = frame["sex"].astype(int).astype(str)
    names = {
        "s1": "cholesterol",
        "s2": "ldl",
        "s3": "hdl",
        "s4": "cholesterol_hdl_ratio",
        "s5": "log_triglycerides",
    }
    frame = frame.rename(columns={**names, "s6": "blood_sugar", "bp": "blood_pressure"})
    frame["age"] = frame["age"].astype(int)
    table = pa.Table.from_pandas(frame, preserve_index=False).append_column("fast_progression", pa.array(faster))
    return Study(
        name="diabetes-progression",
        title="Diabetes progression within a year",
        source="Efron, Hastie, Johnstone and Tibshirani (2004), as scikit-learn carries it",
        purpose="Tells a clinic which patients' disease is likely to progress faster than the median within a year, so "
        "that they are offered an earlier check-up. It decides on no treatment.",
        table=table,
        target="fast_progression",
        positive="yes",
        sensitive=("sex", "age"),
        bins={"age": [40.0, 60.0]},
    )


def study_of_file(
    path: Path, *, target: str, positive: str, sensitive: list[str], predictions: str, threshold: float | None
) -> Study:
    """The user's own CSV or Parquet file."""
    table = read_table(path)
    column = require_column(table, target, "target")
    for name in sensitive:
        require_column(table, name, "sensitive")
    if predictions:
        require_column(table, predictions, "predictions")
    if target in sensitive or predictions in [target, *sensitive]:
        raise TableRefused("Target, predictions and sensitive columns must be different columns.")
    values = sorted({text_of(value) for value in column.unique().to_pylist() if value is not None})
    if text_of(positive) not in values:
        raise TableRefused(
            f"--positive {positive} is no value of {target}. Its values are {listed(values)}.",
            code="unknown_positive",
        )
    if len(values) == 1:
        raise TableRefused(
            f"Column {target} holds one value only, {values[0]}: there is nothing to predict.",
            code="one_class",
        )
    kept = table.filter(pc.is_valid(column))
    if kept.num_rows < FEWEST_ROWS:
        raise TableRefused(f"The table has {kept.num_rows} rows with a target; the demo needs {FEWEST_ROWS}.")
    plain = unicodedata.normalize("NFKD", path.stem.lower()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "table"
    if threshold is not None and not 0 <= threshold <= 1:
        raise TableRefused(f"--threshold {threshold} is no score: it lies between 0 and 1.", code="bad_threshold")
    if len(values) > 2:
        kept = _positive_or_not(kept, target, text_of(positive))
    return Study(
        name=name,
        title=f"{target} = {positive}, from {path.name}",
        source=path.name,
        purpose=f"Predicts whether {target} is {positive}. Registered by the demonstration of Countersign.",
        table=kept,
        target=target,
        positive=text_of(positive),
        sensitive=tuple(sensitive),
        predictions=predictions,
        threshold=0.5 if threshold is None else threshold,
    )


def _positive_or_not(table: pa.Table, target: str, positive: str) -> pa.Table:
    """The table with a target of two values, where it had more: the positive one and all others together."""
    two = [value if text_of(value) == positive else f"not {positive}" for value in table.column(target).to_pylist()]
    return table.set_column(table.column_names.index(target), target, pa.array([text_of(value) for value in two]))


def split(study: Study) -> tuple[pa.Table, pa.Table]:
    """Rows to train on and rows to judge by (60 to 40), with the target's shares kept."""
    from sklearn.model_selection import train_test_split

    truth = [text_of(value) == study.positive for value in study.table.column(study.target).to_pylist()]
    if min(sum(truth), len(truth) - sum(truth)) < 10:
        raise TableRefused(f"One of the two outcomes of {study.target} has fewer than ten rows; the demo needs ten.")
    train, test = train_test_split(range(len(truth)), test_size=0.4, random_state=SEED, stratify=truth)
    return study.table.take(sorted(train)), study.table.take(sorted(test))
