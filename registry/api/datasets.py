"""Datasets, the uploads that become datasets, and environments. The web process never looks into a table."""

from pathlib import PurePath
from typing import ClassVar
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.as_of import AS_OF, LooksBack
from audits.api.parsers import StrictJSONParser, UploadParser
from audits.api.views import GuardedView, receipt, written
from registry.api.uploads import keep_upload, reading_upload
from registry.models import DatasetVersion, Environment, Intake
from registry.serializers.inventory import DatasetUpload, DatasetView, EnvironmentView, IntakeView
from registry.services.intakes import MEDIA_TYPES, receive_dataset
from registry.services.inventory import find_dataset
from registry.services.past import datasets_as_of, environments_as_of


class Datasets(LooksBack):
    """Tables, by name and number."""

    serializer_class = DatasetView
    queryset = DatasetVersion.objects.select_related("registered_by")
    parser_classes = [UploadParser, StrictJSONParser]
    needs: ClassVar = {"GET": "registry.view", "POST": "registry.register_dataset"}

    @extend_schema(operation_id="list_datasets", parameters=[AS_OF], responses=DatasetView(many=True))
    def get(self, request: Request) -> Response:
        """List the dataset versions."""
        moment = self.moment()
        if moment is not None:
            return self.past_page(moment, datasets_as_of(moment), DatasetView)
        return self.page(self.get_queryset(), DatasetView)

    @extend_schema(
        operation_id="send_dataset",
        request={"multipart/form-data": DatasetUpload},
        responses={202: IntakeView},
        description=(
            "Send a table (CSV in UTF-8, or Parquet). The answer is 202 with an intake: a worker reads the table and "
            "registers it; ask for the intake until its status is succeeded (then result_url leads to the dataset) or "
            "failed (then problem says what is wrong with the table). `metadata` is JSON text."
        ),
    )
    def post(self, request: Request) -> Response:
        """Send a table to be registered."""
        stated, file, digest = reading_upload(request, DatasetUpload, "file")
        media_type = stated.pop("media_type", None) or _media_type(str(file.name))
        with receipt() as done:
            intake = receive_dataset(
                actor=self.actor,
                content=keep_upload(file, digest),
                file_name=str(file.name),
                media_type=media_type,
                **stated,
            )
        return written(IntakeView(intake), done, status=202, location=f"/api/v1/intakes/{intake.pk}")


class Dataset(LooksBack):
    serializer_class = DatasetView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_dataset", parameters=[AS_OF])
    def get(self, request: Request, name: str, number: int) -> Response:
        """Show one dataset version with its columns."""
        moment = self.moment()
        if moment is not None:
            row = next(iter(datasets_as_of(moment, name=name, number=number)), None)
            return self.past_row(moment, row, DatasetView, called=f"version {number} of dataset {name}")
        return Response(DatasetView(find_dataset(name=name, number=number)).data)


class IntakeStatus(GuardedView):
    serializer_class = IntakeView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_intake")
    def get(self, request: Request, pk: UUID) -> Response:
        """Show how far an upload is."""
        intake = Intake.objects.filter(pk=pk).first()
        if intake is None:
            raise Http404(f"There is no intake {pk}.")
        return Response(IntakeView(intake).data)


class Environments(LooksBack):
    """Where versions run, in order towards production."""

    serializer_class = EnvironmentView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="list_environments", parameters=[AS_OF], responses=EnvironmentView(many=True))
    def get(self, request: Request) -> Response:
        """List the environments."""
        moment = self.moment()
        if moment is not None:
            return self.past_page(moment, environments_as_of(moment), EnvironmentView)
        return self.page(Environment.objects.all(), EnvironmentView)


def _media_type(file_name: str) -> str:
    suffix = PurePath(file_name).suffix.lower()
    for media_type, known in MEDIA_TYPES.items():
        if suffix == known:
            return media_type
    raise serializers.ValidationError(
        {"metadata": {"media_type": [f"Say what {file_name[:80]!r} is: one of {', '.join(MEDIA_TYPES)}."]}}
    )
