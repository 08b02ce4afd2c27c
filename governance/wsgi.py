"""The web process. It never imports what measures or prints, and never lets slow forms hold all of its threads.

A body under /api/ is read once its sender's token is known. Forms come before anybody is known (the sign-in is one),
and the server has no deadline for bodies; so only a few forms are read at once, and the next is asked to come again.
"""

import io
import os
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

FORM_BYTES = 10 * 1024 * 1024
# Less than half of a process's threads (see the command serve): the others answer the gate and pages meanwhile.
_READING = threading.BoundedSemaphore(3)

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI (PEP 3333)."""
    if environ["REQUEST_METHOD"] == "POST" and not environ["PATH_INFO"].startswith("/api/"):
        read = read_form(environ)
        if isinstance(read, HTTPStatus):
            return _refused(read, start_response)
        environ["wsgi.input"] = io.BytesIO(read)
    return _django(environ, start_response)


def read_form(environ: dict[str, Any]) -> bytes | HTTPStatus:
    """The whole body of a form, or the status to refuse it with."""
    announced = environ.get("CONTENT_LENGTH") or ""
    if not announced.isdecimal():
        unknown = announced or environ.get("HTTP_TRANSFER_ENCODING")
        return HTTPStatus.LENGTH_REQUIRED if unknown else b""
    if int(announced) > FORM_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    # A quarter of a second is longer than forms of people take that are on their way already.
    if not _READING.acquire(timeout=0.25):
        return HTTPStatus.SERVICE_UNAVAILABLE
    try:
        body: bytes = environ["wsgi.input"].read(int(announced))
    finally:
        _READING.release()
    return body


def _refused(status: HTTPStatus, start_response: Callable[..., Any]) -> list[bytes]:
    text = f"{status.phrase}. The form is too large, or too many are being read; send it again.\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(text))),
        ("Connection", "close"),
        ("Cache-Control", "no-store"),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "5"))
    start_response(f"{status.value} {status.phrase}", headers)
    return [text]
