"""How assessments, evidence, deployments and predictions look in requests and answers. Never writes anything."""

from rest_framework import serializers

from audits.models import Evidence
from audits.serializers.strict import DigestField, ObjectField, StrictSerializer
from registry.models import Assessment, Deployment, PredictionBatch
from registry.serializers.inventory import REASON, DatasetReference
from registry.services.assessments import MEASUREMENTS
from registry.services.operations import STATUSES


class AssessmentView(serializers.ModelSerializer[Assessment]):
    """A run of measurements: queued, running, succeeded (then ``evidence`` has digests) or failed (``problem``)."""

    model = serializers.CharField(source="version.model.name", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    dataset = DatasetReference(read_only=True)
    measurements = serializers.ListField(child=serializers.CharField(), read_only=True)
    parameters = ObjectField(read_only=True)
    evidence = serializers.ListField(child=serializers.CharField(), read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)

    class Meta:
        model = Assessment
        fields = [
            "id", "model", "version", "dataset", "measurements", "parameters", "status", "problem", "evidence",
            "requested_by", "requested_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class AssessmentRequest(StrictSerializer):
    """What is to be measured, on which table."""

    dataset = DatasetReference()
    measurements = serializers.ListField(
        child=serializers.ChoiceField(MEASUREMENTS), allow_empty=False, max_length=len(MEASUREMENTS)
    )
    parameters = ObjectField(
        required=False, default=dict, help_text="For example task, positive, target, threshold, seed."
    )
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="", help_text=REASON)


class FigureView(serializers.Serializer[dict[str, str]]):
    name = serializers.CharField()
    title = serializers.CharField()
    alt = serializers.CharField()
    sha256 = serializers.CharField()


class EvidenceView(serializers.ModelSerializer[Evidence]):
    """A frozen record of one measurement; the record itself is at ``…/record``."""

    results = ObjectField(read_only=True)
    flags = serializers.JSONField(read_only=True)
    figures = FigureView(many=True, read_only=True)

    class Meta:
        model = Evidence
        fields = [
            "digest", "record_digest", "measurement", "title", "subject_kind", "subject_id", "subject_digest",
            "dataset_digest", "origin", "results", "flags", "figures", "measured_at",
        ]  # fmt: skip
        read_only_fields = fields


class DeploymentView(serializers.ModelSerializer[Deployment]):
    """What serving reported; ``recognized`` says whether the digest is that of a registered version."""

    environment = serializers.CharField(source="environment.name", read_only=True)
    model = serializers.CharField(source="version.model.name", read_only=True, default=None, allow_null=True)
    version = serializers.IntegerField(source="version.number", read_only=True, default=None, allow_null=True)
    reported_by = serializers.CharField(source="reported_by.username", read_only=True)

    class Meta:
        model = Deployment
        fields = [
            "id", "environment", "model", "version", "digest", "recognized", "status", "reference", "decision",
            "reported_by", "reported_at",
        ]  # fmt: skip
        read_only_fields = fields


class DeploymentReport(StrictSerializer):
    """Serving runs, or stopped running, the artifact with this digest."""

    environment = serializers.CharField(max_length=50)
    digest = DigestField()
    status = serializers.ChoiceField(STATUSES, required=False, default="deployed")
    reference = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    decision = serializers.UUIDField(required=False, allow_null=True, default=None)


class PredictionBatchView(serializers.ModelSerializer[PredictionBatch]):
    """A batch of predictions, kept by its digest."""

    model = serializers.CharField(source="version.model.name", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    environment = serializers.CharField(source="environment.name", read_only=True)
    columns = serializers.ListField(child=serializers.CharField(), read_only=True)
    reported_by = serializers.CharField(source="reported_by.username", read_only=True)

    class Meta:
        model = PredictionBatch
        fields = [
            "id", "model", "version", "environment", "digest", "size", "media_type", "rows", "rows_with_outcome",
            "columns", "reported_by", "reported_at",
        ]  # fmt: skip
        read_only_fields = fields


class PredictionLine(serializers.Serializer[dict[str, object]]):
    """One line of application/x-ndjson; other fields are kept as they are."""

    prediction = serializers.JSONField()
    outcome = serializers.JSONField(required=False, allow_null=True)
