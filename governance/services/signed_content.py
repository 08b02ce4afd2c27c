"""What a signature is over: the content, as canonical JSON, and its digest as it is now.

A signature counts while the digest computed now is the one that was signed. So it goes stale by itself when the
artifact, the data, an answer, the evidence, the risk tier or the policy beneath it changes, and moving it to another
version, section or role makes it worthless.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Exists, OuterRef, QuerySet

from audits.merkle.canonical import Json, canonical_bytes, sha256_hex
from audits.models import Evidence, User
from governance.checklists.templates import Section
from governance.models import (
    Approval,
    Checklist,
    ChecklistAnswer,
    PolicyAssignment,
    RiskAcceptance,
    Signature,
    SignOff,
    Verdict,
)
from registry.models import ModelVersion
from registry.services.assessments import evidence_of

S = TypeVar("S", bound=Signature)

# Approvals rest on the rules of the environment nearest to the people whom the model touches.
DECIDING_ENVIRONMENT = "production"
APPROVER_ROLES = ("validator", "compliance_officer")


@dataclass(frozen=True, kw_only=True)
class VersionFile:
    """Everything about one version that signatures rest on, read once."""

    version: ModelVersion
    checklist: Checklist
    policy_digest: str
    evidence: Sequence[Evidence]
    answers: Sequence[ChecklistAnswer]
    sign_offs: Sequence[SignOff]
    approvals: Sequence[Approval]
    acceptances: Sequence[RiskAcceptance]
    # Digests of sections, computed once a reading: approvals and facts ask for each several times.
    digests: dict[str, str] = field(default_factory=dict, compare=False, repr=False)


def read_file(version: ModelVersion) -> VersionFile | None:
    """The version's file; None where no rules are assigned to the deciding environment."""
    assignment = (
        PolicyAssignment.objects.select_related("policy", "checklist")
        .filter(environment__name=DECIDING_ENVIRONMENT)
        .first()
    )
    if assignment is None:
        return None
    checklist = assignment.checklist
    return VersionFile(
        version=ModelVersion.objects.select_related("model", "training_data").get(pk=version.pk),
        checklist=checklist,
        policy_digest=assignment.policy.digest,
        evidence=evidence_of(version),
        answers=list(version.answers.filter(checklist=checklist).order_by("question")),
        sign_offs=list(with_signers(version.sign_offs.filter(checklist=checklist))),
        approvals=list(with_signers(version.approvals.all())),
        acceptances=list(with_signers(version.risk_acceptances.all())),
    )


def with_signers(rows: "QuerySet[S]") -> "QuerySet[S]":
    """Signatures in the order they were given, with what :func:`signer_may` asks of their signers."""
    has_role = User.groups.through.objects.filter(user_id=OuterRef("signer_id"), group__name=OuterRef("role"))
    known = rows.select_related("signer").annotate(signer_has_role=Exists(has_role))
    return known.order_by("signed_at", "id")  # type: ignore[return-value] # The same rows, one attribute richer.


def signer_may(file: VersionFile, signature: Signature) -> bool:
    """Whether the signer still may: an open account with the role, and on the right side of the version.

    The owner's sections are the present owner's; everything else is by somebody whose own work the version is not.
    """
    if not signature.signer.is_active or not signature.signer_has_role:  # type: ignore[attr-defined] # Annotated.
        return False
    if signature.role == "owner":
        return signature.signer_id == file.version.model.owner_id
    return signature.signer_id not in own_people(file.version)


def section_digest(file: VersionFile, section: Section) -> str:
    """SHA-256 of what a sign-off of this section is over."""
    if section.id not in file.digests:
        file.digests[section.id] = _section_digest(file, section)
    return file.digests[section.id]


def _section_digest(file: VersionFile, section: Section) -> str:
    ids = [question.id for question in section.questions]
    kinds = {kind for question in section.questions for kind in question.evidence}
    answers: list[Json] = [
        {
            "question": answer.question,
            "choice": answer.choice,
            "text": answer.text,
            "evidence": sorted(answer.evidence),
            "answered_by": answer.answered_by_id,
        }
        for answer in file.answers
        if answer.question in ids
    ]
    return _digest(
        "countersign/section/v1",
        {
            **_identity(file),
            "checklist": file.checklist.digest,
            "section": section.id,
            "answers": answers,
            "evidence": _digests(evidence for evidence in file.evidence if evidence.measurement in kinds),
        },
    )


def approval_digest(file: VersionFile, role: str) -> str:
    """SHA-256 of what an approval in this role is over. The second approval is over the first as well."""
    earlier: list[Json] = []
    for before in APPROVER_ROLES[: APPROVER_ROLES.index(role)]:
        approval = latest_approval(file, before)
        earlier.append([before, str(approval.pk) if approval else None, approval_is_valid(file, before)])
    return _digest(
        "countersign/approval/v1",
        {
            **_identity(file),
            "role": role,
            "policy": file.policy_digest,
            "checklist": file.checklist.digest,
            "sections": [[s.id, section_digest(file, s), section_is_signed(file, s)] for s in _sections(file)],
            "evidence": _digests(file.evidence),
            "acceptances": [[str(a.pk), a.signed_digest] for a in file.acceptances],
            "earlier": earlier,
        },
    )


def acceptance_digest(file: VersionFile, topic: str) -> str:
    """SHA-256 of what an accepted risk is over: the measurement that showed it, and the tier of the model."""
    return _digest(
        "countersign/acceptance/v1",
        {
            **_identity(file),
            "topic": topic,
            "policy": file.policy_digest,
            "evidence": _digests(e for e in file.evidence if e.measurement == topic),
        },
    )


def latest_sign_off(file: VersionFile, section: Section) -> SignOff | None:
    return next((s for s in reversed(file.sign_offs) if s.section == section.id), None)


def section_is_signed(file: VersionFile, section: Section) -> bool:
    """Whether the latest sign-off is over what stands there now, by somebody who still may."""
    found = latest_sign_off(file, section)
    return found is not None and signer_may(file, found) and found.signed_digest == section_digest(file, section)


def latest_approval(file: VersionFile, role: str) -> Approval | None:
    return next((a for a in reversed(file.approvals) if a.role == role), None)


def approval_is_valid(file: VersionFile, role: str) -> bool:
    """Whether the latest verdict in this role approves, over what stands there now, by somebody who may."""
    found = latest_approval(file, role)
    return (
        found is not None
        and found.verdict == Verdict.APPROVED
        and signer_may(file, found)
        and found.signed_digest == approval_digest(file, role)
    )


def own_people(version: ModelVersion) -> set[int]:
    """Whose own work the version is: the owner of the model, now and at registration, and the registrant."""
    return {version.model.owner_id, version.owner_then_id, version.registered_by_id}


def _sections(file: VersionFile) -> tuple[Section, ...]:
    return file.checklist.template.sections


def _identity(file: VersionFile) -> dict[str, Json]:
    version = file.version
    return {
        "version": str(version.pk),
        "model": version.model.name,
        "number": version.number,
        "artifact": version.artifact_digest,
        "training_data": version.training_data.digest if version.training_data else None,
        "risk_tier": version.model.risk_tier,
    }


def _digests(evidence: Iterable[Evidence]) -> list[Json]:
    return sorted([e.measurement, e.digest] for e in evidence)  # type: ignore[return-value]


def _digest(what: str, content: dict[str, Json]) -> str:
    return sha256_hex(canonical_bytes({"format": what, **content}))
