"""What an auditor asks for, as entries of the trail: a model with everything about it, a control, an object, a period.

A control is what a checklist's question answers to: a reference such as "ISO/IEC 42001 A.9.4", or a question or section
by its id. Its evidence is every answer to those questions and every signature of their sections, for all models or one.
Must never take an unknown name for an empty selection.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import models

from audits.errors import NotFound
from audits.trail.act import subject_of
from audits.trail.selection import (
    Selection,
    SelectionInvalid,
    object_selection,
    period_selection,
    row_selection,
)
from governance.models import Checklist, ChecklistAnswer, SignOff
from governance.services.version_trail import subjects_of
from registry.models import Deployment, ModelVersion, RegisteredModel

_NAMED = 12  # References that an error lists.


def selection_of(asked: Mapping[str, object]) -> Selection:
    """The selection for a ``subject``, ``table`` and ``key``, ``model``, ``control`` (of a ``model``), or a period.

    Times are datetimes, the rest is text. Raises SelectionInvalid and NotFound.
    """
    texts = {name: str(asked[name]) for name in ("subject", "table", "key", "model", "control") if asked.get(name)}
    times = {name: value for name in ("from", "to") if isinstance(value := asked.get(name), datetime)}
    since, until = times.get("from"), times.get("to")
    match texts:
        case {"subject": subject} if len(texts) == 1:
            found = object_selection(subject)
        case {"table": table, "key": key} if len(texts) == 2:
            found = row_selection(table, key)
        case {"control": control} if texts.keys() <= {"control", "model"}:
            found = control_selection(control, model=texts.get("model"))
        case {"model": model} if len(texts) == 1:
            found = model_selection(model)
        case _ if not texts and times:
            return period_selection(since=since, until=until)
        case _:
            raise SelectionInvalid(
                "Say what the bundle is to be about: subject, or table and key, or model, or control (of one model: "
                "with model), or a period with from and to. A period narrows the others too."
            )
    return found.within(since=since, until=until)


def held_in(asked: Mapping[str, object]) -> tuple[int, ...]:
    """The size of the checkpoint that the reader holds, where it was said."""
    held = asked.get("held")
    return (held,) if isinstance(held, int) else ()


def model_selection(name: str) -> Selection:
    """A model with everything about it: its versions, data, evidence, assessments, deployments, and their rules."""
    model = _model(name)
    subjects = {subject_of(model)}
    for version in ModelVersion.objects.filter(model=model).select_related("model"):
        subjects.update(subjects_of(version))
    subjects.update(subject_of(deployment) for deployment in Deployment.objects.filter(version__model=model))
    return Selection(said={"kind": "model", "model": name}, subjects=frozenset(subjects))


def control_selection(control: str, *, model: str | None = None) -> Selection:
    """The answers and signatures that are the evidence of a control, and the checklists that ask for them."""
    wanted = control.strip().casefold()
    checklists: list[models.Model] = []
    questions, sections = set(), set()
    known: set[str] = set()
    for checklist in Checklist.objects.all():
        for section in checklist.template.sections:
            for question in section.questions:
                known.update(question.references)
                names = {question.id, section.id, *(reference.casefold() for reference in question.references)}
                if wanted in names:
                    questions.add((checklist.pk, question.id))
                    sections.add((checklist.pk, section.id))
                    checklists.append(checklist)
    if not questions:
        listed = ", ".join(sorted(known)[:_NAMED])
        raise NotFound(
            f"No checklist has a reference, question or section {control[:100]!r}. References are, for example: "
            f"{listed}."
        )
    answers = ChecklistAnswer.objects.filter(question__in={question for _, question in questions})
    signed = SignOff.objects.filter(section__in={section for _, section in sections})
    said = {"kind": "control", "control": control}
    if model is not None:
        answers, signed = answers.filter(version__model=_model(model)), signed.filter(version__model=_model(model))
        said["model"] = model
    chosen: list[models.Model] = [row for row in answers if (row.checklist_id, row.question) in questions]
    chosen += [row for row in signed if (row.checklist_id, row.section) in sections]
    rows = {(row._meta.db_table, str(row.pk)) for row in chosen}
    return Selection(said=said, subjects=frozenset(subject_of(item) for item in checklists), rows=frozenset(rows))


def _model(name: str) -> RegisteredModel:
    found = RegisteredModel.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no model {name!r}: GET /api/v1/models lists them.")
    return found
