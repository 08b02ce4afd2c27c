"""A closed loop of HTTP/1.1 requests over kept connections, in one thread: each connection asks, waits, asks again.

Written here so that nothing has to be installed; it takes some 50 microseconds a request of the same cores.
"""

import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

_CONNECTIONS = 16


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What was answered in a slice of time: requests per second, and latencies in milliseconds."""

    answered: int
    rate: float
    p50: float
    p99: float


@dataclass(kw_only=True)
class _Talk:
    socket: socket.socket
    asked: float = 0.0
    received: bytearray = field(default_factory=bytearray)


def run_load(port: int, requests: Iterator[bytes], *, seconds: float) -> Slice:
    """Ask for so long, then wait for what is under way. Raises RuntimeError for any answer but 200."""
    talks = [_Talk(socket=socket.create_connection(("127.0.0.1", port), timeout=30.0)) for _ in range(_CONNECTIONS)]
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        for talk in talks:
            talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(talk.socket, selectors.EVENT_READ, talk)
            _ask(talk, next(requests))
        begun = time.perf_counter()
        waiting = len(talks)
        while waiting:
            events = selector.select(timeout=30.0)
            if not events:
                raise RuntimeError("The server does not answer.")
            for key, _ in events:
                talk = key.data
                if not _answered(talk):
                    continue
                now = time.perf_counter()
                took.append(now - talk.asked)
                if now - begun < seconds:
                    _ask(talk, next(requests))
                else:
                    waiting -= 1
        lasted = time.perf_counter() - begun
    for talk in talks:
        talk.socket.close()
    cuts = statistics.quantiles(took, n=100)
    return Slice(answered=len(took), rate=len(took) / lasted, p50=cuts[49] * 1000, p99=cuts[98] * 1000)


def _ask(talk: _Talk, request: bytes) -> None:
    talk.received.clear()
    talk.asked = time.perf_counter()
    talk.socket.sendall(request)


def _answered(talk: _Talk) -> bool:
    """Take what has come; whether the answer is whole."""
    part = talk.socket.recv(65536)
    if not part:
        raise RuntimeError("The server closed the connection.")
    talk.received += part
    head, found, body = talk.received.partition(b"\r\n\r\n")
    if not found:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"The server answered {bytes(talk.received[:400]).decode(errors='replace')}")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    return len(body) >= length
