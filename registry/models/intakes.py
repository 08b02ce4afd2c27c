"""Uploads that a worker must read before they count: tables for datasets, batches of predictions in Parquet.

The web process keeps the bytes and does not look into them.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from audits.models import Capture, Governed


class IntakePurpose(models.TextChoices):
    DATASET = "dataset", "Dataset"
    PREDICTIONS = "predictions", "Predictions"


class IntakeStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"


class Intake(Governed):
    """One upload on its way: what was sent, as what, and what became of it."""

    capture: ClassVar[Capture] = Capture(personal=frozenset({"details"}), files=frozenset({"digest"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=16, choices=IntakePurpose.choices)
    digest = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="Bytes.")
    media_type = models.CharField(max_length=100)
    file_name = models.CharField(max_length=200)
    details = models.JSONField(help_text="What the sender stated: for a dataset its name, for predictions the version.")
    status = models.CharField(max_length=16, choices=IntakeStatus.choices, default=IntakeStatus.QUEUED)
    problem = models.TextField(blank=True, help_text="Why it was not taken and what to do.")
    result = models.CharField(
        max_length=100, blank=True, help_text="What it became, for example registry.datasetversion:<id>."
    )
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"{self.purpose} from {self.file_name}"
