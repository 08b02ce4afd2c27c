"""Errors as problem+json (RFC 9457): one shape for every address of the API. Never a stack trace."""

from typing import Any

from django.http import JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from audits.errors import DomainError

CONTENT_TYPE = "application/problem+json"


def problem(status: int, code: str, detail: str, **more: object) -> JsonResponse:
    """The answer of a plain Django view."""
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: domain errors, validation errors and HTTP errors in the same shape."""
    if isinstance(error, DomainError):
        body = {"type": "about:blank", "status": error.status, "code": error.code, "detail": error.message}
        return Response(body, status=error.status, content_type=CONTENT_TYPE)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        detail, more = "The request's fields are not right; see errors.", {"errors": response.data}
    else:
        detail, more = str(getattr(error, "detail", error)), {}
    code = getattr(error, "default_code", "error")
    response.data = {"type": "about:blank", "status": response.status_code, "code": code, "detail": detail, **more}
    response.content_type = CONTENT_TYPE
    return response
