"""Proof bundles of any selection of the trail. Making one is an act, by GET as by POST."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from audits.api.views import GuardedView, receipt
from audits.serializers.bundles import BundleRequest
from audits.services.bundles import PERMISSION, export_selection
from governance.services.selections import held_in, selection_of


class TrailBundle(GuardedView):
    serializer_class = BundleRequest
    needs: ClassVar = {"GET": PERMISSION, "POST": PERMISSION}

    @extend_schema(operation_id="export_selection", parameters=[BundleRequest], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> HttpResponse:
        """Export the proof bundle of an object, a model, a control or a period; that is an act."""
        return self._export(request.query_params.dict())

    @extend_schema(operation_id="order_selection", request=BundleRequest, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> HttpResponse:
        """The same, where what is asked for should not stand in an address."""
        return self._export(request.data)

    def _export(self, given: object) -> HttpResponse:
        asked = BundleRequest(data=given)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        with receipt() as done:
            data = export_selection(
                actor=self.actor, selection=selection_of(values), reason=values.get("reason", ""), held=held_in(values)
            )
        headers = {
            "Content-Disposition": 'attachment; filename="bundle.json"',
            "Cache-Control": "no-store",
            "Countersign-Receipt": done.id or "",
        }
        return HttpResponse(data, content_type="application/json", headers=headers)
