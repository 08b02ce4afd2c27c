"""Measuring and reading in a process of its own, for callers that must stay light and alive.

Never imports a measuring library here, and never believes what the process wrote: records are parsed,
re-digested and their figures checked before they are handed over.
"""

import contextlib
import json
import os
import queue
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from audits.evidence.description import TableDescription
from audits.evidence.errors import EvidenceError
from audits.evidence.record import EvidenceRecord
from audits.evidence.request import MeasureRequest
from audits.evidence.sandbox.limits import lower

_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from audits.evidence.isolated import child; child()"
DESCRIPTION = "description.json"
_MOST_BYTES = 64 << 20
_MOST_WRITTEN = 256 << 20


def run_isolated(
    request: MeasureRequest,
    *,
    model_path: Path | None,
    data_path: Path,
    timeout_seconds: float = 600.0,
    memory_bytes: int = 8 << 30,
    progress: Callable[[str], None] = lambda line: None,
) -> list[EvidenceRecord]:
    """Measure in a child process with limits on address space, processor time and the clock; the figures'
    bytes are in the records.

    Raises ``EvidenceError`` with the child's own message, or one about its deadline or its death. If the
    caller is interrupted, the child and the model's process end with it.
    """
    words = ["measure", "request.json", "--data", str(data_path.resolve())]
    if model_path is not None:
        words += ["--model", str(model_path.resolve())]
    given = {"request.json": json.dumps(request.as_json())}
    with _ended(words, given, "measurement", timeout_seconds, memory_bytes, progress) as out:
        return [_read_record(out, name) for name in request.measurements]


def describe_isolated(path: Path, *, timeout_seconds: float, memory_bytes: int) -> TableDescription:
    """Describe a table in a child process with the same limits as measuring; raises ``EvidenceError``."""
    words = ["describe", str(path.resolve())]
    with _ended(words, {}, "reading of the table", timeout_seconds, memory_bytes, lambda line: None) as out:
        try:
            return TableDescription.from_json(json.loads(_limited(out / DESCRIPTION)))
        except (OSError, ValueError, RecursionError) as error:
            raise EvidenceError(
                "The reading process left no readable description.", code="evidence_malformed"
            ) from error


@contextlib.contextmanager
def _ended(
    words: list[str],
    given: dict[str, str],
    what: str,
    timeout_seconds: float,
    memory_bytes: int,
    progress: Callable[[str], None],
) -> Iterator[Path]:
    """The folder with what the command wrote, once it has succeeded; ``given`` are files beside it."""
    with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
        out = Path(folder) / "out"
        for name, text in given.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        # Twice the clock's seconds, since two threads may run; the clock is what ends it ordinarily.
        limits = [str(memory_bytes), str(int(2 * timeout_seconds) + 10)]
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(_ROOT), *limits, *words, "--out", str(out)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
            text=True,
            errors="replace",
        )
        try:
            ended = _follow(process, timeout_seconds, progress)
        finally:
            # The whole session: the model's process is in it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if not ended:
            raise EvidenceError(
                f"The {what} took longer than {timeout_seconds:g} seconds and was ended; give it fewer rows or more "
                "time.",
                code="evidence_timeout",
            )
        if process.returncode != 0:
            raise _told_error(out, what, process.returncode, memory_bytes)
        yield out


def _follow(process: subprocess.Popen[str], timeout_seconds: float, progress: Callable[[str], None]) -> bool:
    deadline = time.monotonic() + timeout_seconds
    lines: queue.Queue[str | None] = queue.Queue()
    stream = process.stdout

    def read() -> None:
        # Closing the pipe under the reader ends it, too.
        with contextlib.suppress(ValueError, OSError):
            for line in stream or ():
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (remaining := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=remaining)
        except queue.Empty:
            return False
        if line is None:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                return False
            return True
        progress(line.rstrip("\n")[:500])
    return False


def child() -> None:
    """The child's first steps: take the limits (bytes of memory, seconds of CPU) off the arguments and keep
    to them."""
    lower(resource.RLIMIT_AS, int(sys.argv.pop(1)))
    lower(resource.RLIMIT_CPU, int(sys.argv.pop(1)))
    lower(resource.RLIMIT_FSIZE, _MOST_WRITTEN)
    lower(resource.RLIMIT_CORE, 0)
    from audits.evidence.__main__ import main

    sys.exit(main())


def _environment(folder: str) -> dict[str, str]:
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "PATH": "",
        "MPLCONFIGDIR": folder,
        "NUMBA_DISABLE_JIT": "1",
        # One order of summation, so one digest, however many processors there are.
        **dict.fromkeys(threads, "1"),
    }


def _told_error(out: Path, what: str, status: int, memory_bytes: int) -> EvidenceError:
    with contextlib.suppress(OSError, ValueError):
        told = json.loads(_limited(out / "error.json"))
        if isinstance(told, dict):
            return EvidenceError(str(told.get("message"))[:2000], code=str(told.get("code"))[:60])
    how = signal.Signals(-status).name if status < 0 else f"exit {status}"
    return EvidenceError(
        f"The {what} ended without an answer ({how}); most likely it needed more than the {memory_bytes >> 20} MiB of "
        "memory it is allowed, or the table is damaged.",
        code="evidence_crashed",
    )


def _read_record(out: Path, name: str) -> EvidenceRecord:
    try:
        given = json.loads(_limited(out / f"{name}.json"))
        record = EvidenceRecord.from_json(given, lambda figure: _limited(out / f"{name}.{_plain(figure)}.svg"))
    except (OSError, ValueError) as error:
        raise EvidenceError(
            f"The measuring process left no readable record of {name}.", code="evidence_malformed"
        ) from error
    if record.measurement != name:
        raise EvidenceError(f"The record of {name} says that it is another.", code="evidence_malformed")
    return record


def _plain(name: str) -> str:
    if not name.replace("-", "").isalnum():
        raise EvidenceError("A figure has a name that is no name.", code="evidence_malformed")
    return name


def _limited(path: Path) -> bytes:
    if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        raise EvidenceError("The measuring process wrote a file that is too large.", code="evidence_malformed")
    return path.read_bytes()
