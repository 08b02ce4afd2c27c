"""Requests, tables and models for the tests of the evidence engine; nothing here needs Django or a database."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from audits.evidence import MeasureRequest, Subject

# As the command line does: SHAP would compile for ten seconds what these tests run for a fraction of one.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")


@pytest.fixture
def ask() -> Callable[..., MeasureRequest]:
    """Make a request, of which a test states what it is about."""

    def made(**given: object) -> MeasureRequest:
        asked: dict[str, object] = {
            "measurements": ("performance",),
            "subject": Subject(kind="version", id="7", digest="00" * 32),
            "task": "classification",
            "target": "truth",
            "bootstrap_resamples": 50,
        }
        return MeasureRequest(**{**asked, **given})

    return made


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write columns as a CSV file."""

    def made(columns: dict[str, list[object]] | pd.DataFrame, name: str = "table.csv") -> Path:
        path = tmp_path / name
        pd.DataFrame(columns).to_csv(path, index=False)
        return path

    return made


@pytest.fixture(scope="session")
def loans() -> pd.DataFrame:
    """Three hundred made-up loan decisions with numbers, text, missing cells and a sensitive column."""
    chance = np.random.Generator(np.random.PCG64(1))
    n = 300
    income = chance.normal(30, 10, n).round(1)
    job = chance.choice(["office", "field", "none"], n)
    sex = chance.choice(["f", "m"], n)
    truth = (income + 8 * (job == "office") + 4 * (sex == "m") + chance.normal(0, 8, n) > 33).astype(int)
    income[::17] = np.nan
    made = pd.DataFrame({"income": income, "job": job, "sex": sex, "years": chance.integers(0, 40, n), "truth": truth})
    made.loc[::23, "job"] = None
    return made


@pytest.fixture(scope="session")
def fitted(loans: pd.DataFrame) -> object:
    """A pipeline fitted on three of the columns."""
    features = loans[["income", "job", "years"]].fillna({"income": 30.0})
    return make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["income", "years"]),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["job"]),
        ),
        LogisticRegression(),
    ).fit(features, loans["truth"])


@pytest.fixture
def model_file(tmp_path: Path, fitted: object) -> Path:
    """The fitted pipeline as a skops file."""
    path = tmp_path / "model.skops"
    skops.io.dump(fitted, path)
    return path
