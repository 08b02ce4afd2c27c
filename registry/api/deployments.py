"""Where serving reports what it runs. A report is kept also where it names a digest that nobody registered."""

from typing import ClassVar

from django.http import HttpRequest, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.actors import actor_of_plain
from audits.api.as_of import AS_OF, LooksBack
from audits.api.parsers import read_json
from audits.api.views import by_method, plain, receipt
from registry.models import Deployment
from registry.serializers.operations import DeploymentReport, DeploymentView
from registry.services.operations import find_environment, report_deployment
from registry.services.past import deployments_as_of

PERMISSION = "registry.report_deployment"


class Deployments(LooksBack):
    serializer_class = DeploymentView
    queryset = Deployment.objects.select_related("environment", "version__model", "reported_by")
    needs: ClassVar = {"GET": "registry.view", "POST": PERMISSION}

    @extend_schema(operation_id="list_deployments", parameters=[AS_OF], responses=DeploymentView(many=True))
    def get(self, request: Request) -> Response:
        """List what serving reported, newest first."""
        moment = self.moment()
        if moment is not None:
            return self.past_page(moment, deployments_as_of(moment), DeploymentView)
        return self.page(self.get_queryset(), DeploymentView)

    @extend_schema(operation_id="report_deployment", request=DeploymentReport, responses={201: DeploymentView})
    def post(self, request: Request) -> Response:
        """Report that an artifact runs, or stopped running, in an environment."""
        raise NotImplementedError  # Described here; report() below answers.


@plain
def report(request: HttpRequest) -> JsonResponse:
    """Serving's hook: a plain view."""
    actor = actor_of_plain(request)
    actor.require(PERMISSION)
    asked = DeploymentReport(data=read_json(request))
    asked.is_valid(raise_exception=True)
    fields = dict(asked.validated_data)
    environment = find_environment(fields.pop("environment"))
    decision = fields.pop("decision")
    with receipt() as done:
        deployment = report_deployment(actor=actor, environment=environment, decision=str(decision or ""), **fields)
    return JsonResponse({**DeploymentView(deployment).data, "receipt": done.id}, status=201)


deployments = by_method(Deployments, get=Deployments.as_view(), post=report)
