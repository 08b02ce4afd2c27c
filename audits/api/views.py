"""What every view of the API has: a permission for each method, an actor, and receipts of what it did.

A view checks the permission before it reads the body; the service that it calls checks again, and only that counts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework import generics
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from audits.api.actors import actor_of
from audits.api.parsers import announced_length, refuse_nul
from audits.api.problems import problem, problem_of
from audits.errors import DomainError
from audits.trail import Act, Actor, receipts

PlainView = Callable[..., HttpResponseBase]


# No body is ever longer; each parser has its own limit below it.
LARGEST_BODY = 2**50


class AnswersAsItDoes(BaseContentNegotiation):
    """Each address has one form of answer, whatever the request's Accept header says."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class GuardedView(generics.GenericAPIView[Any]):
    """``needs`` names the permission that each method takes, or several of which one is enough."""

    http_method_names = ["get", "head", "post", "put"]
    content_negotiation_class = AnswersAsItDoes
    needs: ClassVar[Mapping[str, str | tuple[str, ...]]] = {}
    looks_back: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method not in self.needs:
            self.http_method_not_allowed(request)
        needed, actor = self.needs[method], actor_of(request)
        enough = (needed,) if isinstance(needed, str) else needed
        if not any(actor.may(permission) for permission in enough):
            actor.require(enough[0])
        refuse_nul(request)
        if "as_of" in request.query_params and not (self.looks_back and method == "GET"):
            raise DomainError("This address answers about the present only: leave as_of out.", code="no_such_moment")
        if method != "GET":
            announced_length(request._request, limit=LARGEST_BODY)

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def page(self, rows: Any, serializer: type[BaseSerializer[Any]]) -> Response:
        """One page of rows, serialized."""
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(found, many=True).data)


class Receipt:
    """The receipt of what a service did while this was open: the id of its act, None where nothing changed."""

    def __init__(self, acts: list[Act]) -> None:
        self._acts = acts

    @property
    def id(self) -> str | None:
        return str(self._acts[-1].id) if self._acts else None


@contextmanager
def receipt() -> Iterator[Receipt]:
    with receipts() as acts:
        yield Receipt(acts)


def written(serializer: BaseSerializer[Any], done: Receipt, *, status: int = 201, location: str = "") -> Response:
    """The answer to a request that wrote something."""
    headers = {"Location": location} if location else {}
    return Response({**serializer.data, "receipt": done.id}, status=status, headers=headers)


def plain(view: PlainView) -> PlainView:
    """A view without DRF's cost: no cookies, no forms, and problem+json for whatever goes wrong."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - problem_of logs what nobody foresaw
            return problem_of(error)

    return csrf_exempt(answer)


def by_method(described: type[APIView], **views: PlainView) -> PlainView:
    """One address whose methods are answered by different views; ``described`` is what the schema shows of them."""
    methods = {name.upper(): view for name, view in views.items()}
    if "GET" in methods:
        methods["HEAD"] = methods["GET"]

    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        view = methods.get(str(request.method))
        if view is None:
            allowed = ", ".join(sorted(methods))
            response = problem(405, "method_not_allowed", f"This address takes {allowed}.")
            response.headers["Allow"] = allowed
            return response
        return view(request, *args, **kwargs)

    answer.cls = described  # type: ignore[attr-defined] # How the schema finds out what is described.
    answer.initkwargs = {}  # type: ignore[attr-defined]
    return csrf_exempt(answer)
