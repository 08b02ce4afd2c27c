"""What exists: registered models, their versions, datasets, environments.

A version and a dataset are immutable once registered: the database refuses to update or delete them. Whether a version
may run is not a field here; it follows from evidence and approvals, one floor up.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from audits.models import Capture, Governed

name_validator = RegexValidator(
    r"^[a-z0-9][a-z0-9._-]{0,99}$",
    "A name is lower-case letters, digits, dots, dashes and underscores, at most 100 of them.",
)


class RiskTier(models.TextChoices):
    """How much harm a wrong decision of the model can do."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class RegisteredModel(Governed):
    """One model in the inventory: the thing that has versions and an owner who answers for it."""

    capture: ClassVar[Capture] = Capture(personal=frozenset({"intended_purpose"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True, validators=[name_validator])
    title = models.CharField(max_length=200)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_models")
    business_unit = models.CharField(max_length=200)
    intended_purpose = models.TextField()
    risk_tier = models.CharField(max_length=16, choices=RiskTier.choices)
    registered_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "model"

    def __str__(self) -> str:
        return self.name


class DatasetVersion(Governed):
    """One fixed table: the bytes behind ``digest`` (SHA-256 of the file), its schema and who is in it."""

    capture: ClassVar[Capture] = Capture(append_only=True, files=frozenset({"digest"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, validators=[name_validator])
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="Bytes.")
    media_type = models.CharField(max_length=100)
    file_name = models.CharField(max_length=200)
    row_count = models.BigIntegerField()
    columns = models.JSONField(help_text="Name, type, missing and distinct counts of each column.")
    sensitive_columns = models.JSONField(blank=True, default=list)
    target_column = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=500, help_text="Where the rows come from.")
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [models.UniqueConstraint(fields=["name", "number"], name="dataset_number_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class ModelVersion(Governed):
    """One version: the artifact's bytes by digest, and all that was recorded of how it came to be."""

    capture: ClassVar[Capture] = Capture(
        personal=frozenset({"notes"}), append_only=True, files=frozenset({"artifact_digest"})
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    artifact_digest = models.CharField(max_length=64)
    artifact_size = models.BigIntegerField(help_text="Bytes.")
    artifact_format = models.CharField(max_length=32, help_text="For example skops, or predictions for a table.")
    artifact_name = models.CharField(max_length=200)
    framework = models.CharField(max_length=100)
    framework_version = models.CharField(max_length=50, blank=True)
    parameters = models.JSONField(blank=True, default=dict)
    metrics = models.JSONField(
        blank=True, default=dict, help_text="As the registrant stated them; evidence is measured."
    )
    training_data = models.ForeignKey(DatasetVersion, models.PROTECT, null=True, blank=True, related_name="versions")
    packages = models.JSONField(
        blank=True, default=dict, help_text="Exact package versions of the training environment."
    )
    source_commit = models.CharField(max_length=100, blank=True)
    notes = models.TextField(blank=True)
    owner_then = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()

    class Meta:
        ordering = ["model__name", "-number"]
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="version_number_once")]
        indexes = [models.Index(fields=["artifact_digest"], name="version_by_digest")]

    def __str__(self) -> str:
        return f"{self.model.name} {self.number}"


class Environment(Governed):
    """Where versions run: development, staging, production."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=50, unique=True, validators=[name_validator])
    title = models.CharField(max_length=100)
    rank = models.PositiveSmallIntegerField(help_text="Order towards production.")

    class Meta:
        ordering = ["rank"]

    def __str__(self) -> str:
        return self.name
