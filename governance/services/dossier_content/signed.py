"""The dossier's parts that people signed: checklist, approvals, accepted risks; each signature valid or stale.

Must never print a signature as valid that the policy would not count: both go by the same digests.
"""

from collections.abc import Iterator

from audits.documents.formatting import format_time, short_digest
from governance.checklists.templates import Question as Asked
from governance.checklists.templates import Section
from governance.dossiers.blocks import Signature, SignatureStanding
from governance.dossiers.content import (
    ApprovalContent,
    ChecklistContent,
    ChecklistSection,
    Question,
    RiskAcceptance,
)
from governance.models import Approval, ChecklistAnswer, SignOff, Verdict
from governance.models import RiskAcceptance as AcceptanceRow
from governance.models.signatures import Signature as SignatureRow
from governance.services.dossier_content.evidence import finding_of
from governance.services.dossier_content.reading import Reading, authentication_method, role_title
from governance.services.signed_content import (
    APPROVER_ROLES,
    acceptance_digest,
    approval_digest,
    approval_is_valid,
    latest_approval,
    latest_sign_off,
    own_people,
    section_digest,
    section_is_signed,
    signer_may,
)

_OWN_WORK = "The signer owns the model or registered the version, and nobody approves their own work"
_NO_LONGER = "The signer no longer has the role, or is no longer on the side of the version that signs here"


def checklist_content(reading: Reading) -> ChecklistContent:
    checklist = reading.file.checklist
    return ChecklistContent(
        title=checklist.title,
        version=checklist.version,
        digest=checklist.digest,
        sections=tuple(_sections(reading)),
    )


def approval_contents(reading: Reading) -> tuple[ApprovalContent, ...]:
    """The latest verdict in each role, and the roles that are awaited."""
    return tuple(_approvals(reading))


def acceptance_contents(reading: Reading) -> tuple[RiskAcceptance, ...]:
    """Accepted risks that count; of a topic without any, the latest, with why it does not."""
    made = [_acceptance(reading, row) for row in reading.file.acceptances]
    by_topic: dict[str, list[RiskAcceptance]] = {}
    for acceptance in made:
        by_topic.setdefault(acceptance.risk, []).append(acceptance)
    kept = []
    for topic in by_topic.values():
        kept += [one for one in topic if one.signature and one.signature.standing is SignatureStanding.VALID] or topic[
            -1:
        ]
    return tuple(kept)


def _sections(reading: Reading) -> Iterator[ChecklistSection]:
    file = reading.file
    given = {answer.question: answer for answer in file.answers}
    entries = reading.trail.entries_of(list(file.sign_offs))
    for place, section in enumerate(file.checklist.template.sections, start=1):
        sign_off = latest_sign_off(file, section)
        yield ChecklistSection(
            title=section.title,
            signatory=role_title(section.signed_by),
            questions=tuple(
                _question(reading, f"{place}.{number}", asked, given.get(asked.id))
                for number, asked in enumerate(section.questions, start=1)
            ),
            sign_off=None if sign_off is None else _sign_off(reading, section, sign_off, entries.get(sign_off.pk)),
        )


def _question(reading: Reading, number: str, asked: Asked, answer: ChecklistAnswer | None) -> Question:
    owner = role_title(asked.answered_by)
    if answer is None:
        measured = [kept for kept in reading.file.evidence if kept.measurement in asked.evidence]
        return Question(
            number=number,
            text=asked.text,
            owner=owner,
            blocking=asked.blocking,
            evidence=tuple(f"{kept.title}, {short_digest(kept.digest)}" for kept in measured),
        )
    return Question(
        number=number,
        text=asked.text,
        owner=owner,
        blocking=asked.blocking,
        answer=answer.get_choice_display(),
        comment=answer.text,
        answered_by=reading.names.get(answer.answered_by_id, f"account {answer.answered_by_id}"),
        answered_at=answer.answered_at,
        evidence=tuple(_linked(reading, digest) for digest in answer.evidence),
    )


def _linked(reading: Reading, digest: str) -> str:
    title = next((kept.title for kept in reading.file.evidence if kept.digest == digest), None)
    if title is not None:
        return f"{title}, {short_digest(digest)}"
    old = reading.superseded.get(digest)
    name = old.title if old is not None else "Evidence"
    return f"{name}, {short_digest(digest)} (no longer current: it was measured again)"


def _sign_off(reading: Reading, section: Section, row: SignOff, entry: int | None) -> Signature:
    file = reading.file
    reason = "" if section_is_signed(file, section) else _why_section_is_stale(reading, section, row)
    return _signature(
        row,
        subject=f"{section.title}: the answers of this section for {file.version} and the evidence that they rest on",
        reason=reason,
        entry=entry,
    )


def _why_section_is_stale(reading: Reading, section: Section, row: SignOff) -> str:
    """What was changed after the signing, as far as the times tell."""
    file = reading.file
    if not signer_may(file, row):
        return _NO_LONGER
    numbers = {question.id: number for number, question in enumerate(section.questions, start=1)}
    later = [a for a in file.answers if a.question in numbers and a.answered_at > row.signed_at]
    kinds = {kind for question in section.questions for kind in question.evidence}
    measured = [e.title for e in file.evidence if e.measurement in kinds and e.measured_at > row.signed_at]
    found = []
    if later:
        place = 1 + [one.id for one in file.checklist.template.sections].index(section.id)
        listed = ", ".join(f"{place}.{number}" for number in sorted(numbers[answer.question] for answer in later))
        found.append(f"answers were changed afterwards (question {listed})")
    if measured:
        found.append(f"evidence is newer ({', '.join(measured)})")
    return _changed(found, row.signed_digest, section_digest(file, section))


def _changed(found: list[str], signed: str, now: str) -> str:
    what = " and ".join(found) or "the version, its evidence, its risk tier or the rules changed afterwards"
    return (
        f"What was signed is no longer what stands there: {what}. Signed was {short_digest(signed)}, now it is "
        f"{short_digest(now)}"
    )


def _approvals(reading: Reading) -> Iterator[ApprovalContent]:
    file = reading.file
    entries = reading.trail.entries_of(list(file.approvals))
    for role in APPROVER_ROLES:
        stage = "Validation" if role == "validator" else "Compliance"
        row = latest_approval(file, role)
        if row is None:
            yield ApprovalContent(stage=stage, outcome="Waiting", owner=role_title(role))
            continue
        outcome = str(Verdict(row.verdict).label)
        reason = _why_approval_is_stale(reading, row, role)
        yield ApprovalContent(
            stage=stage,
            outcome=f"{outcome}, no longer valid" if reason else outcome,
            owner=role_title(role),
            signature=_signature(
                row,
                subject=f"{file.version} with its artifact, evidence, checklist, accepted risks and policy",
                reason=reason,
                entry=entries.get(row.pk),
            ),
        )


def _why_approval_is_stale(reading: Reading, row: Approval, role: str) -> str:
    file = reading.file
    if row.verdict == Verdict.APPROVED and approval_is_valid(file, role):
        return ""
    if row.signer_id in own_people(file.version):
        return _OWN_WORK
    if not signer_may(file, row):
        return _NO_LONGER
    now = approval_digest(file, role)
    if row.signed_digest == now:
        return ""
    found = []
    if any(kept.measured_at > row.signed_at for kept in file.evidence):
        found.append("evidence is newer")
    if any(answer.answered_at > row.signed_at for answer in file.answers):
        found.append("answers of the checklist were changed afterwards")
    if any(one.signed_at > row.signed_at for one in [*file.sign_offs, *file.acceptances]):
        found.append("sections were signed or risks accepted afterwards")
    if role != APPROVER_ROLES[0] and not approval_is_valid(file, APPROVER_ROLES[0]):
        found.append("the validator's approval before it is no longer valid")
    return _changed(found, row.signed_digest, now)


def _acceptance(reading: Reading, row: AcceptanceRow) -> RiskAcceptance:
    file = reading.file
    now = acceptance_digest(file, row.topic)
    reason = ""
    if row.expires_at <= reading.at:
        reason = f"It was given until {format_time(row.expires_at)}"
    elif row.signer_id in own_people(file.version):
        reason = _OWN_WORK
    elif not signer_may(file, row):
        reason = _NO_LONGER
    elif row.signed_digest != now:
        reason = _changed(["the measurement, the risk tier or the policy changed afterwards"], row.signed_digest, now)
    measured = next((kept for kept in file.evidence if kept.measurement == row.topic), None)
    return RiskAcceptance(
        risk=f"{row.topic.capitalize()}: what the measurement showed",
        residual=finding_of(measured) if measured is not None else "No longer measured",
        treatment=row.comment,
        expires_at=row.expires_at,
        owner=role_title(row.role),
        signature=_signature(
            row,
            subject=f"The measured {row.topic} of {file.version}, its risk tier and its policy",
            reason=reason,
            entry=reading.trail.entry_of(row),
            comment="",
        ),
    )


def _signature(
    row: SignatureRow, *, subject: str, reason: str, entry: int | None, comment: str | None = None
) -> Signature:
    return Signature(
        signer=row.signer_name,
        role=role_title(row.role),
        signed_at=row.signed_at,
        meaning=row.meaning,
        subject=subject,
        digest=row.signed_digest,
        method=authentication_method(row),
        standing=SignatureStanding.STALE if reason else SignatureStanding.VALID,
        reason=reason,
        comment=row.comment if comment is None else comment,
        entry=entry,
    )
