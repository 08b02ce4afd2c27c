"""The proof bundle of one version, for whoever wants to check without us. Handing one out is an act.

Must never hand out a bundle that does not verify.
"""

from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone

from audits.merkle.canonical import Json
from audits.trail import Actor, act
from audits.trail.selection import one_view
from governance import events
from governance.policies.values import write_timestamp
from governance.services.version_trail import VersionTrail, read_trail, wait_for_sequencer
from registry.models import ModelVersion

_SELECTED = (
    "The entries on this version, its model, its data, its evidence and assessments, and its policies and checklist: "
    "registration, measuring, answers, sign-offs, accepted risks, approvals, decisions of the gate, reports of serving "
    "and monitoring, dossiers and exports."
)


def export_bundle(*, actor: Actor, version: ModelVersion, reason: str = "") -> bytes:
    """The bundle as a file (``countersign/bundle/v1``), at the latest checkpoint.

    Acts of the last moments are waited for briefly; ``about`` says how many are not in it. Raises NotPermitted,
    NothingSequenced and LogDamaged.
    """
    actor.require("audits.export_bundle")
    wait_for_sequencer(version)
    with one_view():
        trail = read_trail(version)
        data = trail.bundle(bundle_about(version, trail))
    event = events.BundleExported(entries=len(trail.entries), checkpoint_size=trail.checkpoint.size)
    with act(event, actor=actor, subject=version, reason=reason):
        pass
    return data


def bundle_about(version: ModelVersion, trail: VersionTrail) -> Mapping[str, Json]:
    """What a bundle says of itself. No signature covers it."""
    return {
        "selected": _SELECTED,
        "model": version.model.name,
        "version": version.number,
        "artifact": {"sha256": version.artifact_digest},
        "entries": len(trail.entries),
        "acts_not_yet_in_the_log": trail.waiting,
        "exported_at": write_timestamp(timezone.now().replace(microsecond=0)),
        "organization": settings.ORGANIZATION,
        "instance": settings.BASE_URL,
    }
