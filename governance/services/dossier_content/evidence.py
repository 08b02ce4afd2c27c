"""The dossier's part on the evidence: the stored records, their bytes hashed again, with their figures.

Must never print a number from a record that is not as it was stored: such a record is named, and nothing of it shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson

from audits.artifacts import store
from audits.documents import Attachment, DocumentError, Relationship
from audits.errors import DomainError
from audits.evidence.errors import EvidenceError
from audits.evidence.record import digest_of
from audits.models import Evidence
from governance.dossiers.content import EvidenceSection
from governance.dossiers.evidence import evidence_section
from governance.services.dossier_content.reading import Reading
from registry.models import ModelVersion


@dataclass(frozen=True, kw_only=True)
class PrintedEvidence:
    """One record: its section, its file to enclose (None where damaged), and what was found wrong."""

    section: EvidenceSection
    attachment: Attachment | None
    problem: str = ""


def evidence_contents(reading: Reading) -> tuple[PrintedEvidence, ...]:
    return tuple(_printed(reading))


def finding_of(evidence: Evidence) -> str:
    """The record's own sentence on what was found; the title where the record cannot be read."""
    try:
        return str(orjson.loads(store.read(evidence.record_digest)).get("finding", evidence.title))
    except DomainError:
        return f"{evidence.title}: its record is damaged"


def _printed(reading: Reading) -> Iterator[PrintedEvidence]:
    for kept in reading.file.evidence:
        entry = reading.evidence_entries.get(kept.pk)
        try:
            yield _read(kept, entry, reading.version)
        except (DomainError, EvidenceError, DocumentError) as error:
            problem = f"The record {kept.digest} cannot be printed. {error}"
            yield PrintedEvidence(
                section=EvidenceSection(
                    title=kept.title,
                    summary="The stored record is damaged or missing; nothing of it is shown.",
                    digest=kept.digest,
                    flags=(problem,),
                    entry=entry,
                ),
                attachment=None,
                problem=problem,
            )


def _read(kept: Evidence, entry: int | None, version: ModelVersion) -> PrintedEvidence:
    data = store.read(kept.record_digest)
    record = orjson.loads(data)
    if digest_of(record) != kept.digest:
        raise EvidenceError("The record does not have the digest that the trail knows it by; restore it from a backup.")
    figures = {figure["name"]: store.read(figure["sha256"]) for figure in kept.figures}
    return PrintedEvidence(
        section=_named(evidence_section(record, figures, entry=entry), version),
        attachment=Attachment(
            name=f"evidence-{kept.measurement}.json",
            description=f"{kept.title}: the record of evidence",
            content=data,
            relationship=Relationship.SOURCE,
        ),
    )


def _named(section: EvidenceSection, version: ModelVersion) -> EvidenceSection:
    """With the version by its name: the record knows it by its id."""
    facts = (replace(fact, value=f"Version {version}") if fact.label == "About" else fact for fact in section.facts)
    return replace(section, facts=tuple(facts))
