"""The caller's side of a model's process: start it, ask it, end it.

Never waits without a deadline, never trusts a length or a text that comes back, never leaves the process
behind.
"""

import contextlib
import io
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from audits.evidence.errors import EvidenceError
from audits.evidence.sandbox.card import ModelCard
from audits.evidence.sandbox.frames import (
    ANSWER,
    ERROR_BYTES,
    HEAD,
    HELLO,
    HELLO_BYTES,
    LABELS,
    PROBLEM,
    SCORES,
    VALUES,
    framed,
)
from audits.evidence.sandbox.limits import SandboxLimits
from audits.evidence.values import JsonObject

_ROOT = Path(__file__).resolve().parents[3]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from audits.evidence.sandbox.host import main; main()"
_PIPE = 1 << 16
_NOBODY = 65534


class ModelHost:
    """A model in its own process, as a context manager; ``card`` says what it is once it is entered.

    Every failure of the model or its file is an ``EvidenceError``: refused types, corrupt file, crash,
    deadline, memory, wrong columns.
    """

    card: ModelCard

    def __init__(self, path: Path, limits: SandboxLimits | None = None) -> None:
        self._path = path
        self._limits = limits or SandboxLimits()

    def __enter__(self) -> Self:
        file = _opened(self._path, self._limits.model_bytes)
        self._folder = Path(tempfile.mkdtemp(prefix="model-"))
        try:
            # Root without capabilities, as in some containers, cannot; the folder is then of no use to the model.
            with contextlib.suppress(PermissionError):
                if os.geteuid() == 0:
                    os.chown(self._folder, _NOBODY, _NOBODY)
            words = [str(file.fileno()), str(self._limits.memory_bytes), str(self._limits.cpu_seconds)]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, str(_ROOT), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(file.fileno(),),
                cwd=self._folder,
                env=_environment(self._folder),
                bufsize=0,
            )
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    os.set_blocking(stream.fileno(), False)
            card = self._exchange(b"", HELLO, HELLO_BYTES, "loading")
            self.card = ModelCard.from_json(_parsed(card))
        except BaseException:
            self.close()
            raise
        finally:
            file.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and remove its folder; safe to call twice."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def scores(self, features: pa.Table, positive: int) -> npt.NDArray[np.float64]:
        """Probability of the class at index ``positive``, one per row, each within 0..1."""
        made = self._numbers(SCORES, features, positive)
        outside = int(((made < 0) | (made > 1)).sum())
        if outside:
            raise EvidenceError(
                f"The model answered probabilities outside 0..1 for {outside} of {len(made)} rows.",
                code="model_failed",
            )
        return made

    def labels(self, features: pa.Table, positive: int) -> npt.NDArray[np.float64]:
        """1.0 where the model predicts the class at index ``positive``, else 0.0."""
        made = self._numbers(LABELS, features, positive)
        if not np.isin(made, (0.0, 1.0)).all():
            raise EvidenceError("The model answered labels that are neither 0 nor 1.", code="model_failed")
        return made

    def values(self, features: pa.Table) -> npt.NDArray[np.float64]:
        """The predicted value, one per row, in the unit of the target."""
        return self._numbers(VALUES, features, 0)

    def _numbers(self, kind: bytes, features: pa.Table, positive: int) -> npt.NDArray[np.float64]:
        table = features.replace_schema_metadata({"positive": str(positive)})
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        answer = self._exchange(framed(kind, sink.getvalue()), ANSWER, 8 * table.num_rows, "predicting")
        made = np.frombuffer(answer, dtype="<f8").astype(np.float64)
        if len(made) != table.num_rows:
            raise EvidenceError("The model's process answered too few values.", code="model_failed")
        unfit = int((~np.isfinite(made)).sum())
        if unfit:
            raise EvidenceError(
                f"The model answered no finite number for {unfit} of {len(made)} rows.", code="model_failed"
            )
        return made

    def _exchange(self, request: bytes, wanted: bytes, most: int, doing: str) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EvidenceError("The model's process has no pipes.", code="model_failed")
        allowed = self._limits.load_seconds if wanted == HELLO else self._limits.answer_seconds
        deadline = time.monotonic() + allowed
        left = memoryview(request)
        got = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(stdout, selectors.EVENT_READ)
            if left:
                ready.register(stdin, selectors.EVENT_WRITE)
            while True:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise EvidenceError(
                        f"The model did not answer within {allowed:g} seconds while {doing}; it was ended.",
                        code="model_timeout",
                    )
                for key, _ in ready.select(remaining):
                    if key.fileobj is stdin:
                        try:
                            left = left[os.write(stdin.fileno(), left[:_PIPE]) :]
                        except BlockingIOError:
                            continue
                        except BrokenPipeError:
                            left = left[:0]
                        if not left:
                            ready.unregister(stdin)
                        continue
                    part = os.read(stdout.fileno(), _PIPE)
                    if not part:
                        raise self._death(doing)
                    got += part
                    message = _message(got, wanted, most)
                    if message is not None:
                        return message

    def _death(self, doing: str) -> EvidenceError:
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return EvidenceError(f"The model's process closed its answers while {doing}.", code="model_crashed")
        if -status in {signal.SIGXCPU, signal.SIGKILL}:
            return EvidenceError(
                f"The model's process was ended while {doing}: it used more than {self._limits.cpu_seconds} seconds of "
                "processor time, or more memory than the machine has.",
                code="model_timeout",
            )
        how = signal.Signals(-status).name if status < 0 else f"exit {status}"
        return EvidenceError(
            f"The model's process crashed while {doing} ({how}); the file is damaged or hostile. "
            "Save the model again with skops.io.dump and the versions installed here.",
            code="model_crashed",
        )


def _message(got: bytearray, wanted: bytes, most: int) -> bytes | None:
    if len(got) < HEAD.size:
        return None
    kind, length = HEAD.unpack_from(got)
    if kind not in {wanted, PROBLEM} or length > (ERROR_BYTES if kind == PROBLEM else most):
        raise EvidenceError("The model's process answered something that is not an answer.", code="model_failed")
    if len(got) < HEAD.size + length:
        return None
    payload = bytes(got[HEAD.size : HEAD.size + length])
    if kind == PROBLEM:
        told = _parsed(payload)
        text = "".join(letter for letter in str(told.get("message", "")) if letter.isprintable())[:600]
        code = str(told.get("code", ""))
        known = code if code.startswith("model_") and code.replace("_", "").isalpha() else "model_failed"
        raise EvidenceError(text or "The model failed.", code=known[:40])
    return payload


def _parsed(payload: bytes) -> JsonObject:
    try:
        made = json.loads(payload)
    except (ValueError, RecursionError):
        made = None
    if not isinstance(made, dict):
        raise EvidenceError("The model's process answered something that is not an answer.", code="model_failed")
    return made


def _opened(path: Path, most: int) -> io.BufferedReader:
    try:
        file = path.open("rb")
    except OSError as error:
        raise EvidenceError(
            f"The model file {path.name} cannot be read ({error.strerror}).", code="unreadable_file"
        ) from error
    try:
        start = os.pread(file.fileno(), 4, 0)
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise EvidenceError(
                f"The model file is larger than the {most} bytes that are allowed.", code="model_too_large"
            )
        if start != b"PK\x03\x04":
            pickled = start[:1] in {b"\x80", b"c", b"(", b"x", b"\x1f", b"B"}
            what = "looks like a pickle or joblib file, which can run code as it loads" if pickled else "is not skops"
            raise EvidenceError(
                f"The model file {path.name} {what}; save the model with skops.io.dump instead.",
                code="model_format_refused",
            )
    except BaseException:
        file.close()
        raise
    return file


def _environment(folder: Path) -> dict[str, str]:
    threads = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "ARROW_IO_THREADS",
    )
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PATH": "",
        "JOBLIB_MULTIPROCESSING": "0",
        **dict.fromkeys(threads, "1"),
    }
