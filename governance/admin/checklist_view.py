"""The checklist of a version as pages show it: sections, questions, answers, who answers, what is signed or stale.

Computes validity with the same digests as the services; it decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audits.models import Evidence, User
from governance.checklists.templates import Question, Section
from governance.models import AnswerChoice, Approval, ChecklistAnswer, SignOff, Verdict
from governance.services.signed_content import (
    APPROVER_ROLES,
    VersionFile,
    approval_is_valid,
    latest_approval,
    latest_sign_off,
    section_is_signed,
)
from registry.services.assessments import MEASUREMENTS

_RECORDED = {
    "dataset": "the registered dataset",
    "artifact": "the stored artifact",
    "environment": "the recorded packages and parameters",
    "predictions": "the predictions that monitoring sent",
}


@dataclass(frozen=True, kw_only=True)
class QuestionView:
    question: Question
    answer: ChecklistAnswer | None
    answered_by: str
    evidence: Sequence[Evidence]

    @property
    def missing(self) -> list[str]:
        """Measurements that would answer it and are not there."""
        there = {kept.measurement for kept in self.evidence}
        return [kind for kind in self.question.evidence if kind in MEASUREMENTS and kind not in there]

    @property
    def recorded(self) -> list[str]:
        """What answers it and is recorded with the version rather than measured."""
        return [_RECORDED[kind] for kind in self.question.evidence if kind in _RECORDED]

    @property
    def settled(self) -> bool:
        return self.answer is not None and self.answer.choice != AnswerChoice.NO

    @property
    def mark(self) -> str:
        if self.answer is None:
            return "open"
        return "met" if self.settled else "unmet"

    @property
    def word(self) -> str:
        return AnswerChoice(self.answer.choice).label if self.answer is not None else "Not answered"


@dataclass(frozen=True, kw_only=True)
class SectionView:
    """``state`` is signed, stale or open."""

    section: Section
    headings: Sequence[tuple[str, Sequence[QuestionView]]]
    sign_off: SignOff | None
    state: str

    @property
    def questions(self) -> list[QuestionView]:
        return [view for _, views in self.headings for view in views]

    @property
    def answered(self) -> int:
        return sum(view.answer is not None for view in self.questions)

    @property
    def blocking_open(self) -> int:
        return sum(view.question.blocking and not view.settled for view in self.questions)

    @property
    def complete(self) -> bool:
        return self.answered == len(self.questions)

    @property
    def mark(self) -> str:
        return {"signed": "met", "stale": "stale"}.get(self.state, "open")

    @property
    def word(self) -> str:
        return {"signed": "Signed", "stale": "Stale: changed since it was signed"}.get(self.state, "Not signed")


@dataclass(frozen=True, kw_only=True)
class ApprovalStage:
    """One of the two approvals. ``state`` is approved, rejected, stale or waiting."""

    role: str
    approval: Approval | None
    state: str

    @property
    def mark(self) -> str:
        return {"approved": "met", "rejected": "unmet", "stale": "stale"}.get(self.state, "open")

    @property
    def word(self) -> str:
        return {
            "approved": "Approved",
            "rejected": "Rejected",
            "stale": "Stale: what was approved has changed",
        }.get(self.state, "Waiting")


def names_of_answerers(file: VersionFile) -> dict[int, str]:
    """Names by account id, in one query."""
    ids = {answer.answered_by_id for answer in file.answers}
    return {account.pk: account.name for account in User.objects.filter(pk__in=ids)}


def section_views(file: VersionFile, names: Mapping[int, str]) -> list[SectionView]:
    return [section_view(file, section, names) for section in file.checklist.template.sections]


def section_view(file: VersionFile, section: Section, names: Mapping[int, str]) -> SectionView:
    answers = {answer.question: answer for answer in file.answers}
    sign_off = latest_sign_off(file, section)
    state = "open" if sign_off is None else "signed" if section_is_signed(file, section) else "stale"
    return SectionView(
        section=section,
        headings=[
            (heading.title, [_question(file, question, answers, names) for question in heading.questions])
            for heading in section.subheadings
        ],
        sign_off=sign_off,
        state=state,
    )


def approval_stages(file: VersionFile) -> list[ApprovalStage]:
    """The approvals in their order, each with the latest verdict and whether it counts."""
    stages = []
    for role in APPROVER_ROLES:
        found = latest_approval(file, role)
        if found is None:
            state = "waiting"
        elif found.verdict == Verdict.REJECTED:
            state = "rejected"
        else:
            state = "approved" if approval_is_valid(file, role) else "stale"
        stages.append(ApprovalStage(role=role, approval=found, state=state))
    return stages


def _question(
    file: VersionFile, question: Question, answers: Mapping[str, ChecklistAnswer], names: Mapping[int, str]
) -> QuestionView:
    answer = answers.get(question.id)
    return QuestionView(
        question=question,
        answer=answer,
        answered_by=names.get(answer.answered_by_id, "") if answer is not None else "",
        evidence=[kept for kept in file.evidence if kept.measurement in question.evidence],
    )
