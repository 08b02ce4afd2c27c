"""The gate's short way past the middleware that only pages need. It opens nothing else."""

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase

from audits.api.problems import problem
from governance.api.gate import ask


class GateMiddleware:
    """Answers the gate's address at once: a deployment system has no session, no form and no page to load.

    It stands behind SecurityMiddleware, which redirects to TLS, and checks the host itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and request.path_info == "/api/v1/decisions":
            try:
                request.get_host()
            except DisallowedHost:
                return problem(400, "unknown_host", "This host name is not one of COUNTERSIGN_HOSTS.", allowed=False)
            response = ask(request)
            response.headers["Content-Length"] = str(len(response.content))
            return response
        return self.get_response(request)
