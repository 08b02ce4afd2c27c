"""All parts of a dossier put together, as values to print.

Must never write: it runs in a read-only view of the database.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from audits.documents import Attachment, Relationship
from audits.models import User
from audits.trail.verification.report import VerificationReport
from governance.dossiers.content import DossierContent
from governance.services.bundles import bundle_about
from governance.services.dossier_content.decision import decision_content, status_of
from governance.services.dossier_content.evidence import evidence_contents
from governance.services.dossier_content.model import model_content
from governance.services.dossier_content.operations import deployment_contents, monitoring_contents
from governance.services.dossier_content.permit import printed_permit
from governance.services.dossier_content.reading import name_with_roles, read_version
from governance.services.dossier_content.signed import acceptance_contents, approval_contents, checklist_content
from governance.services.dossier_content.trail import trail_content
from governance.services.version_trail import LogDamaged
from registry.models import Environment, ModelVersion

CONFIDENTIALITY = "Confidential"


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """A dossier before it is printed, and the size of the log that it speaks of."""

    content: DossierContent
    checkpoint_size: int


def gather(
    *,
    version: ModelVersion,
    environment: Environment,
    reference: str,
    printed_by: User,
    printed_at: datetime,
    whole: VerificationReport | None = None,
) -> Gathered:
    """Everything that the dossier of a version for an environment says; call it in ``one_view``.

    ``whole``: the verification of the whole trail that was made just before.
    """
    reading = read_version(version, environment, at=printed_at)
    status = status_of(reading.position)
    evidence = evidence_contents(reading)
    permit = printed_permit(reading)
    attachments = [printed.attachment for printed in evidence if printed.attachment is not None]
    if permit is not None:
        attachments.append(permit.attachment)
    problem = ""
    try:
        bundle = reading.trail.bundle(bundle_about(reading.version, reading.trail))
    except LogDamaged as error:
        problem = error.message
    else:
        attachments.insert(
            0,
            Attachment(
                name="bundle.json",
                description="The entries below with inclusion proofs and the checkpoint",
                content=bundle,
                relationship=Relationship.SOURCE,
            ),
        )
    content = DossierContent(
        reference=reference,
        organization=settings.ORGANIZATION,
        confidentiality=CONFIDENTIALITY,
        model=reading.version.model.name,
        version=str(reading.version.number),
        artifact_digest=reading.version.artifact_digest,
        environment=environment.name,
        standing=status.standing,
        standing_note=status.note,
        printed_at=printed_at,
        printed_by=name_with_roles(printed_by),
        decision=decision_content(reading),
        about=model_content(reading),
        evidence=tuple(printed.section for printed in evidence),
        checklist=checklist_content(reading),
        approvals=approval_contents(reading),
        acceptances=acceptance_contents(reading),
        deployments=deployment_contents(reading),
        monitoring=monitoring_contents(reading),
        trail=trail_content(
            reading,
            bundle_problem=problem,
            evidence=evidence,
            permit=permit,
            verified_at=timezone.now(),
            whole=whole,
        ),
        permit=permit.content if permit is not None else None,
        attachments=tuple(attachments),
    )
    return Gathered(content=content, checkpoint_size=reading.trail.checkpoint.size)
