"""The service's own addresses over real HTTP, on the loopback interface, and any other small server there."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.request import urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

Application = Callable[..., Iterable[bytes]]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@contextmanager
def serving(application: Application) -> Iterator[str]:
    """The address of a server for this application, until the block ends."""
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)

    def serve() -> None:
        server.serve_forever(poll_interval=0.02)
        connections.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def service() -> Iterator[str]:
    """The address of this service."""
    with serving(WSGIHandler()) as address:
        yield address


def fetched(address: str) -> bytes:
    with urlopen(address, timeout=10) as answer:  # noqa: S310 - our own address
        body: bytes = answer.read()
    return body
