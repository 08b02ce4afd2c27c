"""The program of a model's process: load one skops file from a descriptor, then answer tables with numbers.

Never reads a byte of the model before the process is shut in, never loads a type that is not on the list,
never sends an object: only frames (see frames.py).
"""

import json
import os
import sys
import warnings
import zipfile
from typing import BinaryIO

from audits.evidence.sandbox.allowed import ALLOWED_TYPES
from audits.evidence.sandbox.frames import ANSWER, HELLO, LABELS, PROBLEM, SCORES, framed, read_frame
from audits.evidence.sandbox.landlock import leave_files
from audits.evidence.sandbox.limits import leave_network, shut_in
from audits.evidence.sandbox.reaching import parts_that_reach_files


class Refused(Exception):
    """The file or the request is not acceptable; code and message go to the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def main() -> None:
    """Serve until standard input ends. Arguments: descriptor of the model, bytes of memory, seconds of
    CPU."""
    model_fd, memory_bytes, cpu_seconds = (int(word) for word in sys.argv[2:5])
    was_root = os.geteuid() == 0  # A user namespace hides it.
    network = leave_network()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What a model prints must not be taken for an answer.
    _import_everything()
    user = shut_in(memory_bytes, cpu_seconds, was_root=was_root)
    files = leave_files()
    try:
        model, notes = _load(model_fd)
        card = {**_card(model), "notes": notes, "isolation": {"network": network, "user": user, "files": files}}
        answers.write(framed(HELLO, json.dumps(card).encode()))
        answers.flush()
        _serve(model, sys.stdin.buffer, answers)
    except Exception as error:  # noqa: BLE001 - whatever a file can provoke becomes one clear message.
        answers.write(framed(PROBLEM, _problem(error, "loading the model")))
        answers.flush()


def _import_everything() -> None:
    # 1. All imports happen before the user changes: an unprivileged one may not be able to read the
    # installation.
    # 2. Python and the libraries import some modules only when they are needed (codecs, estimators): doing
    # once what    is done later, with a small model of our own, makes that happen now.
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    pa.set_cpu_count(1)
    table = pa.table({"a": [0.0, 1.0, 2.0, None] * 5, "b": pa.array(["x", None] * 10).dictionary_encode()})
    sent = pa.BufferOutputStream()
    with pa.ipc.new_stream(sent, table.schema) as writer:
        writer.write_table(table)
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, np.nan] * 5, "b": ["x", None] * 10})
    for kind in (RandomForestClassifier(n_estimators=2), HistGradientBoostingClassifier(max_iter=1)):
        spread = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["b"]), remainder="passthrough"
        )
        own = make_pipeline(spread, kind).fit(frame, np.array(["n", "y"] * 10))
        data = skops.io.dumps(own)
        read = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
        _one_thread(read)
        _card(read)
        _predict(read, SCORES, sent.getvalue().to_pybytes())
        _predict(read, LABELS, sent.getvalue().to_pybytes())


def _load(model_fd: int) -> tuple[object, list[str]]:
    import skops.io

    with os.fdopen(model_fd, "rb") as file:
        data = file.read()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = skops.io.get_untrusted_types(data=data)
            unknown = [name for name in found if name not in ALLOWED_TYPES]
            if unknown:
                raise Refused(
                    "model_type_refused",
                    f"The model file holds types that are not allowed: {', '.join(unknown[:8])}. "
                    "Only scikit-learn's own estimators are loaded; rebuild the model from those.",
                )
            model = skops.io.loads(data, trusted=sorted(ALLOWED_TYPES & set(found)))
        except (Refused, MemoryError):
            raise
        except (
            zipfile.BadZipFile,
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
            OSError,
            ImportError,
        ) as error:
            raise Refused(
                "model_corrupt",
                f"The model file cannot be loaded as skops ({type(error).__name__}: {_line(error)}); it is damaged "
                "or was made by other versions. Save it again with skops.io.dump.",
            ) from error
    if not hasattr(model, "predict"):
        raise Refused(
            "model_corrupt",
            f"The file holds a {type(model).__name__}, which has no predict; save the fitted model.",
        )
    reaching = parts_that_reach_files(model)
    if reaching:
        raise Refused(
            "model_reaches_files",
            f"The model would read or write files when it predicts: {'; '.join(reaching[:4])}. Set input='content' "
            "on text vectorizers and memory=None on pipelines, and save it again.",
        )
    _one_thread(model)
    return model, sorted({_line(warning.message) for warning in caught})[:5]


def _one_thread(model: object) -> None:
    if not hasattr(model, "get_params") or not hasattr(model, "set_params"):
        return
    jobs = {name: 1 for name in model.get_params(deep=True) if name.split("__")[-1] == "n_jobs"}
    if jobs:
        model.set_params(**jobs)


def _card(model: object) -> dict[str, object]:
    names = getattr(model, "feature_names_in_", None)
    classes = getattr(model, "classes_", None)
    count = getattr(model, "n_features_in_", None)
    return {
        "estimator": _type_name(model),
        "final_estimator": _type_name(getattr(model, "_final_estimator", model)),
        "features": None if names is None else [str(name) for name in names],
        "n_features": None if count is None else int(count),
        "classes": None if classes is None else [_plain(value) for value in classes],
        "scores": hasattr(model, "predict_proba"),
    }


def _serve(model: object, requests: BinaryIO, answers: BinaryIO) -> None:
    while (request := read_frame(requests)) is not None:
        try:
            reply = framed(ANSWER, _predict(model, *request))
        except Exception as error:  # noqa: BLE001 - a model may raise anything; the caller gets one clear message.
            reply = framed(PROBLEM, _problem(error, "predicting"))
        answers.write(reply)
        answers.flush()


def _predict(model: object, kind: bytes, payload: bytes) -> bytes:
    import numpy as np
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions(use_threads=False)
    table = pa.ipc.open_stream(payload, options=options).read_all()
    positive = int((table.schema.metadata or {}).get(b"positive", b"0"))
    plain = pa.table(
        {
            name: column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )
    frame = plain.to_pandas(use_threads=False)
    given = frame if getattr(model, "feature_names_in_", None) is not None else frame.to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == SCORES:
            made = np.asarray(model.predict_proba(given))[:, positive]  # type: ignore[attr-defined]
        elif kind == LABELS:
            labels = np.asarray(model.predict(given))  # type: ignore[attr-defined]
            made = labels == model.classes_[positive]  # type: ignore[attr-defined]
        else:
            made = np.asarray(model.predict(given))  # type: ignore[attr-defined]
    values = np.ascontiguousarray(made, dtype="<f8")
    if values.shape != (table.num_rows,):
        raise Refused("model_failed", f"The model answered an array of shape {values.shape}, not one value a row.")
    return values.tobytes()


def _problem(error: Exception, doing: str) -> bytes:
    if isinstance(error, Refused):
        code, message = error.code, str(error)
    elif isinstance(error, MemoryError):
        code, message = (
            "model_out_of_memory",
            f"The model asked for more memory than it is allowed while {doing}.",
        )
    else:
        code = "model_failed"
        message = f"The model failed while {doing}: {type(error).__name__}: {_line(error)}"
    return json.dumps({"code": code, "message": message}).encode()


def _plain(value: object) -> object:
    item = value.item() if hasattr(value, "item") else value
    return item if isinstance(item, bool | int | float | str) else str(item)


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _line(error: object) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
