"""Assessments of versions and the evidence that they yield. Measuring happens in a worker, never here."""

from typing import ClassVar
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.as_of import AS_OF, LooksBack
from audits.api.views import GuardedView, receipt, written
from audits.artifacts import store
from audits.models import Evidence
from registry.models import Assessment
from registry.serializers.operations import AssessmentRequest, AssessmentView, EvidenceView
from registry.services.assessments import SUBJECT_KIND, request_assessment
from registry.services.inventory import find_dataset, find_version
from registry.services.past import assessments_as_of, version_as_of

ASSESSMENTS = Assessment.objects.select_related("version__model", "dataset", "requested_by")


class Assessments(LooksBack):
    serializer_class = AssessmentView
    needs: ClassVar = {"GET": "registry.view", "POST": "registry.run_assessment"}

    @extend_schema(operation_id="list_assessments", parameters=[AS_OF], responses=AssessmentView(many=True))
    def get(self, request: Request, name: str, number: int) -> Response:
        """List the assessments of a version, newest first."""
        moment = self.moment()
        if moment is not None:
            then = version_as_of(moment, model=name, number=number)
            return self.past_page(moment, assessments_as_of(moment, versions=[then.pk]), AssessmentView)
        version = find_version(model=name, number=number)
        return self.page(ASSESSMENTS.filter(version=version), AssessmentView)

    @extend_schema(operation_id="request_assessment", request=AssessmentRequest, responses={202: AssessmentView})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Have a version measured; a worker does it."""
        version = find_version(model=name, number=number)
        asked = AssessmentRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = dict(asked.validated_data)
        dataset = find_dataset(**fields.pop("dataset"))
        with receipt() as done:
            assessment = request_assessment(actor=self.actor, version=version, dataset=dataset, **fields)
        location = f"/api/v1/assessments/{assessment.pk}"
        return written(AssessmentView(assessment), done, status=202, location=location)


class AssessmentStatus(LooksBack):
    serializer_class = AssessmentView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_assessment", parameters=[AS_OF])
    def get(self, request: Request, pk: UUID) -> Response:
        """Show how far an assessment is."""
        moment = self.moment()
        if moment is not None:
            row = next(iter(assessments_as_of(moment, pk=pk)), None)
            return self.past_row(moment, row, AssessmentView, called=f"assessment {pk}")
        assessment = ASSESSMENTS.filter(pk=pk).first()
        if assessment is None:
            raise Http404(f"There is no assessment {pk}.")
        return Response(AssessmentView(assessment).data)


class EvidenceOfVersion(GuardedView):
    serializer_class = EvidenceView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="list_evidence", responses=EvidenceView(many=True))
    def get(self, request: Request, name: str, number: int) -> Response:
        """List all evidence about a version, newest first."""
        version = find_version(model=name, number=number)
        rows = Evidence.objects.filter(subject_kind=SUBJECT_KIND, subject_id=str(version.pk))
        return self.page(rows.order_by("-measured_at", "id"), EvidenceView)


class EvidenceByDigest(GuardedView):
    serializer_class = EvidenceView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_evidence")
    def get(self, request: Request, digest: str) -> Response:
        """Show one piece of evidence."""
        return Response(EvidenceView(_evidence(digest)).data)


class EvidenceRecord(GuardedView):
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_evidence_record", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, digest: str) -> HttpResponse:
        """The record itself, byte for byte as it was stored."""
        return HttpResponse(store.read(_evidence(digest).record_digest), content_type="application/json")


class EvidenceFigure(GuardedView):
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_evidence_figure", responses={(200, "image/svg+xml"): OpenApiTypes.STR})
    def get(self, request: Request, digest: str, figure: str) -> HttpResponse:
        """One figure of the record, as SVG."""
        known = {entry["name"]: entry["sha256"] for entry in _evidence(digest).figures}
        if figure not in known:
            raise Http404(f"This evidence has no such figure. It has: {', '.join(known) or 'none'}.")
        response = HttpResponse(store.read(known[figure]), content_type="image/svg+xml")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return response


def _evidence(digest: str) -> Evidence:
    found = Evidence.objects.filter(digest=digest).first()
    if found is None:
        raise Http404(f"There is no evidence {digest[:64]}.")
    return found
