"""The demo's second half, by people: answers, sign-offs, an accepted risk where one is needed, two approvals."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.utils import timezone

from audits.artifacts import store
from audits.errors import DomainError
from audits.models import Evidence
from governance.checklists.templates import Question
from governance.demo.people import Player
from governance.demo.telling import Teller
from governance.models import PolicyAssignment, Standing
from governance.services import review
from registry.models import ModelVersion

MEANINGS = {
    "sign": "I have read the answers of this section and the evidence they rest on; they are complete and right.",
    "approve": "I approve this version for production on the evidence and answers shown to me.",
    "accept": "I accept the remaining risk until the day stated.",
}


def answer_everything(
    version: ModelVersion, people: Mapping[str, Player], evidence: Sequence[Evidence], teller: Teller
) -> None:
    """Each question is answered by the role that it names; evidence is linked where it answers."""
    findings = {kept.measurement: (kept, _finding(kept)) for kept in evidence}
    template = _assignment().checklist.template
    for section in template.sections:
        for role in sorted({question.answered_by for question in section.questions}):
            given = []
            for question in (asked for asked in section.questions if asked.answered_by == role):
                links = [findings[kind] for kind in question.evidence if kind in findings]
                given.append(
                    review.GivenAnswer(
                        question=question.id,
                        choice="yes",
                        text=_words(question, [finding for _, finding in links]),
                        evidence=[kept.digest for kept, _ in links],
                    )
                )
            review.answer_questions(actor=people[role].actor(), version=version, answers=given)
        teller.say(f"{len(section.questions):2d} answers: {section.title}")


def sign_everything(version: ModelVersion, people: Mapping[str, Player], teller: Teller) -> None:
    for section in _assignment().checklist.template.sections:
        player = people[section.signed_by]
        signed = review.sign_section(
            actor=player.actor(),
            version=version,
            section=section.id,
            meaning=MEANINGS["sign"],
            authentication=player.sign(),
        )
        teller.say(f"{section.title}: signed by {signed.signer_name} as {section.signed_by.replace('_', ' ')}")


def accept_disparity(version: ModelVersion, people: Mapping[str, Player], teller: Teller) -> None:
    """Where groups differ by more than the policy tolerates, a risk officer must accept it, for 90 days."""
    clause = _reason(version, "disparity-within-tolerance")
    if clause is None or clause["result"] == "true":
        teller.say("the disparity between groups lies within the policy's tolerance; nothing to accept")
        return
    player = people["risk_officer"]
    review.accept_risk(
        actor=player.actor(),
        version=version,
        topic="fairness",
        statement="Demonstration: the groups are small and the difference is shown with its interval; the model only "
        "offers an earlier look by a person, who decides. To be measured again on more rows within 90 days.",
        expires_at=timezone.now() + timedelta(days=90),
        meaning=MEANINGS["accept"],
        authentication=player.sign(),
    )
    teller.say(str(clause["explain"])[:300])
    teller.say(f"{player.account.name} accepts the disparity for 90 days, with a reason")


def approve(version: ModelVersion, people: Mapping[str, Player], teller: Teller) -> None:
    """The owner tries and is refused; then the validator and the compliance officer approve."""
    owner = people["owner"]
    try:
        review.decide_version(
            actor=owner.actor(),
            version=version,
            role="validator",
            verdict="approved",
            meaning=MEANINGS["approve"],
            authentication=owner.sign(),
        )
    except DomainError as refusal:
        teller.say(f"refused, and recorded: {refusal.message}")
    for role in ("validator", "compliance_officer"):
        player = people[role]
        review.decide_version(
            actor=player.actor(),
            version=version,
            role=role,
            verdict="approved",
            meaning=MEANINGS["approve"],
            authentication=player.sign(),
        )
        teller.say(f"approved by {player.account.name} as {role.replace('_', ' ')}")


def _words(question: Question, findings: Sequence[str]) -> str:
    if findings:
        return "Demonstration answer, from the linked evidence: " + " ".join(findings)
    return f"Demonstration answer: in real use this names the document, the place and the person. ({question.help})"


def _finding(evidence: Evidence) -> str:
    return str(json.loads(store.read(evidence.record_digest)).get("finding", evidence.title))


def _assignment() -> PolicyAssignment:
    return PolicyAssignment.objects.select_related("checklist").get(environment__name="production")


def _reason(version: ModelVersion, rule: str) -> dict[str, object] | None:
    standing = Standing.objects.get(version=version, environment__name="production")
    return next((reason for reason in standing.outcome["reasons"] if reason["rule"] == rule), None)
