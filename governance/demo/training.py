"""Trains the demo's classifier: mixed types, missing values and text categories are handled inside the artifact.

Sensitive columns are left out of the features. The artifact is a skops file: loading it runs no code of its own.
"""

import importlib.metadata
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from audits.evidence.values import text_of
from governance.demo.tables import SEED, Study

MOST_CATEGORIES = 50


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The artifact's file, the features it takes, what the registrant states of it, and its scores on the test rows."""

    path: Path
    features: list[str]
    left_out: list[str]
    parameters: dict[str, object]
    metrics: dict[str, object]
    scores: list[float]


def train(study: Study, rows: pa.Table, test: pa.Table, folder: Path) -> Trained:
    """Fit on ``rows``; state accuracy on ``rows`` and on ``test`` (as the registrant's word: evidence is measured)."""
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers, categories, left_out = _features(study, rows)
    settings = {"C": 0.5, "max_iter": 2000, "random_state": SEED}
    model = Pipeline(
        [
            (
                "prepare",
                ColumnTransformer(
                    [
                        (
                            "numbers",
                            Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]),
                            numbers,
                        ),
                        (
                            "categories",
                            Pipeline(
                                [
                                    ("fill", SimpleImputer(strategy="constant", fill_value="(missing)")),
                                    ("encode", OneHotEncoder(handle_unknown="ignore", min_frequency=5)),
                                ]
                            ),
                            categories,
                        ),
                    ]
                ),
            ),
            ("classify", LogisticRegression(**settings)),
        ]
    )
    features = [*numbers, *categories]
    model.fit(_frame(rows, features), _truth(study, rows))
    path = folder / "model.skops"
    skops.io.dump(model, path)
    positive = list(model.classes_).index(study.positive)
    return Trained(
        path=path,
        features=features,
        left_out=left_out,
        parameters={"estimator": "LogisticRegression", "C": "0.5", "max_iter": 2000, "random_state": SEED},
        metrics={
            "accuracy_training": f"{model.score(_frame(rows, features), _truth(study, rows)):.4f}",
            "accuracy_evaluation": f"{model.score(_frame(test, features), _truth(study, test)):.4f}",
        },
        scores=[float(row[positive]) for row in model.predict_proba(_frame(test, features))],
    )


def installed_packages() -> dict[str, str]:
    """Exact versions of everything that is installed where the model was trained."""
    found = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return {name: found[name] for name in sorted(found, key=str.lower)}


def source_commit(folder: Path) -> str:
    """The commit of the checkout, or nothing where there is none."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _features(study: Study, rows: pa.Table) -> tuple[list[str], list[str], list[str]]:
    """Columns of numbers, columns of categories, and columns left out (sensitive, empty, or as good as an id)."""
    numbers: list[str] = []
    categories: list[str] = []
    left_out: list[str] = []
    for name in rows.column_names:
        column = rows.column(name)
        if name in (study.target, study.predictions):
            continue
        if name in study.sensitive or column.null_count == len(column):
            left_out.append(name)
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            numbers.append(name)
        elif len(column.unique()) <= MOST_CATEGORIES and _is_text(column.type):
            categories.append(name)
        else:
            left_out.append(name)
    return numbers, categories, left_out


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _frame(rows: pa.Table, features: list[str]):  # type: ignore[no-untyped-def]
    import numpy as np

    frame = rows.select(features).to_pandas()
    for name in features:
        if _is_text(rows.column(name).type):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), np.nan)
    return frame


def _truth(study: Study, rows: pa.Table) -> list[str]:
    return [text_of(value) for value in rows.column(study.target).to_pylist()]
