"""Who can mend what the checklist lacks: the first hole by name, and the role that it is put to.

A policy names one role for a clause; which question or section is open, and whose it is, only the version's file says.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from governance.policies.evaluation import ClauseResult
from governance.policies.kleene import Truth
from governance.policies.traces import facts_used
from governance.services.facts import open_blocking_questions
from governance.services.signed_content import VersionFile, latest_sign_off, section_is_signed


@dataclass(frozen=True, kw_only=True)
class Hole:
    """One open place of the checklist, in words, and the role that closes it."""

    words: str
    owner: str


def first_hole(clause: ClauseResult, file: VersionFile) -> Hole | None:
    """The first place that keeps this clause from being met; None where it is met or rests on something else."""
    if clause.result is Truth.TRUE:
        return None
    asked = facts_used(clause.trace)
    return next((hole for fact, holes in _SOURCES.items() if fact in asked for hole in holes(file)), None)


def _questions(file: VersionFile) -> Iterator[Hole]:
    for question in open_blocking_questions(file):
        yield Hole(words=f"Open is: {question.text}", owner=question.answered_by)


def _sections(file: VersionFile) -> Iterator[Hole]:
    for section in file.checklist.template.sections:
        if not section_is_signed(file, section):
            again = "signed, and changed since" if latest_sign_off(file, section) else "not signed"
            yield Hole(words=f"The section {section.title!r} is {again}.", owner=section.signed_by)


_SOURCES = {
    "checklist.blocking_open": _questions,
    "checklist.sections_unsigned": _sections,
    "checklist.sections_stale": _sections,
}
