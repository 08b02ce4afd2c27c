"""The gate over HTTP: a decision recorded and signed, against a bare Django view that reads one indexed row.

Both are served by the same granian processes, started as ``./run serve`` starts them, and asked by the same loop.
"""

import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

import orjson
from django.conf import settings

from benchmarks.database import own_database, set_django_up
from benchmarks.load import Slice, run_load
from benchmarks.rounds import interleaved, say
from benchmarks.rows import Row, compare

ROUNDS, SECONDS = 7, 1.5
PEER = "bare view, one indexed row"
# gate.md of the shared facts: recorded and signed at half the bare view's rate or more.
RATE_GOAL = 0.5
_WORKERS, _THREADS = 2, 8
_SERVED = "benchmarks.gate_server:application"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The requests of both, as bytes, one for each version."""

    ours: list[bytes]
    bare: list[bytes]


def run() -> list[Row]:
    set_django_up()
    from benchmarks.gate_matter import decisions_kept, fill_gate

    with own_database():
        matter = fill_gate()
        port = _free_port()
        asked = Asked(
            ours=[_post(port, matter.token, digest) for digest in matter.digests],
            bare=[_get(port, standing) for standing in matter.standings],
        )
        with _served(port):
            _check_answer(port, asked.ours[0])
            warm = _slices(port, asked, rounds=1, title="gate, warming up")
            slices = _slices(port, asked, rounds=ROUNDS, title="gate, 16 connections")
        answered = sum(one.answered for one in slices["ours"])
        given, kept = 1 + sum(one.answered for one in warm["ours"]) + answered, decisions_kept()
        if kept != given:
            raise AssertionError(f"{given} decisions were answered and {kept} are kept.")
        say(f"gate: all {kept:,} answers are kept as decisions")
    return _rows(slices, answered)


def _slices(port: int, asked: Asked, *, rounds: int, title: str) -> dict[str, list[Slice]]:
    slices: dict[str, list[Slice]] = {"ours": [], "bare": []}

    def ask(name: str, requests: list[bytes]) -> float:
        slices[name].append(run_load(port, _at_random(requests), seconds=SECONDS))
        return slices[name][-1].rate

    interleaved(title, rounds, {"ours": partial(ask, "ours", asked.ours), "bare": partial(ask, "bare", asked.bare)})
    return slices


def _rows(slices: dict[str, list[Slice]], answered: int) -> list[Row]:
    rows = []
    for what, unit, field, goal in (
        ("decision, recorded and signed", "requests/s", "rate", RATE_GOAL),
        ("decision, recorded and signed, p50", "ms", "p50", None),
        ("decision, recorded and signed, p99", "ms", "p99", None),
    ):
        ours, theirs = (median(getattr(one, field) for one in slices[name]) for name in ("ours", "bare"))
        rows.append(
            compare(bench="gate", what=what, n=answered, unit=unit, ours=ours, peer=PEER, theirs=theirs, goal=goal)
        )
    return rows


def _post(port: int, token: str, digest: str) -> bytes:
    body = orjson.dumps({"digest": digest, "environment": "production"})
    return (
        f"POST /api/v1/decisions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _get(port: int, standing: str) -> bytes:
    return f"GET /bare/{standing} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def _at_random(requests: list[bytes]) -> Iterator[bytes]:
    chosen = random.Random(7)  # noqa: S311 - which row is asked for is no secret.
    while True:
        yield chosen.choice(requests)


def _check_answer(port: int, request: bytes) -> None:
    """One question, its answer read: allowed, and with a permit."""
    with socket.create_connection(("127.0.0.1", port), timeout=30.0) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    answer = orjson.loads(body) if head.startswith(b"HTTP/1.1 200") else {}
    if not (answer.get("allowed") and answer.get("permit")):
        raise AssertionError(f"The gate should have allowed: {received[:600].decode(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _served(port: int) -> Iterator[None]:
    """granian as ``./run serve`` starts it, until it answers; ended afterwards."""
    # WhiteNoise warns where the folder that collectstatic fills is not there.
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", str(_WORKERS), "--blocking-threads", str(_THREADS), "--no-ws", "--log-level", "error"),
        _SERVED,
    ]
    with subprocess.Popen(command) as server:
        try:
            deadline = time.monotonic() + 60
            while not _listens(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("The server did not start: see its messages above.")
                time.sleep(0.1)
            yield
        finally:
            server.terminate()
            try:
                server.wait(timeout=15)
            except subprocess.TimeoutExpired:
                server.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
