"""The dossier's part on the permit: the latest one that still holds, as facts, as text and as the signed file.

Must never make a permit where the gate would not allow the version now.
"""

import base64
import json
from dataclasses import dataclass

from audits.documents import Attachment
from governance.dossiers.blocks import Fact
from governance.dossiers.content import PermitContent
from governance.models import Decision
from governance.permits.verification import Permit, verify_permit
from governance.services.dossier_content.reading import Reading
from governance.services.permits import permit_key, permit_of, verifier_id


@dataclass(frozen=True, kw_only=True)
class PrintedPermit:
    content: PermitContent
    attachment: Attachment
    key_id: str


def printed_permit(reading: Reading) -> PrintedPermit | None:
    """The permit of the latest decision that allowed; None where the gate would deny now, or it has run out."""
    if not reading.position.allowed:
        return None
    decision = (
        Decision.objects.select_related("version__model", "environment")
        .filter(version=reading.version, environment=reading.environment, allowed=True, permit_until__gt=reading.at)
        .order_by("-decided_at")
        .first()
    )
    if decision is None:
        return None
    envelope = permit_of(decision)
    key = permit_key().verifying
    permit = verify_permit(
        envelope,
        key,
        digest=reading.version.artifact_digest,
        environment=reading.environment.name,
        at=reading.at,
        verifier_id=verifier_id(),
    )
    statement = json.loads(base64.b64decode(str(envelope["payload"])))
    return PrintedPermit(
        content=PermitContent(
            facts=_facts(permit),
            statement=json.dumps(statement, indent=2, ensure_ascii=False, sort_keys=True),
        ),
        attachment=Attachment(
            name="permit.dsse.json",
            description="The signed permit (DSSE envelope of an in-toto statement)",
            content=json.dumps(envelope, indent=1).encode() + b"\n",
        ),
        key_id=key.id,
    )


def _facts(permit: Permit) -> tuple[Fact, ...]:
    return (
        Fact(label="Subject, SHA-256", value=permit.digest, digest=True),
        Fact(label="Model and version", value=f"{permit.model} @ {permit.version}"),
        Fact(label="Environment", value=permit.environment),
        Fact(label="Given", value=permit.time_verified),
        Fact(label="Holds until", value=permit.expires),
        Fact(label="Decision", value=permit.decision_id),
        Fact(label="Given by", value=permit.verifier_id),
        Fact(label="Policy, SHA-256", value=permit.policy_digest, digest=True),
        Fact(label="Key", value=permit.key_id),
    )
