"""Errors as problem+json (RFC 9457): one shape for every address of the API. Never a stack trace."""

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from audits.errors import DomainError

CONTENT_TYPE = "application/problem+json"
DATABASE_DOWN = (
    "The database cannot be reached or does not answer; nothing was written. Ask again in a moment; if it lasts, "
    "the operator checks that PostgreSQL runs and that DATABASE_URL leads to it."
)
logger = logging.getLogger(__name__)


def problem(status: int, code: str, detail: str, **more: object) -> JsonResponse:
    """The answer of a plain Django view."""
    body = _body(status, code, detail, **more)
    return JsonResponse(body, status=status, headers=_headers(status), content_type=CONTENT_TYPE)


def problem_of(error: Exception, **more: object) -> JsonResponse:
    """The answer to whatever went wrong in a plain Django view; what nobody foresaw is logged."""
    status, code, detail, extra = _understood(error)
    return problem(status, code, detail, **{**extra, **more})


def problem_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every error in the same shape."""
    status, code, detail, extra = _understood(error)
    standard = exception_handler(error, context)  # For its headers, and to mark the transaction.
    headers = dict(standard.headers) if standard is not None else {}
    headers.pop("Content-Type", None)
    headers.update(_headers(status))
    return Response(_body(status, code, detail, **extra), status=status, headers=headers, content_type=CONTENT_TYPE)


@csrf_exempt
def no_such_address(request: HttpRequest, path: str = "") -> JsonResponse:
    """The answer for addresses under /api/ that lead nowhere."""
    return problem(404, "no_such_address", "There is nothing at this address; /api/schema/ lists what there is.")


def _headers(status: int) -> dict[str, str]:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": 'Bearer realm="countersign"'}
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return {"Retry-After": "5"}
    return {}


def _body(status: int, code: str, detail: str, **more: object) -> dict[str, object]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, **more}


def _understood(error: Exception) -> tuple[int, str, str, dict[str, object]]:
    match error:
        case DomainError():
            return error.status, error.code, error.message, {}
        case exceptions.ValidationError():
            detail = "The request's fields are not right; see errors. Nothing was written."
            return 400, "invalid_fields", detail, {"errors": error.detail}
        case exceptions.APIException():
            return error.status_code, error.default_code, str(error.detail), {}
        case RequestDataTooBig():
            return 413, "too_large", "The request's fields are larger than is taken here. Nothing was kept.", {}
        case SuspiciousOperation():
            detail = "The request has more fields or files than are taken here, or is malformed. Nothing was kept."
            return 400, "bad_request", detail, {}
        case DataError():
            return 400, "bad_value", "A value in the request cannot be stored or looked up; nothing was written.", {}
        case IntegrityError():
            return 409, "conflict", "This conflicts with what is recorded already; nothing was written.", {}
        case DatabaseError() | InterfaceError():
            logger.error("The database failed: %s", error)
            return 503, "database_unavailable", DATABASE_DOWN, {}
    standard = exception_handler(error, {})
    if standard is not None:  # Django's own 403 and 404.
        return standard.status_code, "not_found" if standard.status_code == 404 else "not_permitted", str(error), {}
    logger.error("An error that nobody foresaw", exc_info=error)
    detail = "Something went wrong that nobody foresaw; nothing was written. The operator finds it in the log."
    return 500, "unforeseen", detail, {}
