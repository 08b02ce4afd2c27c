"""Bodies of requests: JSON read strictly and within bounds, uploads streamed to a file and never cut short.

What cannot be kept exactly is refused: invalid UTF-8, NUL characters, names given twice, numbers without an exact
value. JSON: RFC 8259, narrowed as RFC 7493 (I-JSON) recommends.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any, BinaryIO, NoReturn, cast

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

from audits.artifacts.store import CHUNK, CorruptContent, TooLarge
from audits.errors import DomainError

JSON_LIMIT = 1024 * 1024
DEPTH = 40
# What multipart's own lines and fields may add to a file.
FORM_LIMIT = 2 * 1024 * 1024
# A body too large but not huge is read and thrown away: most clients only see an answer when they have sent all.
_READ_AWAY = 64 * 1024 * 1024
_LARGEST_INTEGER = 2**53 - 1
_REFUSED = re.compile("[\x00\ud800-\udfff]")


class BadBody(DomainError):
    """The body cannot be read; nothing was done."""

    code = "bad_body"


class _Unfit(ValueError):
    """The rest of a sentence about a value that cannot be kept."""


class LengthRequired(DomainError):
    """The request does not say how long its body is, so nobody could tell whether all of it came."""

    code = "length_required"
    status = 411


def announced_length(request: HttpRequest, *, limit: int) -> int:
    """The body's length in bytes as announced. Raises LengthRequired or TooLarge."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or "")
    except ValueError:
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            raise LengthRequired("Send the body with a Content-Length, not in chunks of unknown number.") from None
        return 0
    if length > limit:
        if length <= _READ_AWAY:
            for _ in body_chunks(request):
                pass
        raise TooLarge(f"The request has {length} bytes; at most {limit} are taken here. Nothing was kept.")
    return max(length, 0)


def read_json(request: HttpRequest, stream: BinaryIO | None = None, *, limit: int = JSON_LIMIT) -> object:
    """The JSON value in the body, of at most ``limit`` bytes. Raises BadBody, LengthRequired or TooLarge."""
    length = announced_length(request, limit=limit)
    body = (stream or request).read(length)
    if len(body) < length:
        raise CorruptContent(
            f"The request was cut off: {length} bytes were announced and {len(body)} came. Send it again.",
            code="upload_incomplete",
        )
    return json_value(body)


def json_value(body: bytes, *, what: str = "The body") -> Any:
    """The JSON value in these bytes; ``what`` begins the message of BadBody."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_refuse,
        )
        _check(value, DEPTH)
    except _Unfit as unfit:
        raise BadBody(f"{what} {unfit}") from None
    except UnicodeDecodeError as error:
        raise BadBody(f"{what} is not UTF-8 text: byte {error.start} does not belong there.") from None
    except json.JSONDecodeError as error:
        raise BadBody(f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise BadBody(f"{what} is nested more than {DEPTH} levels deep.") from None
    return value


class StrictJSONParser(BaseParser):
    """JSON for DRF's views."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return read_json(_plain(parser_context), stream)


class UploadParser(MultiPartParser):
    """multipart/form-data whose files go to disk as they come; a body that ends early is refused."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        request = _plain(parser_context)
        length = announced_length(request, limit=settings.UPLOAD_LIMIT_BYTES + FORM_LIMIT)
        handler = TemporaryFileUploadHandler(request)
        request.upload_handlers = [handler]
        counted = _Counted(stream)
        try:
            parsed = super().parse(cast("IO[bytes]", counted), media_type, parser_context)
            while counted.read(CHUNK):
                pass
            if counted.count < length:
                raise CorruptContent(
                    f"The upload was cut off: {length} bytes were announced and {counted.count} came. "
                    "Nothing was kept; send it again.",
                    code="upload_incomplete",
                )
        except BaseException:
            handler.upload_interrupted()
            raise
        return parsed


class _Counted:
    """A stream that knows how many bytes were read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data


def refuse_nul(request: Request | HttpRequest) -> None:
    """Raise BadBody where the address holds a NUL character, which the database cannot look up."""
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise BadBody("The address holds a NUL character.")


def body_chunks(request: HttpRequest) -> Iterator[bytes]:
    """The body of a plain view's request, piece by piece."""
    while chunk := request.read(CHUNK):
        yield chunk


def _plain(parser_context: Mapping[str, Any] | None) -> HttpRequest:
    """The Django request that DRF parses for."""
    request: Request = (parser_context or {})["request"]
    return request._request


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Unfit(f"writes the name {twice[:60]!r} twice in one object; keep one of them.")
    return found


def _integer(written: str) -> int:
    if len(written) > 17 or abs(int(written)) > _LARGEST_INTEGER:
        raise _Unfit(f"holds the number {written[:40]}, which is beyond 2^53 - 1; write it as text.")
    return int(written)


def _number(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise _Unfit(f"holds the number {written[:40]}, which is too large; write it as text.")
    return number


def _refuse(written: str) -> NoReturn:
    raise _Unfit(f"holds {written}, which is not JSON; leave the value out or write null.")


def _check(value: object, levels: int) -> None:
    if isinstance(value, str):
        if _REFUSED.search(value):
            raise _Unfit("holds a NUL character or half a character, which cannot be stored.")
    elif isinstance(value, dict | list):
        if levels == 0:
            raise _Unfit(f"is nested more than {DEPTH} levels deep.")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(item, levels - 1)
