"""The dossier's part on the trail: entries, checkpoint, what was checked while printing, how anyone checks again.

Must never say of anything that it was checked which was not, and never prints a key as trusted.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.conf import settings

from audits.artifacts import store
from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.models import Entry
from audits.trail.keys import trail_keys, verifying_key
from audits.trail.verification.report import VerificationReport
from governance.dossiers.blocks import Fact
from governance.dossiers.content import CheckpointContent, TrailContent, TrailEntry
from governance.services.dossier_content.evidence import PrintedEvidence
from governance.services.dossier_content.permit import PrintedPermit
from governance.services.dossier_content.reading import Reading

_KINDS = {
    "registry.registeredmodel": "Model",
    "registry.datasetversion": "Dataset",
    "registry.assessment": "Assessment",
    "audits.evidence": "Evidence",
    "governance.policy": "Policy",
    "governance.checklist": "Checklist",
}


def trail_content(
    reading: Reading,
    *,
    bundle_problem: str,
    evidence: Sequence[PrintedEvidence],
    permit: PrintedPermit | None,
    verified_at: datetime,
    whole: VerificationReport | None = None,
) -> TrailContent:
    trail = reading.trail
    checkpoint = trail.checkpoint
    key = verifying_key()
    reasons = trail.reasons()
    return TrailContent(
        entries=tuple(
            TrailEntry(
                index=entry.index,
                time=entry.at,
                kind=entry.kind,
                actor=reading.actor(entry.actor),
                subject=_subject(reading, entry),
                leaf_hash=bytes(entry.leaf_hash).hex(),
                reason=reasons.get(entry.index, ""),
            )
            for entry in trail.entries
        ),
        checkpoint=CheckpointContent(
            origin=key.name,
            size=checkpoint.size,
            root=bytes(checkpoint.root).hex(),
            issued_at=checkpoint.signed_at,
            note=checkpoint.note,
        ),
        checks=(*_whole(whole), *_checks(reading, bundle_problem, evidence)),
        verified_at=verified_at,
        commands=tuple(_commands(reading, key.vkey, permit)),
        keys=(
            Fact(label="Key of the log", value=key.vkey),
            *((Fact(label="Key of permits", value=permit.key_id),) if permit is not None else ()),
        ),
        waiting=trail.waiting,
    )


def _whole(report: VerificationReport | None) -> Iterator[tuple[str, bool]]:
    """The verification of everything, the rows that this dossier prints among it."""
    if report is None:
        return
    what = (
        "The whole trail was verified: every entry; every row, the answers, signatures and approvals printed here "
        "among them; every file; the triggers that record"
    )
    found = [finding for step in report.steps for finding in step.findings]
    if report.ok or not found:
        yield (f"{what}.", report.ok)
    else:
        differences = sum(step.total for step in report.steps)
        yield (f"{what}. {differences} differences were found; the first: {found[0].message}", False)


def _checks(reading: Reading, bundle_problem: str, evidence: Sequence[PrintedEvidence]) -> Iterator[tuple[str, bool]]:
    trail = reading.trail
    try:
        signed = trail_keys().open(trail.checkpoint.note)
        yield "The checkpoint's signature is valid under the log's key.", True
        yield (
            "The checkpoint is of the size and root that are stored with it.",
            (signed.size, signed.root) == (trail.checkpoint.size, bytes(trail.checkpoint.root)),
        )
    except VerificationError as error:
        yield f"The checkpoint's signature is valid under the log's key: {error.message}", False
    included = f"Each of the {len(trail.entries)} entries below is in the log that the checkpoint signs, unaltered"
    yield (f"{included}: {bundle_problem}", False) if bundle_problem else (f"{included}.", True)
    yield _artifact_check(reading)
    for printed in evidence:
        digest = printed.section.digest[:12]
        what = f"The record {digest}\N{HORIZONTAL ELLIPSIS} and its figures still have the digests that were recorded"
        yield (f"{what}: {printed.problem}", False) if printed.problem else (f"{what}.", True)


def _artifact_check(reading: Reading) -> tuple[str, bool]:
    what = "The artifact's stored bytes still have the digest that was registered"
    try:
        store.check(reading.version.artifact_digest)
    except DomainError as error:
        return f"{what}: {error.message}", False
    return f"{what}.", True


def _subject(reading: Reading, entry: Entry) -> str:
    kind, _, key = entry.subject.partition(":")
    if kind == "registry.modelversion":
        return f"Version {reading.version}"
    if kind == "registry.registeredmodel":
        return f"Model {reading.version.model}"
    if kind == "registry.datasetversion":
        named = next((dataset for _, dataset in reading.datasets if str(dataset.pk) == key), None)
        return f"Dataset {named}" if named is not None else "Dataset"
    if kind == "audits.evidence":
        kept = next((evidence for evidence in reading.file.evidence if str(evidence.pk) == key), None)
        return f"Evidence: {kept.title}" if kept is not None else "Evidence"
    return _KINDS.get(kind, entry.subject)


def _commands(reading: Reading, vkey: str, permit: PrintedPermit | None) -> Iterator[tuple[str, str]]:
    yield (
        "The entries and the checkpoint, without Countersign's database or network",
        f"python -m audits.merkle verify bundle.json \\\n  --key '{vkey}'",
    )
    yield "What an entry says", "python -m audits.merkle show bundle.json"
    if permit is not None:
        yield (
            f"The permit, with the key that is published at {settings.BASE_URL}/.well-known/countersign/keys.json",
            "python -m governance.permits verify permit.dsse.json --public-key keys.json \\\n"
            f"  --digest {reading.version.artifact_digest} \\\n  --environment {reading.environment.name}",
        )
    yield (
        "This document: its SHA-256 is in the trail's entry governance.dossier.printed, which follows those below",
        "sha256sum dossier.pdf",
    )
