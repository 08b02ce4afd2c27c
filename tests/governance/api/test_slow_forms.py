"""Forms that come slowly, or never: only a few are read at once, so the other threads go on answering."""

import io
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest


@pytest.fixture
def wsgi(office: object) -> Any:
    from governance import wsgi

    return wsgi


class Silent(io.BytesIO):
    """A body that comes when the sender lets it."""

    def __init__(self) -> None:
        super().__init__(b"name=x")
        self.let = threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        self.let.wait(30)
        return super().read(size)


@pytest.fixture
def silent() -> Iterator[Silent]:
    made = Silent()
    yield made
    made.let.set()


def form(stream: io.BytesIO, length: object = 6, **more: object) -> dict[str, Any]:
    return {"wsgi.input": stream, "CONTENT_LENGTH": str(length), **more}


def test_a_form_that_is_there_is_read(wsgi: Any) -> None:
    assert wsgi.read_form(form(io.BytesIO(b"name=x"))) == b"name=x"
    assert wsgi.read_form({"wsgi.input": io.BytesIO()}) == b""


def test_where_a_few_are_silent_the_next_is_refused_at_once_and_read_when_they_are_gone(
    wsgi: Any, silent: Silent
) -> None:
    waiting = [threading.Thread(target=wsgi.read_form, args=(form(silent),)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)
    begun = time.monotonic()
    assert wsgi.read_form(form(io.BytesIO(b"name=x"))) == HTTPStatus.SERVICE_UNAVAILABLE
    assert time.monotonic() - begun < 2
    silent.let.set()
    for thread in waiting:
        thread.join()
    assert wsgi.read_form(form(io.BytesIO(b"name=x"))) == b"name=x"


def test_a_form_of_unknown_or_great_length_is_refused_unread(wsgi: Any, silent: Silent) -> None:
    chunked = form(silent, "", HTTP_TRANSFER_ENCODING="chunked")
    assert wsgi.read_form(chunked) == HTTPStatus.LENGTH_REQUIRED
    assert wsgi.read_form(form(silent, 1 << 40)) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_what_is_refused_is_said_in_words(wsgi: Any) -> None:
    said: list[Any] = []
    environ = form(io.BytesIO(), 1 << 40, REQUEST_METHOD="POST", PATH_INFO="/admin/login/")
    body = b"".join(wsgi.application(environ, lambda status, headers: said.append((status, dict(headers)))))
    assert said[0][0].startswith("413 ")
    assert said[0][1]["Connection"] == "close"
    assert b"send it again" in body
