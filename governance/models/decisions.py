"""What follows: the standing of each version in each environment, decisions of the gate, tokens, dossiers.

The gate reads a standing; it computes none. Standings are governed: to forge one takes an act that the trail keeps.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from audits.models import Capture, Governed
from governance.models.rules import Policy
from registry.models import Environment, ModelVersion


class Standing(Governed):
    """Whether a version may run in an environment, as last computed, and until when that holds."""

    capture: ClassVar[Capture] = Capture(digested=frozenset({"outcome", "facts"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="standings")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="standings")
    allowed = models.BooleanField()
    policy = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="+")
    outcome = models.JSONField(help_text="The policy's evaluation, clause by clause.")
    facts = models.JSONField(help_text="The facts it was evaluated over.")
    computed_at = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, help_text="When something it rests on runs out.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "environment"], name="one_standing_each")]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment}: {'allowed' if self.allowed else 'denied'}"


class Decision(Governed):
    """One answer of the gate, kept as it was given."""

    capture: ClassVar[Capture] = Capture(append_only=True, digested=frozenset({"reasons", "facts"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    asked = models.JSONField(help_text="Model, version, digest, environment and action as they were asked.")
    action = models.CharField(max_length=32)
    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="decisions")
    environment = models.ForeignKey(Environment, models.PROTECT, null=True, related_name="decisions")
    allowed = models.BooleanField()
    status = models.CharField(max_length=16)
    reasons = models.JSONField()
    policy_digest = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(null=True, help_text="The facts it was evaluated over, so that it can be evaluated again.")
    evaluated_at = models.DateTimeField(null=True)
    actor = models.CharField(max_length=100)
    decided_at = models.DateTimeField()
    permit_until = models.DateTimeField(null=True, help_text="Until when a permit for it holds; empty where denied.")
    receipt = models.UUIDField(null=True, help_text="The act that recorded it.")

    class Meta:
        ordering = ["-decided_at"]

    def __str__(self) -> str:
        return f"{self.status} {self.decided_at:%Y-%m-%d %H:%M}"


class OrderStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"


class DossierOrder(Governed):
    """Somebody asked for a dossier; a worker prints it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="dossier_orders")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="dossier_orders")
    status = models.CharField(max_length=16, choices=OrderStatus.choices, default=OrderStatus.QUEUED)
    problem = models.TextField(blank=True, help_text="Why it was not printed and what to do.")
    dossier = models.ForeignKey("governance.Dossier", models.PROTECT, null=True, related_name="orders")
    ordered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    ordered_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-ordered_at"]

    def __str__(self) -> str:
        return f"order of a dossier of {self.version}"


class ApiToken(Governed):
    """A token of an API client: only its SHA-256 is kept; what it may do is its scopes and its account's roles."""

    capture: ClassVar[Capture] = Capture(secret=frozenset({"digest"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.account}"


class Dossier(Governed):
    """One printed dossier: the PDF's digest, what it was printed of and when."""

    capture: ClassVar[Capture] = Capture(append_only=True, files=frozenset({"digest"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="dossiers")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="dossiers")
    digest = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="Bytes.")
    status = models.CharField(max_length=32)
    checkpoint_size = models.BigIntegerField()
    printed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    printed_at = models.DateTimeField()

    class Meta:
        ordering = ["-printed_at"]

    def __str__(self) -> str:
        return f"dossier of {self.version} for {self.environment}"
