"""Records from end to end: made, digested, drawn, written, read back, and made again."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import rfc8785

from audits.evidence import EvidenceError, EvidenceRecord, MeasureRequest, digest_of, measure, run_isolated

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def predicted(loans: pd.DataFrame) -> pd.DataFrame:
    return loans.assign(score=(loans["years"] / 40).round(3), label=(loans["years"] > 20).astype(int))


@pytest.fixture
def made(ask, save, predicted: pd.DataFrame, tmp_path: Path):
    """Measure the predictions of a column; answers the records and the folder."""

    def run(frame: pd.DataFrame = predicted, **given: object) -> tuple[list[EvidenceRecord], Path]:
        asked = {"measurements": ("performance", "fairness"), "sensitive": ("sex", "job"), "predictions": "score"}
        out = tmp_path / "out"
        request = ask(**{**asked, **given})
        records = measure(request, model_path=None, data_path=save(frame), out_dir=out, progress=lambda line: None)
        return records, out

    return run


@pytest.mark.slow
def test_a_record_is_written_with_its_figures_and_reads_back(made) -> None:
    records, out = made()
    for record in records:
        given = json.loads((out / f"{record.measurement}.json").read_text())
        body = {name: value for name, value in given.items() if name not in {"digest", "timings"}}
        assert given["digest"] == hashlib.sha256(rfc8785.dumps(body)).hexdigest() == record.digest
        assert given["format"] == "countersign/evidence/v1"
        assert given["inputs"]["model"] is None
        read = EvidenceRecord.from_json(
            given, lambda name, of=record.measurement: (out / f"{of}.{name}.svg").read_bytes()
        )
        assert read == record
    fairness = records[1]
    assert [figure.name for figure in fairness.figures] == ["groups-1", "groups-2", "groups-3"]
    assert "(missing)" in [group["label"] for group in fairness.results["comparisons"][1]["groups"]]
    assert all(figure.alt and b"<dc:date>" not in figure.svg for figure in fairness.figures)
    assert all("n" in row for table in fairness.tables for row in table["rows"])


@pytest.mark.slow
def test_the_same_inputs_and_seed_give_the_same_digest_and_figures(made) -> None:
    one = {"sensitive": ("sex",)}
    first, second, other = made(**one)[0], made(**one)[0], made(seed=5, **one)[0]
    assert [record.digest for record in first] == [record.digest for record in second]
    assert [r.digest for r in first] != [r.digest for r in other]


@pytest.mark.slow
def test_the_order_of_rows_changes_the_dataset_and_nothing_else(made, predicted: pd.DataFrame) -> None:
    first = made(sensitive=("sex",))[0]
    second = made(predicted.sample(frac=1, random_state=3), sensitive=("sex",))[0]
    for one, two in zip(first, second, strict=True):
        assert one.inputs["dataset"]["digest"] != two.inputs["dataset"]["digest"]
        assert one == dataclasses.replace(two, inputs=one.inputs, timings=one.timings)


def test_rows_without_a_target_are_left_out_and_counted(made, predicted: pd.DataFrame) -> None:
    frame = predicted.astype({"truth": float})
    frame.loc[:4, "truth"] = None
    (record,) = made(frame, measurements=("performance",))[0]
    assert record.results["n"] == 295
    assert record.flags[0]["n"] == 5


def test_regression_is_measured_from_a_column(made) -> None:
    (record,) = made(measurements=("performance",), task="regression", target="income", predictions="years")[0]
    assert record.results["mae"]["value"] > 0
    assert record.figures[0].name == "residuals"


def test_a_changed_record_or_figure_is_found_out(made) -> None:
    records, _ = made(measurements=("performance",))
    given = records[0].as_json()
    figures = {figure.name: figure.svg for figure in records[0].figures}
    tampered = json.loads(json.dumps(given))
    tampered["results"]["accuracy"]["value"] = 0.999
    with pytest.raises(EvidenceError, match="was changed after"):
        EvidenceRecord.from_json(tampered, figures.__getitem__)
    with pytest.raises(EvidenceError, match="figure “confusion-matrix”"):
        EvidenceRecord.from_json(given, lambda name: figures[name] + b" ")
    with pytest.raises(EvidenceError, match="lacks “results”"):
        EvidenceRecord.from_json({k: v for k, v in given.items() if k != "results"}, figures.__getitem__)
    with pytest.raises(EvidenceError, match="canonical JSON"):
        digest_of({"value": float("nan")})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"predictions": None}, "either a model or a column"),
        ({"measurements": ("explainability",)}, "needs a model"),
        ({"predictions": "scor"}, "did you mean “score”"),
        ({"sensitive": ("gender",)}, "no column “gender”"),
        ({"sensitive": ()}, "at least one sensitive column"),
        ({"target": "truht"}, "did you mean “truth”"),
        ({"positive": "7"}, "“0”, “1”"),
        ({"measurements": ("charm",)}, "Unknown measurement “charm”"),
        ({"threshold": 1.5}, "0..1"),
        ({"bins": {"sex": (1.0,)}}, "does not hold numbers"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_and_writes_nothing(made, tmp_path: Path, given, words: str) -> None:
    with pytest.raises(EvidenceError, match=words):
        made(**given)
    assert not (tmp_path / "out").exists()


def test_a_request_is_the_same_after_json(ask) -> None:
    request = ask(sensitive=("a",), measurements=("fairness",), bins={"a": (1.0, 2.0)}, positive="1")
    assert MeasureRequest.from_json(json.loads(json.dumps(request.as_json()))) == request


@pytest.mark.parametrize("change", [{"colour": 1}, {"seed": "x"}, {"seed": 1.5}, {"sensitive": "sex"}, {"subject": {}}])
def test_a_malformed_request_is_refused(ask, change: dict) -> None:
    with pytest.raises(EvidenceError):
        MeasureRequest.from_json({**ask().as_json(), **change})


def test_importing_the_package_imports_no_measuring_library() -> None:
    heavy = "{'numpy', 'pandas', 'pyarrow', 'sklearn', 'shap', 'fairlearn', 'duckdb', 'matplotlib', 'django'}"
    code = f"import sys, audits.evidence; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_everything_is_measured_in_a_process_of_its_own(ask, save, loans: pd.DataFrame, model_file: Path) -> None:
    told: list[str] = []
    request = ask(
        measurements=("performance", "fairness", "explainability"),
        sensitive=("sex",),
        explained_rows=15,
        background_rows=10,
    )
    records = run_isolated(
        request,
        model_path=model_file,
        data_path=save(loans.fillna({"income": 30.0})),
        timeout_seconds=180,
        progress=told.append,
    )
    assert [record.measurement for record in records] == list(request.measurements)
    assert any("explainability" in line for line in told)
    for record in records:
        assert record.inputs["model"]["digest"] == hashlib.sha256(model_file.read_bytes()).hexdigest()
        assert set(record.timings["sandbox"]) == {"network", "user", "files"}
        assert all(figure.svg.startswith(b"<?xml") for figure in record.figures)
    assert records[2].results["additivity"]["holds"] is True
    assert {entry["feature"] for entry in records[2].results["importance"]} == {"income", "job", "years"}


@pytest.mark.slow
def test_the_childs_message_is_the_callers_error(ask, save, loans: pd.DataFrame) -> None:
    with pytest.raises(EvidenceError, match="did you mean “truth”") as refused:
        run_isolated(ask(target="truths", predictions="sex"), model_path=None, data_path=save(loans))
    assert refused.value.code == "missing_column"


def test_a_measurement_that_takes_too_long_is_ended(ask, save, loans: pd.DataFrame) -> None:
    with pytest.raises(EvidenceError, match=r"longer than 0\.3 seconds"):
        run_isolated(ask(predictions="sex"), model_path=None, data_path=save(loans), timeout_seconds=0.3)


def test_a_child_without_memory_is_a_clear_error(ask, save, loans: pd.DataFrame) -> None:
    with pytest.raises(EvidenceError) as refused:
        run_isolated(ask(predictions="sex"), model_path=None, data_path=save(loans), memory_bytes=60 << 20)
    assert refused.value.code in {"evidence_crashed", "out_of_memory", "evidence_failed"}
