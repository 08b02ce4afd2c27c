"""Tokens of API clients: issuing and revoking. A secret is in one answer, once, and nowhere else."""

from typing import ClassVar
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.views import GuardedView, receipt, written
from audits.errors import NotFound
from audits.models import User
from governance.models import ApiToken
from governance.serializers.decisions import IssuedTokenView, Revocation, TokenRequest, TokenView
from governance.services.tokens import issue_token, revoke_token

TOKENS = ApiToken.objects.select_related("account")


class Tokens(GuardedView):
    serializer_class = TokenView
    needs: ClassVar = {"GET": "governance.manage_tokens", "POST": "governance.manage_tokens"}

    @extend_schema(operation_id="list_tokens", responses=TokenView(many=True))
    def get(self, request: Request) -> Response:
        """List the tokens, newest first."""
        return self.page(TOKENS.all(), TokenView)

    @extend_schema(operation_id="issue_token", request=TokenRequest, responses={201: IssuedTokenView})
    def post(self, request: Request) -> Response:
        """Issue a token for an account, narrowed to scopes that its roles have."""
        asked = TokenRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = dict(asked.validated_data)
        username = fields.pop("account")
        account = User.objects.filter(username=username, is_active=True).first()
        if account is None:
            raise NotFound(f"There is no active account {username!r}.")
        with receipt() as done:
            issued = issue_token(actor=self.actor, account=account, **fields)
        issued.token.secret = issued.secret  # type: ignore[attr-defined] # For this one answer.
        response = written(IssuedTokenView(issued.token), done)
        response.headers["Cache-Control"] = "no-store"
        return response


class TokenRevocation(GuardedView):
    serializer_class = TokenView
    needs: ClassVar = {"POST": "governance.manage_tokens"}

    @extend_schema(operation_id="revoke_token", request=Revocation, responses={200: TokenView})
    def post(self, request: Request, pk: UUID) -> Response:
        """Revoke a token from now on."""
        token = TOKENS.filter(pk=pk).first()
        if token is None:
            raise Http404(f"There is no token {pk}.")
        asked = Revocation(data=request.data)
        asked.is_valid(raise_exception=True)
        with receipt() as done:
            revoke_token(actor=self.actor, token=token, **asked.validated_data)
        token.refresh_from_db()
        return written(TokenView(token), done, status=200)
