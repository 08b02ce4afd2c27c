"""How models, versions, datasets and environments look in requests and answers. Never writes anything."""

from typing import Any

from rest_framework import serializers

from audits.serializers.strict import DigestField, ObjectField, StrictSerializer
from registry.models import DatasetVersion, Environment, Intake, ModelVersion, RegisteredModel, RiskTier
from registry.models.inventory import name_validator
from registry.services.intakes import MEDIA_TYPES

REASON = "Why; it goes beside the trail."


class ModelView(serializers.ModelSerializer[RegisteredModel]):
    """A model in the inventory."""

    owner = serializers.CharField(source="owner.username", read_only=True)
    owner_name = serializers.CharField(source="owner.name", read_only=True)

    class Meta:
        model = RegisteredModel
        fields = [
            "id", "name", "title", "owner", "owner_name", "business_unit", "intended_purpose", "risk_tier",
            "registered_at", "retired_at",
        ]  # fmt: skip
        read_only_fields = fields


class ModelRegistration(StrictSerializer):
    """A model to be registered. The owner is whoever registers it, unless another account is named."""

    name = serializers.CharField(max_length=100)
    title = serializers.CharField(max_length=200, required=False, default="")
    owner = serializers.CharField(max_length=150, required=False, help_text="User name of an account.")
    business_unit = serializers.CharField(max_length=200)
    intended_purpose = serializers.CharField(max_length=10_000)
    risk_tier = serializers.ChoiceField(RiskTier.choices)
    reason = serializers.CharField(max_length=2000, required=False, default="", help_text=REASON)


class DatasetReference(StrictSerializer):
    """A dataset version by name and number."""

    name = serializers.CharField(max_length=100)
    number = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class VersionView(serializers.ModelSerializer[ModelVersion]):
    """A version, immutable since its registration."""

    model = serializers.CharField(source="model.name", read_only=True)
    training_data = DatasetReference(read_only=True, allow_null=True)
    registered_by = serializers.CharField(source="registered_by.username", read_only=True)
    parameters = ObjectField(read_only=True)
    metrics = ObjectField(read_only=True)
    packages = ObjectField(read_only=True)

    class Meta:
        model = ModelVersion
        fields = [
            "id", "model", "number", "artifact_digest", "artifact_size", "artifact_format", "artifact_name",
            "framework", "framework_version", "parameters", "metrics", "packages", "training_data", "source_commit",
            "notes", "registered_by", "registered_at",
        ]  # fmt: skip
        read_only_fields = fields


class VersionMetadata(StrictSerializer):
    """What the registrant states beside the artifact."""

    artifact_format = serializers.CharField(max_length=32)
    framework = serializers.CharField(max_length=100)
    framework_version = serializers.CharField(max_length=50, required=False, default="")
    parameters = ObjectField(required=False, default=dict)
    metrics = ObjectField(required=False, default=dict)
    packages = ObjectField(required=False, default=dict)
    training_data = DatasetReference(required=False, allow_null=True, default=None)
    source_commit = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    notes = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="", help_text=REASON)

    def validate_packages(self, value: dict[str, Any]) -> dict[str, Any]:
        if not all(isinstance(version, str) for version in value.values()):
            raise serializers.ValidationError('Write each package\'s version as text, as in {"scikit-learn": "1.9.1"}.')
        return value


class VersionUpload(StrictSerializer):
    """multipart/form-data: the artifact, its metadata as JSON text, and optionally its SHA-256."""

    artifact = serializers.FileField(allow_empty_file=False)
    metadata = VersionMetadata()
    sha256 = DigestField(required=False)


class DatasetView(serializers.ModelSerializer[DatasetVersion]):
    """A dataset version, immutable since its registration."""

    columns = serializers.ListField(child=ObjectField(), read_only=True)
    sensitive_columns = serializers.ListField(child=serializers.CharField(), read_only=True)
    registered_by = serializers.CharField(source="registered_by.username", read_only=True)

    class Meta:
        model = DatasetVersion
        fields = [
            "id", "name", "number", "digest", "size", "media_type", "file_name", "row_count", "columns",
            "sensitive_columns", "target_column", "source", "registered_by", "registered_at",
        ]  # fmt: skip
        read_only_fields = fields


class DatasetMetadata(StrictSerializer):
    """What the sender states beside the table."""

    name = serializers.CharField(max_length=100, validators=[name_validator])
    source = serializers.CharField(  # type: ignore[assignment] # DRF has an attribute of that name; fields shadow it.
        max_length=500, help_text="Where the rows come from."
    )
    media_type = serializers.ChoiceField(
        sorted(MEDIA_TYPES), required=False, help_text="By default, by the file's name."
    )
    sensitive_columns = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=100
    )
    target_column = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="", help_text=REASON)


class DatasetUpload(StrictSerializer):
    """multipart/form-data: the table (CSV in UTF-8, or Parquet), its metadata as JSON text, optionally its SHA-256."""

    file = serializers.FileField(allow_empty_file=False)
    metadata = DatasetMetadata()
    sha256 = DigestField(required=False)


class IntakeView(serializers.ModelSerializer[Intake]):
    """An upload: queued, succeeded (then ``result`` says what it became) or failed (``problem`` says why)."""

    result_url = serializers.SerializerMethodField()

    class Meta:
        model = Intake
        fields = [
            "id", "purpose", "digest", "size", "media_type", "file_name", "status", "problem", "result", "result_url",
            "requested_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_result_url(self, intake: Intake) -> str:
        kind, _, key = intake.result.partition(":")
        if kind != "registry.datasetversion":
            return ""
        dataset = DatasetVersion.objects.get(pk=key)
        return f"/api/v1/datasets/{dataset.name}/versions/{dataset.number}"


class EnvironmentView(serializers.ModelSerializer[Environment]):
    class Meta:
        model = Environment
        fields = ["name", "title", "rank"]
        read_only_fields = fields
