"""What waits for a person: the first page after signing in. By role, newest version of each model, oldest wait first.

A fixed number of queries however many models there are; it decides nothing and offers only what the person may do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.urls import reverse

from audits.admin.trail_status import TrailStatus, trail_status
from audits.models import User
from governance.admin.checklist_view import section_view
from governance.admin.many_files import read_files
from governance.admin.standing_view import production_marks
from governance.authorization import role_names
from governance.models import Verdict
from governance.roles import Role, roles
from governance.services.signed_content import (
    APPROVER_ROLES,
    VersionFile,
    approval_digest,
    approval_is_valid,
    latest_approval,
    own_people,
    section_is_signed,
)
from registry.models import Assessment, AssessmentStatus, ModelVersion

# Newest versions that the page looks over. Whoever has more models than this needs the lists.
LOOKED_OVER = 200


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to do: on what, what, why; ``url`` is where it is done."""

    about: str
    what: str
    url: str
    detail: str = ""
    mark: str = "open"
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The page: what to do, how the models stand, how the trail stands (None for who may not read it)."""

    roles: Sequence[Role]
    approvals: Sequence[Item] = ()
    sections: Sequence[Item] = ()
    questions: Sequence[Item] = ()
    failures: Sequence[Item] = ()
    standings: Sequence[Item] = ()
    trail: TrailStatus | None = None

    @property
    def count(self) -> int:
        return sum(len(items) for items in (self.approvals, self.sections, self.questions, self.failures))


def waiting_for(account: User) -> Waiting:
    names = role_names(account)
    mine = [roles()[name] for name in names if name in roles()]
    trail = trail_status() if account.has_perm("audits.view_trail") else None
    if not account.has_perm("governance.view"):
        return Waiting(roles=mine, trail=trail)
    files = read_files(_newest_versions())
    marks = production_marks([file.version.pk for file in files])
    return Waiting(
        roles=mine,
        approvals=[item for file in files for item in _approvals(file, account, names)],
        sections=[item for file in files for item in _sections(file, account, names)],
        questions=[item for file in files for item in _questions(file, account, names)],
        failures=_failures(account, names),
        standings=[
            Item(
                about=str(file.version),
                what=marks.get(file.version.pk, ("unmet", "May not run"))[1],
                mark=marks.get(file.version.pk, ("unmet", ""))[0],
                url=_version_url(file.version),
                detail=file.version.model.title,
                since=file.version.registered_at,
            )
            for file in files
        ],
        trail=trail,
    )


def _newest_versions() -> list[ModelVersion]:
    newest = (
        ModelVersion.objects.filter(model__retired_at=None)
        .order_by("model_id", "-number")
        .distinct("model_id")
        .values("pk")
    )
    return list(
        ModelVersion.objects.filter(pk__in=newest)
        .select_related("model__owner", "training_data")
        .order_by("-registered_at")[:LOOKED_OVER]
    )


def _version_url(version: ModelVersion) -> str:
    return reverse("admin:registry_modelversion_change", args=[version.pk])


def _approvals(file: VersionFile, account: User, names: Sequence[str]) -> list[Item]:
    """A verdict of mine is wanted: every section is signed, and those before me have approved."""
    role = next((role for role in APPROVER_ROLES if role in names), "")
    if not role or account.pk in own_people(file.version) or approval_is_valid(file, role):
        return []
    if any(given.signer_id == account.pk and given.role != role for given in file.approvals):
        return []
    before = APPROVER_ROLES[: APPROVER_ROLES.index(role)]
    if not all(approval_is_valid(file, earlier) for earlier in before):
        return []
    # A verdict before the last signature would go stale with it.
    if not all(section_is_signed(file, section) for section in file.checklist.template.sections):
        return []
    last = latest_approval(file, role)
    if last is not None and last.verdict == Verdict.REJECTED and last.signed_digest == approval_digest(file, role):
        return []
    stale = last is not None
    return [
        Item(
            about=str(file.version),
            what="Approve or reject again: it has changed" if stale else "Approve or reject",
            url=_version_url(file.version),
            detail=file.version.model.title,
            mark="stale" if stale else "open",
            since=file.version.registered_at,
        )
    ]


def _sections(file: VersionFile, account: User, names: Sequence[str]) -> list[Item]:
    """Sections that I sign, are fully answered, and are not signed as they stand."""
    items = []
    for section in file.checklist.template.sections:
        if section.signed_by not in names or not _concerns(file, account, section.signed_by):
            continue
        view = section_view(file, section, {})
        if view.complete and view.state != "signed":
            stale = view.state == "stale"
            items.append(
                Item(
                    about=str(file.version),
                    what=f"Sign “{section.title}”" + (" again: it has changed" if stale else ""),
                    url=reverse("admin:registry_modelversion_sign", args=[file.version.pk, section.id]),
                    detail=f"{view.blocking_open} blocking questions open" if view.blocking_open else "",
                    mark=view.mark,
                )
            )
    return items


def _questions(file: VersionFile, account: User, names: Sequence[str]) -> list[Item]:
    """Questions for my role without an answer that settles them, by section; blocking ones counted."""
    settled = {answer.question for answer in file.answers if answer.choice != "no"}
    answered = {answer.question for answer in file.answers}
    items = []
    for section in file.checklist.template.sections:
        mine = [
            question
            for question in section.questions
            if question.answered_by in names and _concerns(file, account, question.answered_by)
        ]
        blocking = sum(question.blocking and question.id not in settled for question in mine)
        unanswered = sum(question.id not in answered for question in mine)
        if blocking or unanswered:
            items.append(
                Item(
                    about=str(file.version),
                    what=f"Answer “{section.title}”",
                    url=reverse("admin:registry_modelversion_answer", args=[file.version.pk, section.id]),
                    detail=f"{unanswered} not answered, {blocking} blocking",
                    mark="warning" if blocking else "open",
                )
            )
    return items


def _concerns(file: VersionFile, account: User, role: str) -> bool:
    """An owner is asked about their own models; the others about everybody's but their own."""
    own = account.pk in own_people(file.version)
    return own if role == "owner" else not own


def _failures(account: User, names: Sequence[str]) -> list[Item]:
    """Assessments that failed and were not repeated, of one's own models or of all for who may request one."""
    if not account.has_perm("registry.run_assessment"):
        return []
    repeated = Assessment.objects.filter(
        version=OuterRef("version"),
        dataset=OuterRef("dataset"),
        requested_at__gt=OuterRef("requested_at"),
        status=AssessmentStatus.SUCCEEDED,
    )
    failed = Assessment.objects.filter(
        ~Exists(repeated), status=AssessmentStatus.FAILED, version__model__retired_at=None
    )
    if set(names) == {"owner"}:
        failed = failed.filter(version__model__owner=account)
    return [
        Item(
            about=str(row.version),
            what="An assessment failed",
            url=reverse("admin:registry_assessment_change", args=[row.pk]),
            detail=row.problem,
            mark="unmet",
            since=row.requested_at,
        )
        for row in failed.select_related("version__model", "dataset").order_by("-requested_at")[:20]
    ]
