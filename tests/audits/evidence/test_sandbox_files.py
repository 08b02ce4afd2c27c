"""A model file cannot read files: not by its parameters, and not past the kernel where the kernel helps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from audits.evidence import EvidenceError
from audits.evidence.sandbox import landlock
from audits.evidence.sandbox.client import ModelHost
from audits.evidence.sandbox.host import Refused, _load
from audits.evidence.sandbox.reaching import parts_that_reach_files

SECRET = "BEGIN PRIVATE KEY"
_ROOT = Path(__file__).resolve().parents[3]
# What host.main does where the service is an ordinary user: the model keeps its user, and may open what that one may.
_AS_ITSELF = """
import json, os, sys, warnings
sys.path.insert(0, sys.argv[1])
from audits.evidence.sandbox import host
from audits.evidence.sandbox.landlock import leave_files
from audits.evidence.sandbox.limits import shut_in
host._import_everything()
said = {"user": shut_in(4 << 30, 60, was_root=False), "files": leave_files()}
if len(sys.argv) > 3:
    host.parts_that_reach_files = lambda model: []
def tried(does):
    try:
        return str(does())
    except Exception as error:
        return type(error).__name__
model_fd = int(sys.argv[2].split(":")[0])
def asks():
    import pandas as pd
    model, _ = host._load(model_fd)
    return model.predict(pd.DataFrame({"path": [sys.argv[2].split(":", 1)[1]]})).tolist()
said["asked"] = tried(asks)
said["opened"] = tried(lambda: open(sys.argv[2].split(":", 1)[1]).read())
said["proc"] = tried(lambda: open("/proc/1/environ").read())
said["listed"] = tried(lambda: os.listdir("/etc"))
said["late"] = tried(lambda: __import__("sklearn.isotonic").__name__)
print(json.dumps(said))
"""


def reader_of_files(tmp_path: Path, vectorizer: object = None, name: str = "reader.skops") -> Path:
    """A model that answers 1 for the path of a file that holds the secret."""
    for file, text in (("a", SECRET), ("b", "zzzz")):
        (tmp_path / file).write_text(text)
    paths = pd.DataFrame({"path": [str(tmp_path / "a"), str(tmp_path / "b")] * 20})
    vector = vectorizer or CountVectorizer(
        input="filename",
        analyzer="char",
        ngram_range=(len(SECRET), len(SECRET)),
        vocabulary={SECRET: 0},
        lowercase=False,
        decode_error="ignore",
    )
    model = Pipeline([("c", ColumnTransformer([("t", vector, "path")])), ("d", DecisionTreeClassifier(random_state=0))])
    skops.io.dump(model.fit(paths, [1, 0] * 20), tmp_path / name)
    return tmp_path / name


def refusal_of(path: Path) -> Refused:
    with pytest.raises(Refused) as caught:
        _load(os.open(path, os.O_RDONLY))
    return caught.value


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer, HashingVectorizer])
@pytest.mark.parametrize("given", ["filename", "file"])
def test_a_vectorizer_that_reads_files_is_refused_by_name(tmp_path: Path, kind: type, given: str) -> None:
    path = reader_of_files(tmp_path, kind())
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    model.named_steps["c"].transformers_ = [("t", kind(input=given), "path")]
    skops.io.dump(model, path)
    error = refusal_of(path)
    assert error.code == "model_reaches_files"
    assert f"{kind.__name__} has input={given!r}" in str(error)


def test_one_that_takes_the_text_itself_is_loaded(tmp_path: Path) -> None:
    loaded, _ = _load(os.open(reader_of_files(tmp_path, TfidfVectorizer(analyzer="char")), os.O_RDONLY))
    assert hasattr(loaded, "predict")


def test_a_pipeline_that_keeps_a_cache_on_disk_is_refused(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier()).fit([[0.0], [1.0]], [0, 1])
    model.memory = str(tmp_path / "cache")
    skops.io.dump(model, tmp_path / "cached.skops")
    assert "memory=" in str(refusal_of(tmp_path / "cached.skops"))


def test_it_looks_into_bound_methods_and_arrays_of_objects() -> None:
    vector = CountVectorizer(input="filename")
    outer = CountVectorizer(analyzer=vector.build_analyzer)
    held = CountVectorizer()
    held.vocabulary = pd.Series([vector], dtype=object).to_numpy()
    assert len(parts_that_reach_files(outer)) == len(parts_that_reach_files(held)) == 1


@pytest.mark.slow
def test_the_hostile_model_is_refused_in_its_own_process(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="input='filename'") as caught, ModelHost(reader_of_files(tmp_path)):
        pass
    assert caught.value.code == "model_reaches_files"


@pytest.mark.slow
@pytest.mark.parametrize("unchecked", [False, True], ids=["refused", "past the check"])
def test_as_an_ordinary_user_it_cannot_read_what_that_user_can(tmp_path: Path, unchecked: bool) -> None:
    with reader_of_files(tmp_path).open("rb") as model:
        words = [str(_ROOT), f"{model.fileno()}:{tmp_path / 'a'}", *(["unchecked"] if unchecked else [])]
        ended = subprocess.run(
            [sys.executable, "-I", "-c", _AS_ITSELF, *words],
            pass_fds=(model.fileno(),),
            capture_output=True,
            check=True,
            timeout=120,
            env={"JOBLIB_MULTIPROCESSING": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": ""},
        )
    said = json.loads(ended.stdout)
    assert said["user"] == "own user"
    assert said["late"] == "sklearn", "what the installation holds can still be imported"
    if not unchecked:
        assert said["asked"] == "Refused"
    if said["files"] == landlock.OPEN:
        pytest.skip("the kernel does not offer Landlock")
    assert said["asked"] in {"Refused", "PermissionError"}
    assert [said[name] for name in ("opened", "proc", "listed")] == ["PermissionError"] * 3


def test_where_the_kernel_offers_nothing_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(number: int, *arguments: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(landlock, "_call", absent)
    assert landlock.leave_files() == "not shut off"
