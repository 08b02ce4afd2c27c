"""Reads a checklist template: sections, subheadings and questions, known by the digest of its canonical JSON.

Every question is worded so that "yes" is the answer that satisfies; nothing here ever accepts an answer.
Canonical JSON: RFC 8785.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from audits.errors import DomainError
from audits.merkle.canonical import canonical_bytes, sha256_hex
from governance.json_documents import DocumentError, Place, read_document

FORMAT = "countersign/checklist/v1"
ROLES = ("owner", "validator", "risk_officer", "compliance_officer")
EVIDENCE = (
    "performance",
    "fairness",
    "explainability",
    "dataset",
    "artifact",
    "environment",
    "predictions",
)
_MAX_BYTES = 1024 * 1024
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class ChecklistError(DomainError):
    """A checklist template cannot be taken; the message names the place and the remedy."""

    code = "checklist_invalid"


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question. ``evidence`` lists the kinds of measurement that answer it; ``blocking`` ones must be
    settled.

    ``id`` is unique in the template and never changes its meaning. ``help`` says what a good answer holds.
    """

    id: str
    text: str
    help: str
    answered_by: str
    evidence: tuple[str, ...]
    blocking: bool
    references: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Subheading:
    """Questions that belong together within a section."""

    id: str
    title: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """The part of a checklist that is signed as one, by one role."""

    id: str
    title: str
    purpose: str
    signed_by: str
    subheadings: tuple[Subheading, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions of all subheadings, in order."""
        return tuple(question for heading in self.subheadings for question in heading.questions)


@dataclass(frozen=True, kw_only=True)
class ChecklistTemplate:
    """A checklist before anyone answers it. ``digest`` is the SHA-256 of its canonical JSON, in
    hexadecimal.
    """

    id: str
    title: str
    version: int
    sections: tuple[Section, ...]
    digest: str

    def __iter__(self) -> Iterator[Question]:
        return (question for section in self.sections for question in section.questions)

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Every question by its id, in order."""
        return {question.id: question for question in self}

    def section_of(self, question_id: str) -> Section:
        """The section that holds a question; ``KeyError`` if none does."""
        for section in self.sections:
            if any(question.id == question_id for question in section.questions):
                return section
        raise KeyError(question_id)


def load_checklist(data: bytes) -> ChecklistTemplate:
    """The template that JSON text says. Raises ``ChecklistError`` naming the place of a fault."""
    try:
        return _template(read_document(data, max_bytes=_MAX_BYTES))
    except DocumentError as error:
        raise ChecklistError(error.message) from None


def _template(root: Place) -> ChecklistTemplate:
    fields = root.fields(required=("format", "id", "title", "version", "sections"))
    fields["format"].one_of((FORMAT,))
    sections = tuple(_section(place) for place in fields["sections"].items(at_least=1, at_most=30))
    _refuse_twice(fields["sections"], "sections", [section.id for section in sections])
    _refuse_twice(fields["sections"], "questions", [q.id for section in sections for q in section.questions])
    return ChecklistTemplate(
        id=_slug(fields["id"]),
        title=fields["title"].text(at_most=200),
        version=fields["version"].whole(at_least=1),
        sections=sections,
        digest=sha256_hex(canonical_bytes(root.value)),
    )


def _section(place: Place) -> Section:
    fields = place.fields(required=("id", "title", "purpose", "signed_by", "subheadings"))
    headings = tuple(_subheading(item) for item in fields["subheadings"].items(at_least=1, at_most=30))
    _refuse_twice(fields["subheadings"], "subheadings", [heading.id for heading in headings])
    return Section(
        id=_slug(fields["id"]),
        title=fields["title"].text(at_most=200),
        purpose=fields["purpose"].text(at_most=500),
        signed_by=fields["signed_by"].one_of(ROLES),
        subheadings=headings,
    )


def _subheading(place: Place) -> Subheading:
    fields = place.fields(required=("id", "title", "questions"))
    return Subheading(
        id=_slug(fields["id"]),
        title=fields["title"].text(at_most=200),
        questions=tuple(_question(item) for item in fields["questions"].items(at_least=1, at_most=100)),
    )


def _question(place: Place) -> Question:
    fields = place.fields(required=("id", "text", "help", "answered_by", "evidence", "blocking", "references"))
    return Question(
        id=_slug(fields["id"]),
        text=fields["text"].text(at_most=500),
        help=fields["help"].text(at_most=1000),
        answered_by=fields["answered_by"].one_of(ROLES),
        evidence=fields["evidence"].texts(at_most=len(EVIDENCE), choices=EVIDENCE),
        blocking=fields["blocking"].truth(),
        references=fields["references"].texts(at_most=20),
    )


def _slug(place: Place) -> str:
    return place.matching(_SLUG, "an id of small letters, digits and single hyphens")


def _refuse_twice(place: Place, what: str, ids: list[str]) -> None:
    for number, found in enumerate(ids):
        if found in ids[:number]:
            place.fail(f'two {what} have the id "{found}".')
