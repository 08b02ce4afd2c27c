"""Evidence: the frozen records of measurements, by digest. Stored once, never edited.

The record's bytes lie in the content store; the row carries what policies and pages read.
"""

import uuid
from typing import ClassVar

from django.db import models

from audits.models.governed import Capture, Governed


class Evidence(Governed):
    """One measurement of one subject. ``digest`` is the SHA-256 of the record's canonical JSON without timings."""

    capture: ClassVar[Capture] = Capture(
        append_only=True,
        files=frozenset({"record_digest"}),
        file_lists=frozenset({"figures"}),
        digested=frozenset({"results", "flags"}),
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    record_digest = models.CharField(max_length=64, help_text="SHA-256 of the stored record file, timings included.")
    measurement = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    subject_kind = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    subject_digest = models.CharField(max_length=64)
    dataset_digest = models.CharField(max_length=64)
    origin = models.CharField(max_length=100, help_text="What asked for it, for example registry.assessment:<id>.")
    results = models.JSONField(help_text="The record's headline values, as policies read them.")
    flags = models.JSONField(blank=True, default=list)
    figures = models.JSONField(
        blank=True, default=list, help_text="Name, title, alternative text and SHA-256 of each figure."
    )
    measured_at = models.DateTimeField()

    class Meta:
        ordering = ["-measured_at"]
        verbose_name_plural = "evidence"
        indexes = [models.Index(fields=["subject_kind", "subject_id", "measurement"], name="evidence_by_subject")]

    def __str__(self) -> str:
        return f"{self.title} ({self.digest[:12]})"
