"""Dossiers and proof bundles: a worker prints, downloads are acts. The web process prints nothing."""

from typing import ClassVar
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.views import GuardedView, receipt, written
from governance.models import Dossier, DossierOrder
from governance.serializers.review import DossierOrderView, DossierRequest, DossierView
from governance.services.bundles import export_bundle
from governance.services.dossier_orders import download_dossier, order_dossier
from registry.services.inventory import find_version
from registry.services.operations import find_environment

DOSSIERS = Dossier.objects.select_related("version__model", "environment", "printed_by")


class Dossiers(GuardedView):
    serializer_class = DossierView
    needs: ClassVar = {"GET": "governance.view", "POST": "governance.export_dossier"}

    @extend_schema(operation_id="list_dossiers", responses=DossierView(many=True))
    def get(self, request: Request, name: str, number: int) -> Response:
        """List the printed dossiers of a version, newest first."""
        return self.page(DOSSIERS.filter(version=find_version(model=name, number=number)), DossierView)

    @extend_schema(operation_id="order_dossier", request=DossierRequest, responses={202: DossierOrderView})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Order a dossier; a worker prints it."""
        version = find_version(model=name, number=number)
        asked = DossierRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        environment = find_environment(asked.validated_data["environment"])
        with receipt() as done:
            order = order_dossier(actor=self.actor, version=version, environment=environment)
        return written(DossierOrderView(order), done, status=202, location=f"/api/v1/dossier-orders/{order.pk}")


class OrderStatus(GuardedView):
    serializer_class = DossierOrderView
    needs: ClassVar = {"GET": "governance.view"}

    @extend_schema(operation_id="show_dossier_order")
    def get(self, request: Request, pk: UUID) -> Response:
        """Show how far an order is."""
        order = DossierOrder.objects.select_related("version__model", "environment", "dossier").filter(pk=pk).first()
        if order is None:
            raise Http404(f"There is no order {pk}.")
        return Response(DossierOrderView(order).data)


class DossierById(GuardedView):
    serializer_class = DossierView
    needs: ClassVar = {"GET": "governance.view"}

    @extend_schema(operation_id="show_dossier")
    def get(self, request: Request, pk: UUID) -> Response:
        """Show what a dossier was printed of and when."""
        return Response(DossierView(_dossier(pk)).data)


class DossierPdf(GuardedView):
    needs: ClassVar = {"GET": "governance.export_dossier"}

    @extend_schema(operation_id="download_dossier", responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """Download the PDF; that is an act."""
        dossier = _dossier(pk)
        with receipt() as done:
            data = download_dossier(actor=self.actor, dossier=dossier)
        name = f"dossier-{dossier.version.model.name}-{dossier.version.number}.pdf"
        return _file(data, "application/pdf", name, done.id)


class Bundle(GuardedView):
    needs: ClassVar = {"GET": "audits.export_bundle"}

    @extend_schema(operation_id="export_bundle", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, name: str, number: int) -> HttpResponse:
        """Export the proof bundle of a version, to be checked without us; that is an act."""
        version = find_version(model=name, number=number)
        with receipt() as done:
            data = export_bundle(actor=self.actor, version=version)
        return _file(data, "application/json", f"bundle-{name}-{number}.json", done.id)


def _dossier(pk: UUID) -> Dossier:
    found = DOSSIERS.filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no dossier {pk}.")
    return found


def _file(data: bytes, media_type: str, name: str, receipt_id: str | None) -> HttpResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "Countersign-Receipt": receipt_id or "",
    }
    return HttpResponse(data, content_type=media_type, headers=headers)
