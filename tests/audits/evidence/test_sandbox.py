"""The sandbox: what an honest model gets, and what hostile files come to."""

import importlib
import io
import json
import os
import pickle
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from audits.evidence import EvidenceError
from audits.evidence.predictor import predictor_for
from audits.evidence.sandbox import client
from audits.evidence.sandbox.allowed import ALLOWED_TYPES
from audits.evidence.sandbox.card import ModelCard
from audits.evidence.sandbox.client import ModelHost
from audits.evidence.sandbox.frames import ANSWER, HELLO, PROBLEM, framed
from audits.evidence.sandbox.host import Refused, _card, _load
from audits.evidence.sandbox.limits import SandboxLimits

NUMBERS = pa.table({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
FRAME = NUMBERS.to_pandas()


def dumped(tmp_path: Path, model: object) -> Path:
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    return path


def refused(path: Path, limits: SandboxLimits | None = None, ask: bool = True) -> EvidenceError:
    with pytest.raises(EvidenceError) as caught, ModelHost(path, limits) as host:  # noqa: PT012 - either may refuse
        assert ask, "the model should not have been loaded"
        host.scores(NUMBERS, 1)
    return caught.value


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, fitted) -> Iterator[ModelHost]:
    """One honest model's process for the tests that do it no harm."""
    with ModelHost(dumped(tmp_path_factory.mktemp("honest"), fitted)) as started:
        yield started


@pytest.mark.slow
def test_it_answers_what_the_model_answers_here(host: ModelHost, fitted, loans: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(loans[["income", "job", "years"]].fillna({"income": 1.5}), preserve_index=False)
    assert host.card.features == ("income", "job", "years")
    assert host.card.classes == ("0", "1")
    assert host.card.final_estimator.endswith("LogisticRegression")
    assert set(host.card.isolation) == {"network", "user", "files"}
    scores = host.scores(table, 1)
    labels = host.labels(table, 1)
    np.testing.assert_allclose(scores, fitted.predict_proba(table.to_pandas())[:, 1], rtol=1e-12)
    np.testing.assert_array_equal(labels, scores > 0.5)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user and leave the network for certain")
def test_root_hands_the_model_to_nobody_without_a_network(host: ModelHost) -> None:
    process = Path(f"/proc/{host._process.pid}")
    status = (process / "status").read_text()
    assert host.card.isolation["network"] == "isolated"
    assert host.card.isolation["user"] == "unprivileged"
    assert host.card.isolation["files"] in {"shut off", "not shut off"}, "an older kernel has no Landlock"
    assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert (process / "ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    names = {word.split(b"=")[0] for word in (process / "environ").read_bytes().split(b"\0") if word}
    assert names <= {b"HOME", b"TMPDIR", b"LANG", b"PATH", b"JOBLIB_MULTIPROCESSING"} | {
        word for word in names if word.endswith(b"_THREADS")
    }
    limits = (process / "limits").read_text().splitlines()
    assert any(line.split()[:3] == ["Max", "processes", "0"] for line in limits)
    held = {number.name for number in (process / "fd").iterdir()}
    assert len(held) <= 5, "standard streams, the answers and nothing of the caller's"


@pytest.mark.parametrize("dump", [pickle.dumps, lambda model: _joblib(model, 0), lambda model: _joblib(model, 3)])
def test_pickle_and_joblib_are_refused_without_reading_them(tmp_path: Path, dump: Callable[[object], bytes]) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(dump(LogisticRegression()))
    error = refused(path)
    assert error.code == "model_format_refused"
    assert "skops.io.dump" in error.message


def _joblib(model: object, compress: int) -> bytes:
    made = io.BytesIO()
    joblib.dump(model, made, compress=compress)
    return made.getvalue()


def test_every_allowed_type_is_a_class_and_of_the_libraries_models_are_made_with() -> None:
    for name in ALLOWED_TYPES:
        module, _, own = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), own), type), name
        assert module.split(".")[0] in {"sklearn", "numpy", "pandas"}, name


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(
            make_column_transformer(
                (StandardScaler(), make_column_selector(dtype_include="number")), remainder="passthrough"
            ),
            RandomForestClassifier(n_estimators=3),
        ),
        HistGradientBoostingClassifier(max_iter=2),
        GradientBoostingClassifier(n_estimators=2),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        KNeighborsClassifier(2),
        SVC(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_usual_models_are_loaded(tmp_path: Path, model) -> None:
    loaded, _ = _load(os.open(dumped(tmp_path, model.fit(FRAME, [0, 1, 1, 0])), os.O_RDONLY))
    np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))


def refused_here(path: Path) -> Refused:
    """What the host's loader says; only for files that it must refuse before anything of theirs runs."""
    with pytest.raises(Refused) as caught:
        _load(os.open(path, os.O_RDONLY))
    return caught.value


def test_an_unknown_type_is_refused_by_name(tmp_path: Path) -> None:
    error = refused_here(dumped(tmp_path, make_pipeline(FunctionTransformer(time.sleep), LogisticRegression())))
    assert error.code == "model_type_refused"
    assert "time.sleep" in str(error)


def test_a_file_cut_off_half_way_is_refused(tmp_path: Path, model_file: Path) -> None:
    data = model_file.read_bytes()
    path = tmp_path / "cut.skops"
    path.write_bytes(data[: len(data) // 2])
    assert refused_here(path).code == "model_corrupt"


def test_a_zip_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps({"hello": 1}))
    assert refused_here(path).code == "model_corrupt"


def test_a_dictionary_is_no_model(tmp_path: Path) -> None:
    assert "has no predict" in str(refused_here(dumped(tmp_path, {"a": 1})))


def crafted_tree(tmp_path: Path, left: int) -> Path:
    tree = DecisionTreeClassifier(max_depth=2).fit(FRAME, [0, 1, 1, 0])
    tree.tree_.children_left[0] = left
    tree.tree_.children_right[0] = left
    return dumped(tmp_path, tree)


@pytest.mark.slow
def test_a_tree_that_loops_is_ended_at_its_deadline(tmp_path: Path) -> None:
    begun = time.monotonic()
    error = refused(crafted_tree(tmp_path, 0), SandboxLimits(answer_seconds=1))
    assert error.code == "model_timeout"
    assert time.monotonic() - begun < 40


@pytest.mark.slow
def test_a_tree_that_loops_is_ended_by_its_processor_time(tmp_path: Path) -> None:
    assert refused(crafted_tree(tmp_path, 0), SandboxLimits(cpu_seconds=1)).code == "model_timeout"


@pytest.mark.slow
def test_a_tree_that_points_outside_cannot_take_the_caller_with_it(tmp_path: Path) -> None:
    error = refused(crafted_tree(tmp_path, 1 << 40))
    assert error.code in {"model_crashed", "model_failed"}


@pytest.mark.slow
def test_a_model_that_wants_all_memory_is_refused_it(tmp_path: Path) -> None:
    spread = PolynomialFeatures(degree=1).fit(FRAME)
    model = make_pipeline(spread, LogisticRegression().fit(spread.transform(FRAME), [0, 1, 1, 0]))
    model.steps[0][1].degree = model.steps[0][1]._max_degree = 9000
    model.steps[0][1].n_output_features_ = model.steps[0][1]._n_out_full = 1 << 40
    error = refused(dumped(tmp_path, model), SandboxLimits(memory_bytes=2 << 30, answer_seconds=60))
    assert error.code in {"model_out_of_memory", "model_failed"}
    assert "memory" in error.message.lower()


@pytest.mark.slow
def test_a_file_that_swells_on_loading_is_stopped_by_its_memory(tmp_path: Path) -> None:
    model = LogisticRegression().fit(FRAME, [0, 1, 1, 0])
    path = tmp_path / "bomb.skops"
    with (
        zipfile.ZipFile(dumped(tmp_path, model)) as honest,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb,
    ):
        for name in honest.namelist():
            if name.endswith(".npy"):
                with bomb.open(name, "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(
                        member, {"descr": "<f8", "fortran_order": False, "shape": (160 << 17,)}
                    )
                    for _ in range(160):
                        member.write(bytes(1 << 20))
            else:
                bomb.writestr(name, honest.read(name))
    error = refused(path, SandboxLimits(memory_bytes=760 << 20), ask=False)
    assert error.code == "model_out_of_memory"


def test_a_model_that_is_too_large_is_not_even_read(model_file: Path) -> None:
    assert refused(model_file, SandboxLimits(model_bytes=100)).code == "model_too_large"


@pytest.mark.slow
def test_wrong_or_missing_feature_columns_are_named(host: ModelHost, ask, loans: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(loans.rename(columns={"years": "year"}), preserve_index=False)
    with pytest.raises(EvidenceError, match=r"“years”.*did you mean “year”"):
        predictor_for(host, ask(), table, "1")
    with pytest.raises(EvidenceError, match=r"needs “job”.*does not know “sex”"):
        predictor_for(host, ask(features=("income", "years", "sex")), table, "1")
    with pytest.raises(EvidenceError, match="target “income” is among"):
        predictor_for(host, ask(target="income"), table, "1")
    with pytest.raises(EvidenceError, match="is a classifier"):
        predictor_for(host, ask(task="regression"), table, None)


@pytest.mark.slow
def test_a_value_that_the_model_cannot_take_is_a_clear_failure(host: ModelHost) -> None:
    table = pa.table({"income": ["much", "little"], "job": ["office", "field"], "years": [1, 2]})
    with pytest.raises(EvidenceError, match="failed while predicting: ValueError"):
        host.scores(table, 1)
    # One failure is not the end of the process.
    assert len(host.scores(table.set_column(0, "income", pa.array([1.0, 2.0])), 1)) == 2


def test_a_model_fitted_on_bare_arrays_takes_the_columns_in_order(ask) -> None:
    model = LinearRegression().fit(FRAME.to_numpy(), [1.0, 2.0, 3.0, 4.0])
    here = SimpleNamespace(card=ModelCard.from_json({**_card(model), "isolation": {}}))
    table = NUMBERS.append_column("t", pa.array([1.0, 2.0, 3.0, 4.0]))
    assert predictor_for(here, ask(task="regression", target="t"), table, None).features == ("a", "b")
    with pytest.raises(EvidenceError, match="takes 2 features"):
        predictor_for(here, ask(task="regression", target="t", features=("a",)), table, None)


@pytest.mark.parametrize(
    ("classes", "positive", "index"),
    [(["no", "yes"], "yes", 1), ([0, 1], "good", 1), ([1, 2], "1", 0), ([1.0, 2.0], "2", 1), ([False, True], "x", 1)],
)
def test_the_positive_class_is_found(classes: list, positive: str, index: int) -> None:
    card = ModelCard.from_json({"classes": classes, "scores": True, "isolation": {}})
    assert card.positive_index(positive)[0] == index


@pytest.mark.parametrize(("classes", "words"), [(["a", "b"], "none of the model"), (["a", "b", "c"], "3 classes")])
def test_other_classes_are_refused(classes: list, words: str) -> None:
    with pytest.raises(EvidenceError, match=words):
        ModelCard.from_json({"classes": classes, "isolation": {}}).positive_index("x")


@pytest.mark.parametrize(
    "answer",
    [
        framed(b"X", b"12345678"),
        framed(ANSWER, b"1" * 800),
        framed(PROBLEM, b"\x80not json"),
        framed(PROBLEM, b"[" * 60000),
        framed(ANSWER, b""),
        framed(ANSWER, np.array([np.nan] * 4).tobytes()),
        framed(ANSWER, np.array([0.1, 0.2, 0.3, 7.0]).tobytes()),
        b"",
    ],
    ids=["kind", "length", "text", "nesting", "too few", "not numbers", "out of range", "silence"],
)
def test_nothing_that_a_taken_over_process_answers_can_hurt(model_file: Path, monkeypatch, answer: bytes) -> None:
    hello = framed(HELLO, json.dumps({"classes": [0, 1], "scores": True, "isolation": {}}).encode())
    liar = f"import sys; sys.stdout.buffer.write({hello + answer!r}); sys.stdout.flush(); sys.stdin.buffer.read()"
    monkeypatch.setattr(client, "_START", liar)
    with ModelHost(model_file, SandboxLimits(answer_seconds=1)) as liar_host, pytest.raises(EvidenceError):
        liar_host.scores(NUMBERS, 1)
