"""What happens on the ground floor, as the trail names it. Listed in the README of audits."""

from dataclasses import dataclass

from audits.trail.act import event


@event("audits.evidence.recorded")
@dataclass(frozen=True, kw_only=True)
class EvidenceRecorded:
    digest: str
    measurement: str
