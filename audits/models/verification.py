"""Results of verifications, kept for ever, and how one that is at work comes on.

A result is governed and append-only; what comes on is for a page to show and proves nothing.
"""

import uuid
from typing import ClassVar

from django.db import models

from audits.models.governed import Capture, Governed


class Verification(Governed):
    """One verification that was done: what it came to, over how much, and the file that says it in full."""

    capture: ClassVar[Capture] = Capture(append_only=True, files=frozenset({"report_digest"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    ok = models.BooleanField()
    since = models.BigIntegerField(help_text="Entries taken over from the verification before; 0 for a full one.")
    entries = models.BigIntegerField()
    pending = models.BigIntegerField(help_text="Acts that were no entries yet.")
    differences = models.BigIntegerField()
    checkpoint = models.TextField(blank=True, help_text="The newest signed checkpoint that it verified.")
    report_digest = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.finished_at:%Y-%m-%d %H:%M} UTC"


class VerificationRun(models.Model):
    """A verification that somebody asked for: waiting for a worker, at work, or done."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    asked_at = models.DateTimeField()
    asked_by = models.TextField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    number = models.IntegerField(default=0, help_text="The step that it is at.")
    steps = models.IntegerField(default=0)
    step = models.TextField(blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    result = models.ForeignKey(Verification, models.PROTECT, null=True, related_name="+")
    problem = models.TextField(blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"verification asked for by {self.asked_by}"
