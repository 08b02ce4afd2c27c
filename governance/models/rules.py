"""What must be true: checklists and policies as data, by digest, and which policy each environment is under."""

import uuid
from typing import ClassVar

from django.db import models

from audits.models import Capture, Governed
from registry.models import Environment


class Checklist(Governed):
    """One version of a readiness checklist: its document, content-addressed."""

    capture: ClassVar[Capture] = Capture(append_only=True)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=100)
    version = models.CharField(max_length=50)
    title = models.CharField(max_length=200)
    document = models.JSONField()
    digest = models.CharField(max_length=64, unique=True)
    adopted_at = models.DateTimeField()

    class Meta:
        ordering = ["-adopted_at"]

    def __str__(self) -> str:
        return f"{self.title} {self.version}"


class Policy(Governed):
    """One version of a policy: its rule document, content-addressed."""

    capture: ClassVar[Capture] = Capture(append_only=True)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=100)
    version = models.CharField(max_length=50)
    title = models.CharField(max_length=200)
    document = models.JSONField()
    digest = models.CharField(max_length=64, unique=True)
    adopted_at = models.DateTimeField()

    class Meta:
        ordering = ["-adopted_at"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return f"{self.title} {self.version}"


class PolicyAssignment(Governed):
    """The policy and the checklist that an environment is under. An environment without one denies everything."""

    environment = models.OneToOneField(Environment, models.PROTECT, primary_key=True, related_name="assignment")
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="assignments")
    checklist = models.ForeignKey(Checklist, models.PROTECT, related_name="assignments")

    def __str__(self) -> str:
        return f"{self.environment} is under {self.policy}"
