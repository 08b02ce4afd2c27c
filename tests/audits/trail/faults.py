"""Runs the sequencer and the publisher under ``strace``, which makes one system call of it fail, or kills it there."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from tests.database import ROLES, Database

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
# The end itself, and what returns from a signal, cannot fail.
_NEVER = {"exit_group", "exit", "rt_sigreturn", "restart_syscall"}
_PATIENCE = 1.5  # Seconds after which a run that hangs is killed; one takes a tenth of a second.
_TRACED = 30.0  # Seconds within which strace must have ended.


class FaultyProcess:
    """A process that sequences and publishes when it is told to."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    def calls(self) -> Counter[str]:
        """How often a run makes each system call."""
        traced = self._folder / "strace"
        status = self.run("-o", str(traced))
        assert os.waitstatus_to_exitcode(status) == 0
        found = (_CALL.match(line) for line in traced.read_text().splitlines())
        return Counter(call[1] for call in found if call and call[1] not in _NEVER)

    def fail(self, call: str, number: int, fault: str) -> int:
        """Run with ``fault`` (``error=EIO`` or ``signal=KILL``) at the call of that number; the exit code."""
        return os.waitstatus_to_exitcode(
            self.run("-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}")
        )

    def run(self, *options: str) -> int:
        self._write("go")
        child = int(self._read())
        tracer = subprocess.Popen(
            ["strace", "-f", *options, "-p", str(child)],  # noqa: S607
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        # libpq waits for an answer to what it could not send, where the server still holds the connection.
        watchdog = threading.Timer(_PATIENCE, os.kill, [child, signal.SIGKILL])
        watchdog.start()
        os.kill(child, signal.SIGCONT)
        try:
            return int(self._read())
        finally:
            watchdog.cancel()
            tracer.communicate(timeout=_TRACED)

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the process has ended"
        return line


@contextmanager
def faulty_process(database: Database, folder: Path) -> Iterator[FaultyProcess]:
    """One on the test's own database, keys and signer's memory."""
    params = {alias: database.cluster.server.params(role, database.name) for alias, role in ROLES.items()}
    databases = {
        alias: {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": str(found["dbname"]),
            **{name.upper(): str(found.get(name, "")) for name in ("host", "port", "user", "password")},
        }
        for alias, found in params.items()
    }
    folders = {name: str(getattr(settings, name)) for name in ("KEY_DIR", "SIGNER_DIR", "TILES_DIR", "DATA_DIR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.audits.trail.faulty_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ours = FaultyProcess(process, folder)
        ours._write(json.dumps({"databases": databases, "folders": folders}))
        assert ours._read() == "ready"
        yield ours
    finally:
        process.kill()
        process.communicate()
