"""What happens to versions: assessments, deployments, batches of predictions.

Serving and monitoring report these; a report is kept as it came, also where it names something unknown.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from audits.models import Capture, Governed
from registry.models.inventory import DatasetVersion, Environment, ModelVersion


class AssessmentStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"


class Assessment(Governed):
    """One run of measurements over a version and a dataset, done by a worker. Its outcome is evidence."""

    capture: ClassVar[Capture] = Capture()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="assessments")
    dataset = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="assessments")
    measurements = models.JSONField(help_text="Which measurements, for example performance and fairness.")
    parameters = models.JSONField(blank=True, default=dict)
    status = models.CharField(max_length=16, choices=AssessmentStatus.choices, default=AssessmentStatus.QUEUED)
    problem = models.TextField(blank=True, help_text="Why it failed and what to do.")
    evidence = models.JSONField(blank=True, default=list, help_text="Digests of the evidence it yielded.")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"assessment of {self.version} on {self.dataset}"


class Deployment(Governed):
    """What serving says it runs: a digest, in an environment, since when."""

    capture: ClassVar[Capture] = Capture(append_only=True)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="deployments")
    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, blank=True, related_name="deployments")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what runs, as serving reports it.")
    recognized = models.BooleanField(help_text="Whether the digest is that of a registered version.")
    status = models.CharField(max_length=16, help_text="deployed or stopped")
    reference = models.CharField(max_length=200, blank=True, help_text="Serving's own name for it.")
    decision = models.CharField(max_length=36, blank=True, help_text="The decision it was deployed under.")
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["-reported_at"]

    def __str__(self) -> str:
        return f"{self.status} in {self.environment}: {self.version or self.digest[:12]}"


class PredictionBatch(Governed):
    """A batch of predictions, with outcomes where they are known, kept by digest."""

    capture: ClassVar[Capture] = Capture(append_only=True, files=frozenset({"digest"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="prediction_batches")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="prediction_batches")
    digest = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="Bytes.")
    media_type = models.CharField(max_length=100)
    rows = models.BigIntegerField()
    rows_with_outcome = models.BigIntegerField()
    columns = models.JSONField(blank=True, default=list)
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["-reported_at"]
        verbose_name_plural = "prediction batches"

    def __str__(self) -> str:
        return f"{self.rows} predictions of {self.version}"
