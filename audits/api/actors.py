"""Who makes an API request: the account behind it, narrowed by the scopes of its token. Never decides who may enter."""

from typing import Protocol, cast

from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from audits.models import User
from audits.trail import Actor


class Token(Protocol):
    """What proved the request: its scopes narrow what the account may do."""

    scopes: list[str]


def actor_of(request: Request) -> Actor:
    """The actor of an authenticated API request. Raises NotAuthenticated."""
    account, token = request.user, cast("Token | None", request.auth)
    if token is None or not isinstance(account, User):
        raise NotAuthenticated("Send the header: Authorization: Bearer <token>.")
    return Actor.person(account, via="api", scopes=frozenset(token.scopes))


def actor_of_plain(request: HttpRequest) -> Actor:
    """The same for a plain Django view, by the authentication that the settings name."""
    ways = [way() for way in APIView.authentication_classes]
    return actor_of(Request(request, authenticators=ways))
