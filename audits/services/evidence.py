"""Keeps evidence: the record and its figures in the content store, a row for what policies read. Never edits any.

Takes records as JSON objects (``countersign/evidence/v1``, made by ``audits.evidence``); knows nothing of what was
measured but the subject's kind, id and digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from audits import events
from audits.artifacts import store
from audits.merkle.canonical import canonical_bytes, sha256_hex
from audits.models import Evidence
from audits.trail import Actor, act


@dataclass(frozen=True, kw_only=True)
class MeasuredRecord:
    """One record as it came from a measurement: the JSON object, its own digest, and the figures' bytes by name."""

    document: Mapping[str, object]
    digest: str
    figures: Mapping[str, bytes]


def record_evidence(
    *, actor: Actor, measured: MeasuredRecord, dataset_digest: str, origin: str, measured_at: datetime
) -> Evidence:
    """Store one record; the same record again is the evidence that is there already."""
    document = measured.document
    figures = _stored_figures(document, measured.figures)
    record = store.put_bytes(canonical_bytes(document))  # type: ignore[arg-type]
    subject = document["subject"]
    if not isinstance(subject, Mapping):
        raise store.CorruptContent("The record does not say what it is about.")
    evidence = Evidence(
        digest=measured.digest,
        record_digest=record.digest,
        measurement=str(document["measurement"]),
        title=str(document["title"]),
        subject_kind=subject["kind"],
        subject_id=subject["id"],
        subject_digest=subject["digest"],
        dataset_digest=dataset_digest,
        origin=origin,
        results=document["results"],
        flags=document["flags"],
        figures=figures,
        measured_at=measured_at,
    )
    event = events.EvidenceRecorded(digest=measured.digest, measurement=str(document["measurement"]))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [measured.digest])
        found = Evidence.objects.filter(digest=measured.digest).first()
        if found is not None:
            return found
        with act(event, actor=actor, subject=evidence):
            evidence.save(force_insert=True)
    return evidence


def _stored_figures(document: Mapping[str, object], images: Mapping[str, bytes]) -> list[dict[str, str]]:
    listed = document["figures"]
    if not isinstance(listed, list):
        raise store.CorruptContent("The record does not list its figures.")
    kept = []
    for figure in listed:
        image = images[figure["name"]]
        if sha256_hex(image) != figure["sha256"]:
            raise store.CorruptContent(f"Figure {figure['name']} is not the one that its record names.")
        store.put_bytes(image)
        kept.append({name: figure[name] for name in ("name", "title", "alt", "sha256")})
    return kept
