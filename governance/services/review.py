"""What people do to a version before it may run: answer, sign off, accept a risk, approve or reject.

Each is one act; each ends with the version's standing computed anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from audits.errors import Conflict, DomainError, NotFound, NotPermitted
from audits.models import User
from audits.trail import Actor, act
from governance import events
from governance.authorization import role_names
from governance.checklists.templates import Section
from governance.models import (
    AnswerChoice,
    Approval,
    ChecklistAnswer,
    RiskAcceptance,
    SignOff,
    Verdict,
)
from governance.services.signed_content import (
    APPROVER_ROLES,
    VersionFile,
    acceptance_digest,
    approval_digest,
    approval_is_valid,
    own_people,
    read_file,
    section_digest,
)
from governance.services.signing import FreshAuthentication, require_signer
from governance.services.standing import recompute_version
from registry.models import ModelVersion

LONGEST_ACCEPTANCE = timedelta(days=366)
PERMISSIONS = {
    "validator": "governance.approve_as_validator",
    "compliance_officer": "governance.approve_as_compliance_officer",
}


@dataclass(frozen=True, kw_only=True)
class GivenAnswer:
    """One answer as a person gives it: ``evidence`` are digests of the version's current evidence."""

    question: str
    choice: str
    text: str = ""
    evidence: Sequence[str] = ()


def answer_questions(*, actor: Actor, version: ModelVersion, answers: Sequence[GivenAnswer]) -> list[ChecklistAnswer]:
    """Answer questions, or answer them anew, in one act: all of them or none. The role a question names answers it."""
    actor.require("governance.answer_checklist")
    file = _file(version)
    for given in answers:
        _require_answerable(actor, file, given)
    before = {answer.question: answer for answer in file.answers}
    now = timezone.now()
    kept = []
    event = events.QuestionsAnswered(questions=[given.question for given in answers])
    with act(event, actor=actor, subject=version):
        for given in answers:
            answer = before.get(given.question) or ChecklistAnswer(
                version=version, checklist=file.checklist, question=given.question
            )
            answer.choice, answer.text, answer.evidence = given.choice, given.text, list(given.evidence)
            answer.answered_by_id, answer.answered_at = _user(actor), now
            answer.save()
            kept.append(answer)
        recompute_version(version=version)
    return kept


def _require_answerable(actor: Actor, file: VersionFile, given: GivenAnswer) -> None:
    asked = file.checklist.template.questions.get(given.question)
    if asked is None:
        raise NotFound(f"The checklist has no question {given.question!r}.")
    if given.choice not in AnswerChoice.values:
        raise DomainError(f"The answer must be one of {', '.join(AnswerChoice.values)}.", code="bad_choice")
    if given.choice == AnswerChoice.NOT_APPLICABLE and not given.text.strip():
        raise DomainError(f"Say why the question does not apply: {asked.text}", code="no_reason")
    if isinstance(actor.account, User):
        if asked.answered_by not in role_names(actor.account):
            raise NotPermitted(
                f"This question is for the {asked.answered_by.replace('_', ' ')} to answer: {asked.text}"
            )
        if asked.answered_by == "owner" and actor.account.pk not in own_people(file.version):
            raise NotPermitted(f"This question is for this model's owner or the version's registrant: {asked.text}")
    known = {kept.digest for kept in file.evidence}
    strange = [digest for digest in given.evidence if digest not in known]
    if strange:
        raise DomainError(f"{strange[0]} is not current evidence of this version.", code="unknown_evidence")


def sign_section(
    *, actor: Actor, version: ModelVersion, section: str, meaning: str, authentication: FreshAuthentication,
    comment: str = "", expected_digest: str = "",
) -> SignOff:  # fmt: skip
    """Sign one section as it stands now. Every question in it must be answered.

    ``expected_digest``: what the signer was shown; where it is another by now, nothing is signed (Conflict).
    """
    file = _file(version)
    found = _section(file, section)
    account = require_signer(
        actor=actor,
        version=file.version,
        permission="governance.sign_section",
        role=found.signed_by,
        authentication=authentication,
        meaning=meaning,
    )
    signed_digest = section_digest(file, found)
    _require_as_seen(expected_digest, signed_digest)
    answered = {answer.question for answer in file.answers}
    missing = [question for question in found.questions if question.id not in answered]
    if missing:
        raise Conflict(
            f"{len(missing)} questions of this section are not answered yet, first: {missing[0].text}",
            code="unanswered",
        )
    sign_off = SignOff(
        version=version,
        checklist=file.checklist,
        section=section,
        signer=account,
        signer_name=account.name,
        role=found.signed_by,
        meaning=meaning,
        comment=comment,
        signed_digest=signed_digest,
        method=authentication.method,
        signed_at=timezone.now(),
    )
    event = events.SectionSigned(section=section, signed_digest=sign_off.signed_digest)
    with act(event, actor=actor, subject=version, reason=comment):
        sign_off.save(force_insert=True)
        sign_off.refresh_from_db(fields=["signed_at"])  # The database's time, not this machine's.
        recompute_version(version=version)
    return sign_off


def decide_version(
    *, actor: Actor, version: ModelVersion, role: str, verdict: str, meaning: str, authentication: FreshAuthentication,
    comment: str = "", expected_digest: str = "",
) -> Approval:  # fmt: skip
    """Approve or reject a version in a role. Two people approve, the validator first; neither owner nor registrant.

    ``expected_digest`` as in :func:`sign_section`.
    """
    if role not in APPROVER_ROLES:
        raise DomainError(f"A version is approved as one of {', '.join(APPROVER_ROLES)}.", code="unknown_role")
    if verdict not in Verdict.values:
        raise DomainError(f"The verdict must be one of {', '.join(Verdict.values)}.", code="bad_verdict")
    file = _file(version)
    account = require_signer(
        actor=actor,
        version=file.version,
        permission=PERMISSIONS[role],
        role=role,
        authentication=authentication,
        meaning=meaning,
    )
    for given in file.approvals:
        if given.role != role and given.signer_id == account.pk:
            raise NotPermitted(
                f"Two different people approve: {account.name} gave a verdict already, as "
                f"{given.role.replace('_', ' ')}.",
                code="same_person",
            )
        if given.role != role and _knew_password(account, given.signer):
            raise NotPermitted(
                f"Two people approve who could not sign for each other: one of {account.name} and {given.signer.name} "
                "once set the other's password. Somebody else approves.",
                code="shared_password",
            )
    if verdict == Verdict.APPROVED and role == "compliance_officer" and not approval_is_valid(file, "validator"):
        raise Conflict("The validator approves first; no valid approval by a validator is there.", code="too_early")
    if verdict == Verdict.REJECTED and not comment.strip():
        raise DomainError("Say why the version is rejected.", code="no_reason")
    signed_digest = approval_digest(file, role)
    _require_as_seen(expected_digest, signed_digest)
    approval = Approval(
        version=version,
        verdict=verdict,
        signer=account,
        signer_name=account.name,
        role=role,
        meaning=meaning,
        comment=comment,
        signed_digest=signed_digest,
        method=authentication.method,
        signed_at=timezone.now(),
    )
    made = events.ApprovalGranted if verdict == Verdict.APPROVED else events.ApprovalRefused
    with act(made(role=role, signed_digest=approval.signed_digest), actor=actor, subject=version, reason=comment):
        approval.save(force_insert=True)
        approval.refresh_from_db(fields=["signed_at"])  # The database's time, not this machine's.
        recompute_version(version=version)
    return approval


def accept_risk(
    *, actor: Actor, version: ModelVersion, topic: str, statement: str, expires_at: datetime, meaning: str,
    authentication: FreshAuthentication, expected_digest: str = "",
) -> RiskAcceptance:  # fmt: skip
    """A risk officer accepts, until a day, what the measurement of a topic showed.

    ``expected_digest`` as in :func:`sign_section`.
    """
    file = _file(version)
    account = require_signer(
        actor=actor,
        version=file.version,
        permission="governance.accept_risk",
        role="risk_officer",
        authentication=authentication,
        meaning=meaning,
    )
    if not any(evidence.measurement == topic for evidence in file.evidence):
        raise Conflict(f"Nothing to accept: {topic} is not measured for this version.", code="not_measured")
    if not statement.strip():
        raise DomainError("Say what is accepted and why.", code="no_reason")
    now = timezone.now()
    if not now < expires_at <= now + LONGEST_ACCEPTANCE:
        raise DomainError("An acceptance must expire in the future and within a year.", code="bad_expiry")
    signed_digest = acceptance_digest(file, topic)
    _require_as_seen(expected_digest, signed_digest)
    acceptance = RiskAcceptance(
        version=version,
        topic=topic,
        expires_at=expires_at,
        signer=account,
        signer_name=account.name,
        role="risk_officer",
        meaning=meaning,
        comment=statement,
        signed_digest=signed_digest,
        method=authentication.method,
        signed_at=now,
    )
    event = events.RiskAccepted(topic=topic, signed_digest=acceptance.signed_digest)
    with act(event, actor=actor, subject=version, reason=statement):
        acceptance.save(force_insert=True)
        acceptance.refresh_from_db(fields=["signed_at"])  # The database's time, not this machine's.
        recompute_version(version=version)
    return acceptance


def _knew_password(one: User, other: User) -> bool:
    return one.password_set_by == f"user:{other.pk}" or other.password_set_by == f"user:{one.pk}"


def _require_as_seen(expected: str, found: str) -> None:
    if expected and expected != found:
        raise Conflict(
            "What you would sign has changed since you were shown it. Nothing was signed: read it again, then sign "
            "what is there now.",
            code="changed_meanwhile",
        )


def _file(version: ModelVersion) -> VersionFile:
    file = read_file(version)
    if file is None:
        raise Conflict("No policy and checklist are assigned to production: run manage.py setup.", code="no_policy")
    return file


def _section(file: VersionFile, section: str) -> Section:
    for found in file.checklist.template.sections:
        if found.id == section:
            return found
    names = ", ".join(s.id for s in file.checklist.template.sections)
    raise NotFound(f"The checklist has no section {section!r}. Its sections are: {names}.")


def _user(actor: Actor) -> int:
    if actor.user_id is None:
        raise NotPermitted("Only a person answers.")
    return actor.user_id
