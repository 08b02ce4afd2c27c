"""Who says so: answers, sign-offs, approvals, accepted risks.

A signature binds to the digest of what was signed. It is never edited nor deleted; it goes stale by itself when what
lies beneath it changes, since the digest computed now is then another.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from audits.models import Capture, Governed
from governance.models.rules import Checklist
from registry.models import ModelVersion


class AnswerChoice(models.TextChoices):
    YES = "yes", "Yes"
    NO = "no", "No"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class ChecklistAnswer(Governed):
    """The answer to one question for one version. Earlier answers stay in the trail."""

    capture: ClassVar[Capture] = Capture(personal=frozenset({"text"}))

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="answers")
    checklist = models.ForeignKey(Checklist, models.PROTECT, related_name="answers")
    question = models.CharField(max_length=100)
    choice = models.CharField(max_length=16, choices=AnswerChoice.choices)
    text = models.TextField(blank=True)
    evidence = models.JSONField(blank=True, default=list, help_text="Digests of the evidence it rests on.")
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "checklist", "question"], name="one_answer_a_question")
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.choice}"


class Signature(Governed):
    """What every signature states (21 CFR 11.50): who, in which role, when, with what meaning, over what."""

    capture: ClassVar[Capture] = Capture(personal=frozenset({"signer_name", "comment"}), append_only=True)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    signer_name = models.CharField(max_length=200)
    role = models.CharField(max_length=32)
    meaning = models.CharField(max_length=300)
    comment = models.TextField(blank=True)
    signed_digest = models.CharField(max_length=64, help_text="SHA-256 of what was signed.")
    method = models.CharField(max_length=32, help_text="How the signer proved who they are, for example password.")
    signed_at = models.DateTimeField()

    class Meta:
        abstract = True
        ordering = ["signed_at"]


class SignOff(Signature):
    """One section of the checklist, signed for one version."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="sign_offs")
    checklist = models.ForeignKey(Checklist, models.PROTECT, related_name="sign_offs")
    section = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.section} signed by {self.signer_name}"


class Verdict(models.TextChoices):
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"


class Approval(Signature):
    """One person's verdict on one version, in one role. The latest in a role counts."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="approvals")
    verdict = models.CharField(max_length=16, choices=Verdict.choices)

    def __str__(self) -> str:
        return f"{self.verdict} by {self.signer_name} as {self.role}"


class RiskAcceptance(Signature):
    """A risk officer accepts, for a time, what a measurement showed (for example a fairness result below threshold)."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="risk_acceptances")
    topic = models.CharField(max_length=32, help_text="What is accepted, for example fairness.")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.topic} accepted by {self.signer_name}"
