"""One HTTP request to a witness or a timestamp authority: short, small, and never led elsewhere."""

import http.client
import time
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from audits.errors import DomainError

_PIECE = 16_384


class NoAnswer(DomainError):
    """The other side did not answer, or with something that is no answer."""

    code = "no_answer"
    status = 409


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    status: int
    body: bytes


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """What is asked for is asked of that address, or not at all."""
        return


def post(url: str, body: bytes, *, content_type: str, seconds: float, limit: int) -> HttpAnswer:
    """POST and read at most ``limit`` bytes within about ``seconds``. Raises NoAnswer, also for other schemes."""
    if not url.startswith(("https://", "http://")):
        raise NoAnswer(f"{url} is not an address of HTTP.")
    deadline = time.monotonic() + seconds
    request = Request(url, data=body, method="POST", headers={"Content-Type": content_type})  # noqa: S310 - see above
    opener = build_opener(_NoRedirects)
    try:
        try:
            answer = opener.open(request, timeout=seconds)
        except HTTPError as refused:  # An answer of another status than 2xx.
            answer = refused
        with answer:
            read = b""
            while piece := answer.read(_PIECE):
                read += piece
                if len(read) > limit or time.monotonic() > deadline:
                    raise NoAnswer(f"{url} answers at more length, or for longer, than it may.")
            return HttpAnswer(status=int(answer.status or 0), body=read)
    except (URLError, OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(f"{url} does not answer: {getattr(error, 'reason', error) or type(error).__name__}.") from error
