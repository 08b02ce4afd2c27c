"""Registered models and their versions. A version's artifact is streamed to the content store, never held in memory."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.as_of import AS_OF, LooksBack
from audits.api.parsers import StrictJSONParser, UploadParser
from audits.api.views import receipt, written
from audits.errors import NotFound
from audits.models import User
from registry.api.uploads import keep_upload, reading_upload
from registry.models import ModelVersion, RegisteredModel
from registry.serializers.inventory import (
    ModelRegistration,
    ModelView,
    VersionUpload,
    VersionView,
)
from registry.services.inventory import (
    Lineage,
    find_dataset,
    find_model,
    find_version,
    register_model,
    register_version,
)
from registry.services.past import model_as_of, models_as_of, version_as_of, versions_as_of

VERSIONS = ModelVersion.objects.select_related("model", "training_data", "registered_by")


class Models(LooksBack):
    """The inventory."""

    serializer_class = ModelView
    queryset = RegisteredModel.objects.select_related("owner")
    needs: ClassVar = {"GET": "registry.view", "POST": "registry.register_model"}

    @extend_schema(operation_id="list_models", parameters=[AS_OF], responses=ModelView(many=True))
    def get(self, request: Request) -> Response:
        """List the registered models."""
        moment = self.moment()
        if moment is not None:
            return self.past_page(moment, models_as_of(moment), ModelView)
        return self.page(self.get_queryset(), ModelView)

    @extend_schema(operation_id="register_model", request=ModelRegistration, responses={201: ModelView})
    def post(self, request: Request) -> Response:
        """Register a model."""
        asked = ModelRegistration(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = dict(asked.validated_data)
        with receipt() as done:
            model = register_model(actor=self.actor, owner=_owner(request, fields.pop("owner", None)), **fields)
        return written(ModelView(model), done, location=f"/api/v1/models/{model.name}")


class Model(LooksBack):
    serializer_class = ModelView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_model", parameters=[AS_OF])
    def get(self, request: Request, name: str) -> Response:
        """Show one model."""
        moment = self.moment()
        if moment is not None:
            return self.past_row(moment, model_as_of(moment, name), ModelView, called=f"model {name!r}")
        return Response(ModelView(find_model(name)).data)


class Versions(LooksBack):
    serializer_class = VersionView
    parser_classes = [UploadParser, StrictJSONParser]
    needs: ClassVar = {"GET": "registry.view", "POST": "registry.register_version"}

    @extend_schema(operation_id="list_versions", parameters=[AS_OF], responses=VersionView(many=True))
    def get(self, request: Request, name: str) -> Response:
        """List the versions of a model, newest first."""
        moment = self.moment()
        if moment is not None:
            return self.past_page(moment, versions_as_of(moment, model=name), VersionView)
        return self.page(VERSIONS.filter(model=find_model(name)).order_by("-number"), VersionView)

    @extend_schema(
        operation_id="register_version",
        request={"multipart/form-data": VersionUpload},
        responses={201: VersionView},
        description=(
            "Register a version with its artifact. `metadata` is JSON text with the fields of VersionMetadata "
            "(artifact_format and framework at least). Announce the artifact's SHA-256 in `sha256` or in the header "
            "X-Content-SHA256, and an upload that comes out different is refused."
        ),
    )
    def post(self, request: Request, name: str) -> Response:
        """Register a version with its artifact."""
        model = find_model(name)
        stated, file, digest = reading_upload(request, VersionUpload, "artifact")
        data = stated.pop("training_data")
        training_data = find_dataset(**data) if data else None
        artifact_format, reason = stated.pop("artifact_format"), stated.pop("reason")
        lineage = Lineage(**stated)
        with receipt() as done:
            version = register_version(
                actor=self.actor,
                model=model,
                artifact=keep_upload(file, digest),
                artifact_name=str(file.name),
                artifact_format=artifact_format,
                lineage=lineage,
                training_data=training_data,
                reason=reason,
            )
        return written(VersionView(version), done, location=f"/api/v1/models/{name}/versions/{version.number}")


class Version(LooksBack):
    serializer_class = VersionView
    needs: ClassVar = {"GET": "registry.view"}

    @extend_schema(operation_id="show_version", parameters=[AS_OF])
    def get(self, request: Request, name: str, number: int) -> Response:
        """Show one version."""
        moment = self.moment()
        if moment is not None:
            row = version_as_of(moment, model=name, number=number)
            return self.past_row(moment, row, VersionView, called=f"version {number} of {name}")
        return Response(VersionView(find_version(model=name, number=number)).data)


def _owner(request: Request, username: str | None) -> User:
    if username is None and isinstance(request.user, User):
        return request.user
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise NotFound(f"There is no account {username!r} that could own the model.")
    return found
