"""What a dossier lacks, and who has to supply it, read off its own content.

Must never decide whether a hole matters: the policy did that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from governance.dossiers.blocks import Signature, SignatureStanding
from governance.dossiers.content import DossierContent, Outcome

_NOBODY = "Nobody assigned"


@dataclass(frozen=True, kw_only=True)
class Hole:
    """Something missing: ``where`` in the dossier, ``what`` it is, ``owner`` who supplies it."""

    where: str
    what: str
    owner: str
    blocking: bool = False


def find_holes(content: DossierContent) -> tuple[Hole, ...]:
    """Every hole, blocking ones first, otherwise in the order of the dossier."""
    found = [
        *_clauses(content),
        *_evidence(content),
        *_checklist(content),
        *_approvals(content),
        *_acceptances(content),
    ]
    return tuple(sorted(found, key=lambda hole: not hole.blocking))


def _clauses(content: DossierContent) -> Iterator[Hole]:
    for clause in content.decision.clauses:
        if clause.outcome is not Outcome.MET:
            yield Hole(
                where=f"Policy clause {clause.number}",
                what=f"{clause.title}: {clause.next_step or clause.reason}",
                owner=clause.owner or _NOBODY,
                blocking=True,
            )


def _evidence(content: DossierContent) -> Iterator[Hole]:
    if not content.evidence:
        yield Hole(where="Evidence", what="No evidence was recorded", owner=content.about.owner or _NOBODY)


def _checklist(content: DossierContent) -> Iterator[Hole]:
    for section in content.checklist.sections:
        for question in section.questions:
            if question.missing:
                yield Hole(
                    where=f"Checklist, question {question.number}",
                    what=question.text,
                    owner=question.owner or _NOBODY,
                    blocking=question.blocking,
                )
        if section.sign_off is None or section.sign_off.standing is not SignatureStanding.VALID:
            yield Hole(
                where=f"Checklist, {section.title}",
                what=f"Sign-off of the section {_state(section.sign_off)}",
                owner=section.signatory or _NOBODY,
            )


def _approvals(content: DossierContent) -> Iterator[Hole]:
    for approval in content.approvals:
        if approval.signature is None or approval.signature.standing is not SignatureStanding.VALID:
            yield Hole(
                where="Approvals",
                what=f"{approval.stage} {_state(approval.signature)}",
                owner=approval.owner or _NOBODY,
                blocking=True,
            )


def _acceptances(content: DossierContent) -> Iterator[Hole]:
    for acceptance in content.acceptances:
        if acceptance.signature is None or acceptance.signature.standing is not SignatureStanding.VALID:
            yield Hole(
                where="Risk acceptances",
                what="Acceptance of "
                f"\N{LEFT DOUBLE QUOTATION MARK}{acceptance.risk}\N{RIGHT DOUBLE QUOTATION MARK} "
                f"{_state(acceptance.signature)}",
                owner=acceptance.owner or _NOBODY,
            )


def _state(signature: Signature | None) -> str:
    if signature is None:
        return "is missing"
    return "is stale" if signature.standing is SignatureStanding.STALE else "was withdrawn"
