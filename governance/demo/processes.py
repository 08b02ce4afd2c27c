"""The demo's web server and worker: the same processes as `./run serve` starts, on a free port of this machine."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audits.errors import DomainError

START_SECONDS = 60


class ServiceDidNotStart(DomainError):
    code = "service_did_not_start"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running service: its address, one way to ask it, and whether its processes are still there."""

    address: str
    processes: "tuple[subprocess.Popen[bytes], ...]"
    log: Path

    def require_alive(self) -> None:
        """Raise where the web server or the worker has ended."""
        if any(process.poll() is not None for process in self.processes):
            raise ServiceDidNotStart(f"The web server or the worker ended; what they said is in {self.log}.")

    def post(
        self, path: str, body: bytes, *, token: str, content_type: str = "application/json"
    ) -> tuple[int, dict[str, object]]:
        """Status and JSON of a POST; a refusal is an answer like any other."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own, on this machine
            self.address + path,
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": content_type},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@contextmanager
def running_service(log: Path) -> Iterator[Service]:
    """Web and worker while the block runs; what they say goes to ``log``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *(
            "--workers",
            "1",
            "--blocking-threads",
            "4",
            "--no-ws",
            "--log-level",
            "error",
            "governance.wsgi:application",
        ),
    ]
    with log.open("wb") as sink:
        processes = [
            subprocess.Popen(line, cwd=settings.BASE_DIR, stdout=sink, stderr=sink)
            for line in (web, [sys.executable, "manage.py", "worker"])
        ]
        try:
            _wait_for(port, processes, log)
            yield Service(address=f"http://127.0.0.1:{port}", processes=tuple(processes), log=log)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_for(port: int, processes: "list[subprocess.Popen[bytes]]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise ServiceDidNotStart(f"The web server or the worker did not start; what they said is in {log}.")
