"""Decisions of the gate to look up, permits to fetch again, standings, policies, and the keys to check with."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.as_of import AS_OF, LooksBack, rests_on
from audits.api.views import GuardedView, by_method, plain
from audits.trail.keys import NoTrailKey, trail_keys
from governance.api.gate import ask
from governance.models import Decision, Policy
from governance.permits.keys import keys_document
from governance.serializers.decisions import (
    DecisionAnswer,
    DecisionDetail,
    DecisionFilter,
    DecisionQuestion,
    DecisionView,
    Envelope,
    PolicyView,
    StandingView,
)
from governance.services.past import standings_as_of
from governance.services.permits import permit_key, permit_of, verifier_id
from registry.services.inventory import find_version
from registry.services.past import version_as_of

READERS = ("governance.view", "governance.request_decision")
DECISIONS = Decision.objects.select_related("version__model", "environment")


class Decisions(GuardedView):
    serializer_class = DecisionView
    needs: ClassVar = {"GET": READERS, "POST": "governance.request_decision"}

    @extend_schema(operation_id="list_decisions", parameters=[DecisionFilter], responses=DecisionView(many=True))
    def get(self, request: Request) -> Response:
        """List decisions, newest first."""
        return self.page(_wanted(request), DecisionView)

    @extend_schema(operation_id="request_decision", request=DecisionQuestion, responses={200: DecisionAnswer})
    def post(self, request: Request) -> Response:
        """Ask the gate whether something may go into an environment. Allow and deny are both 200."""
        raise NotImplementedError  # Described here; governance.api.gate.ask answers.


decisions = by_method(Decisions, get=Decisions.as_view(), post=ask)


class LatestDecision(GuardedView):
    serializer_class = DecisionDetail
    pagination_class = None
    needs: ClassVar = {"GET": READERS}

    @extend_schema(operation_id="show_latest_decision", parameters=[DecisionFilter], responses=DecisionDetail)
    def get(self, request: Request) -> Response:
        """Show the newest decision about a model, a version or an environment."""
        decision = _wanted(request).first()
        if decision is None:
            raise Http404("The gate was never asked about this.")
        return Response(DecisionDetail(decision).data)


class DecisionById(GuardedView):
    serializer_class = DecisionDetail
    needs: ClassVar = {"GET": READERS}

    @extend_schema(operation_id="show_decision")
    def get(self, request: Request, pk: UUID) -> Response:
        """Show one decision, with its permit while that holds."""
        return Response(DecisionDetail(_decision(pk)).data)


class PermitOfDecision(GuardedView):
    serializer_class = Envelope
    needs: ClassVar = {"GET": READERS}

    @extend_schema(operation_id="show_permit")
    def get(self, request: Request, pk: UUID) -> Response:
        """The permit alone, as a verifier takes it: a DSSE envelope."""
        headers = {"Content-Disposition": f'attachment; filename="permit-{pk}.dsse.json"'}
        return Response(permit_of(_decision(pk)), headers=headers)


class StandingOfVersion(LooksBack):
    serializer_class = StandingView
    pagination_class = None
    needs: ClassVar = {"GET": READERS}

    @extend_schema(
        operation_id="show_standing",
        parameters=[OpenApiParameter("environment", str, description="Only in this environment."), AS_OF],
        responses=StandingView(many=True),
    )
    def get(self, request: Request, name: str, number: int) -> Response:
        """Show whether a version may run, environment by environment. This asks no gate and gives no permit.

        With as_of, the answer is an object with the list as ``results``.
        """
        moment = self.moment()
        if moment is not None:
            then = standings_as_of(moment, [version_as_of(moment, model=name, number=number).pk])
            asked = request.query_params.get("environment")
            found = [row for row in then if asked in (None, row.environment.name)]
            return Response({"results": StandingView(found, many=True).data, "as_of": rests_on(moment)})
        rows = find_version(model=name, number=number).standings.select_related("environment", "policy")
        if "environment" in request.query_params:
            rows = rows.filter(environment__name=request.query_params["environment"])
        return Response(StandingView(rows.order_by("environment__rank"), many=True).data)


class PolicyByDigest(GuardedView):
    serializer_class = PolicyView
    needs: ClassVar = {"GET": READERS}

    @extend_schema(operation_id="show_policy")
    def get(self, request: Request, digest: str) -> Response:
        """Show a policy that decisions and permits name by digest."""
        policy = Policy.objects.filter(digest=digest).first()
        if policy is None:
            raise Http404(f"There is no policy with the digest {digest[:64]}.")
        return Response(PolicyView(policy).data)


@plain
def keys(request: HttpRequest) -> JsonResponse:
    """The public keys: of permits as a JSON Web Key Set, of the trail as a note verifier key."""
    document: dict[str, Any] = {**keys_document([permit_key().verifying]), "verifier_id": verifier_id()}
    try:
        trail = trail_keys()
        document["trail"] = {
            "origin": trail.origin,
            "vkey": trail.present.vkey,
            "retired": [{"key": retired.key.vkey, "last": retired.last} for retired in trail.retired],
        }
    except NoTrailKey:
        document["trail"] = None  # This process signs no checkpoints; the operator publishes the key.
    return JsonResponse(document, headers={"Cache-Control": "public, max-age=300"})


def _wanted(request: Request) -> "QuerySet[Decision]":
    asked = DecisionFilter(data=request.query_params.dict())
    asked.is_valid(raise_exception=True)
    columns = {
        "model": "version__model__name",
        "version": "version__number",
        "environment": "environment__name",
        "allowed": "allowed",
    }
    given = asked.validated_data
    return DECISIONS.filter(
        **{column: given[name] for name, column in columns.items() if given.get(name) is not None}
    ).order_by("-decided_at")


def _decision(pk: UUID) -> Decision:
    found = DECISIONS.filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no decision {pk}.")
    return found
