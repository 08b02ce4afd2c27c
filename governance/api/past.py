"""The past across floors: what ran in an environment and who had approved it, and a model with everything about it.

Answers from the trail alone; without ``as_of``, as of its newest entry.
"""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.as_of import AS_OF, LooksBack, rests_on
from audits.trail.moments import now
from governance.serializers.past import ModelThenAnswer, ModelThenView, RunningAnswer, RunningView
from governance.services.past import model_with_everything
from governance.services.running import in_production
from registry.services.operations import find_environment


class RunningInEnvironment(LooksBack):
    serializer_class = RunningAnswer
    pagination_class = None
    needs: ClassVar = {"GET": "governance.view"}

    @extend_schema(operation_id="show_running", parameters=[AS_OF])
    def get(self, request: Request, name: str) -> Response:
        """Which versions ran in an environment, as serving had reported, and who had approved each."""
        moment = self.moment() or now()
        environment = find_environment(name)
        found = in_production(environment.name, moment)
        return Response(
            {
                "environment": environment.name,
                "as_of": rests_on(moment),
                "running": [RunningView(running).data for running in found],
            }
        )


class EverythingAboutModel(LooksBack):
    serializer_class = ModelThenAnswer
    pagination_class = None
    needs: ClassVar = {"GET": "governance.view"}

    @extend_schema(operation_id="show_everything", parameters=[AS_OF])
    def get(self, request: Request, name: str) -> Response:
        """A model with its versions, evidence, answers, signatures, standings and deployments, as of a moment."""
        moment = self.moment() or now()
        found = model_with_everything(name, moment)
        return Response({**ModelThenView(found).data, "as_of": rests_on(moment)})
