"""API clients prove themselves with a bearer token; the token's scopes narrow what its account may do."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from audits.models import User
from governance.models import ApiToken
from governance.services.tokens import find_token


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer cs_…``"""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Send the header as: Authorization: Bearer <token>.")
        token = find_token(parts[1].decode("ascii", "replace"))
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked. Ask for a new one.")
        return token.account, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="countersign"'


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "governance.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
