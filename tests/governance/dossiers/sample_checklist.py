"""Sixty questions in seven sections for the sample dossier: answered or not, signed, stale and unsigned."""

from datetime import timedelta

from governance.dossiers.blocks import Signature, SignatureStanding
from governance.dossiers.content import ChecklistContent, ChecklistSection, Question
from tests.governance.dossiers.sample_names import START, digest

SECTIONS = {
    "The problem": [
        "Is the decision that the model supports described so that a person outside the team understands it?",
        "Is it known who is affected by a wrong decision, and how badly?",
        "Was a solution without a model considered, and why was it not enough?",
        "Is the measure of success agreed with the business unit, with a number and a date?",
        "Are the limits of the intended purpose written down, including what the model must not be used for?",
        "Is there an owner who answers for the model after its release?",
    ],
    "The data": [
        "Is the origin of every dataset known, with the legal ground for its use?",
        "Are the rows representative of the people on whom the model will be used?",
        "Are missing values counted, explained and treated in the same way in training and in use?",
        "Are sensitive columns named, and is it stated which of them the model may see?",
        "Was the target checked for errors of labeling on a sample, by a second person?",
        "Does the evaluation data share no person with the training data?",
        "Is the age of the data stated, and is the data still valid for the present?",
        "Can the exact training data be found again by its digest?",
    ],
    "The baseline": [
        "Is there a simple baseline, measured on the same data in the same way?",
        "Is the gain over the baseline larger than its interval of uncertainty?",
        "Is the performance of the present process, human or otherwise, known for comparison?",
        "Is the gain worth the cost of running and watching the model?",
    ],
    "Readiness of the model": [
        "Is the preprocessing documented and part of the artifact?",
        "Does the model do what it should on the evaluation data, with intervals?",
        "Were the largest errors looked at one by one?",
        "Were predictions explored for groups and for intersections of groups?",
        "Is performance stable when inputs are perturbed within what is realistic?",
        "Are the main drivers of the predictions plausible to someone who knows the field?",
        "Was the code reviewed by someone who did not write it?",
        "Do automated tests cover preprocessing, prediction and the handling of bad input?",
        "Can the training be repeated from the commit, the data and the seed, with the same result?",
        "Are scores calibrated, or is it stated that they are not probabilities?",
        "Is it known how the model behaves outside the range of its training data?",
    ],
    "Knowing everything needed to deploy": [
        "Are all packages pinned to exact versions?",
        "Is the expected load known, and was it tested?",
        "Is the schema of inputs and outputs published to those who call the model?",
        "Is the artifact that was evaluated the one that will be deployed, by digest?",
        "Are secrets, keys and personal data absent from the artifact?",
        "Is there a way back to the former version, and has it been tried?",
        "Are the licenses of all parts known and acceptable?",
    ],
    "Monitoring": [
        "Is it decided what is measured in production, how often and by whom?",
        "Are there thresholds for alarm, set before release?",
        "Do outcomes come back, so that performance can be measured and not only drift?",
        "Are groups watched separately in production?",
        "Is it clear who is called when a threshold is crossed, at any hour?",
        "Are inputs and outputs kept long enough to explain a decision later?",
        "Is a date set for the next full review?",
    ],
    "Whether it can and may be used": [
        "Was the model tried in the real world, beside the present process, before it decides anything?",
        "Was the data reviewed by a third party?",
        "Is the benefit weighed against the cost, including the cost of errors to those affected?",
        "Are fairness metrics within the limits that were set before they were measured?",
        "Are small groups named for which no conclusion can be drawn?",
        "Were misuse and side effects considered, with what prevents them?",
        "Has legal counsel confirmed that the use is lawful in every country concerned?",
        "Can a person affected ask for a human decision?",
        "Can a decision be explained to the person affected in words they understand?",
        "Are artifacts and records kept for as long as auditors may ask for them?",
        "Is there a plan for when the model is unavailable or withdrawn?",
        "Are those who use the output trained to question it?",
        "Is the use of the model disclosed where it must be?",
        "Was the assessment of impact on fundamental rights made where it applies?",
        "Is the security of the model against manipulation and extraction considered?",
        "Are third parties who supply parts bound by contract to report defects?",
        "Is retirement planned: when, by whom, and what happens to the data?",
    ],
}
MISSING = {12, 31, 38, 45, 50}
PEOPLE = [
    "Zoë Müller-Lüdenscheidt",
    "José Ángel Ñíguez",
    "Søren Kierkegård",
    "Елена Соколова",
    "Nguyễn Thị Minh Khai",
]


def build_checklist() -> ChecklistContent:
    sections = []
    serial = 0
    for place, (title, texts) in enumerate(SECTIONS.items(), start=1):
        questions = []
        for position, text in enumerate(texts, start=1):
            serial += 1
            questions.append(_question(f"{place}.{position}", text, serial))
        sections.append(
            ChecklistSection(
                title=title,
                signatory="Validator" if place < 6 else "Compliance officer",
                questions=tuple(questions),
                sign_off=_sign_off(place, title),
            )
        )
    return ChecklistContent(
        title="ModelOps readiness", version="2026.2", digest=digest("checklist"), sections=tuple(sections)
    )


def _question(number: str, text: str, serial: int) -> Question:
    blocking = serial % 4 == 1
    if serial in MISSING:
        return Question(number=number, text=text, owner="Model owner", blocking=blocking)
    return Question(
        number=number,
        text=text,
        owner="Model owner",
        blocking=blocking,
        answer="Not applicable" if serial % 11 == 0 else "Yes",
        comment="Described in the design note of the team, chapter 3; reviewed on 12 November with the "
        "business unit and the data office."
        if serial % 3 == 0
        else "",
        answered_by=PEOPLE[serial % len(PEOPLE)],
        answered_at=START + timedelta(hours=serial),
        evidence=(f"Fairness by sex and age band, {digest('fairness')[:12]}…",) if serial % 9 == 4 else (),
    )


def _sign_off(place: int, title: str) -> Signature | None:
    if place == 7:
        return None
    stale = place == 2
    return Signature(
        signer=PEOPLE[place % len(PEOPLE)],
        role="Validator" if place < 6 else "Compliance officer",
        signed_at=START + timedelta(days=3, hours=place, minutes=17 * place),
        meaning="I have read every answer of this section and the evidence it links, and I confirm that "
        "they are complete and true to the best of my knowledge.",
        subject=f"Checklist section “{title}” with its answers",
        digest=digest(title),
        method="Password and one-time code, entered for this signature",
        standing=SignatureStanding.STALE if stale else SignatureStanding.VALID,
        reason="The answer to question 2.4 was changed on 2026-11-28 13:05:40 UTC, after the signing" if stale else "",
        entry=4100 + place,
    )
