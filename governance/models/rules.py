"""What must be true: checklists and policies as data, by digest, and which policy each environment is under."""

import uuid
from functools import lru_cache
from typing import ClassVar

from django.db import models

from audits.merkle.canonical import canonical_bytes
from audits.models import Capture, Governed
from governance.checklists.templates import ChecklistTemplate, load_checklist
from governance.policies import documents
from registry.models import Environment


@lru_cache(maxsize=64)
def _template(document: bytes) -> ChecklistTemplate:
    return load_checklist(document)


@lru_cache(maxsize=64)
def _policy(document: bytes) -> documents.Policy:
    return documents.parse_policy(document)


class Checklist(Governed):
    """One version of a readiness checklist: its document, content-addressed."""

    capture: ClassVar[Capture] = Capture(append_only=True, digested=frozenset({"document"}))

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

    @property
    def template(self) -> ChecklistTemplate:
        """The document, parsed."""
        return _template(canonical_bytes(self.document))


class Policy(Governed):
    """One version of a policy: its rule document, content-addressed."""

    capture: ClassVar[Capture] = Capture(append_only=True, digested=frozenset({"document"}))

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

    @property
    def rules(self) -> documents.Policy:
        """The document, parsed."""
        return _policy(canonical_bytes(self.document))


class PolicyAssignment(Governed):
    """The policy and the checklist that an environment is under. An environment without one denies everything."""

    environment = models.OneToOneField(Environment, models.PROTECT, primary_key=True, related_name="assignment")
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="assignments")
    checklist = models.ForeignKey(Checklist, models.PROTECT, related_name="assignments")

    def __str__(self) -> str:
        return f"{self.environment} is under {self.policy}"
