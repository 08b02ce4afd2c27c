"""Answer the questions of one section on one page: the answers that changed are one act, all of them or none.

Never loses what was typed: an answer that the service refuses stands on the page again with the reason beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from audits.admin.forms import AREA
from audits.admin.verbs import Done, Occasion, Verb
from audits.errors import NotPermitted
from governance.admin.checklist_view import QuestionView, SectionView, names_of_answerers, section_view
from governance.admin.refusals import file_of, roles_of, to_answer
from governance.admin.signing_verbs import find_section
from governance.models import AnswerChoice
from governance.services.review import GivenAnswer, answer_questions

_SEPARATOR = "--"


class AnswersForm(forms.Form):
    """Three fields a question: ``<id>--choice``, ``<id>--text``, ``<id>--evidence``."""

    def __init__(self, questions: Sequence[QuestionView], data: Any = None) -> None:
        super().__init__(data)
        self.questions = questions
        for view in questions:
            self._add(view)

    def _add(self, view: QuestionView) -> None:
        name, answer = view.question.id, view.answer
        self.fields[f"{name}{_SEPARATOR}choice"] = forms.ChoiceField(
            label="Answer",
            choices=AnswerChoice.choices,
            required=False,
            widget=forms.RadioSelect,
            initial=answer.choice if answer else None,
        )
        self.fields[f"{name}{_SEPARATOR}text"] = forms.CharField(
            label="In words",
            required=False,
            max_length=8000,
            widget=forms.Textarea(attrs={**AREA, "rows": 3}),
            initial=answer.text if answer else "",
        )
        if view.evidence:
            self.fields[f"{name}{_SEPARATOR}evidence"] = forms.MultipleChoiceField(
                label="Rests on evidence",
                required=False,
                widget=forms.CheckboxSelectMultiple,
                choices=[(kept.digest, f"{kept.title} ({kept.digest[:12]})") for kept in view.evidence],
                initial=answer.evidence if answer else [kept.digest for kept in view.evidence],
            )

    def bound(self, view: QuestionView) -> dict[str, forms.BoundField]:
        """The question's fields by their short names, for the template."""
        prefix = f"{view.question.id}{_SEPARATOR}"
        return {name.removeprefix(prefix): self[name] for name in self.fields if name.startswith(prefix)}

    def rows(self) -> list[tuple[QuestionView, dict[str, forms.BoundField]]]:
        return [(view, self.bound(view)) for view in self.questions]

    def given(self, view: QuestionView) -> tuple[str, str, list[str]]:
        """Choice, text and evidence as they were sent."""
        data: Mapping[str, Any] = self.cleaned_data
        prefix = f"{view.question.id}{_SEPARATOR}"
        return data[f"{prefix}choice"], data[f"{prefix}text"], data.get(f"{prefix}evidence", [])

    def clean(self) -> dict[str, Any]:
        for view in self.questions:
            name = f"{view.question.id}{_SEPARATOR}"
            given = self.cleaned_data
            if given.get(f"{name}text") and not given.get(f"{name}choice") and f"{name}choice" not in self.errors:
                self.add_error(f"{name}choice", "Choose an answer for what you wrote.")
        return self.cleaned_data


class AnswerSection(Verb):
    name = "answer"
    title = "Answer"
    form_class = AnswersForm
    takes_argument = True
    template = "countersign/answer.html"
    submit = "Save answers"

    def heading(self, occasion: Occasion) -> str:
        return f"Answer “{find_section(occasion).title}” of {occasion.row}"

    def refusal(self, occasion: Occasion) -> str:
        return to_answer(occasion, find_section(occasion))

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "The answers that you change are recorded with your name and the time; earlier ones stay in the trail.",
            "A signature over this section, and approvals that rest on it, go stale.",
        )

    def form(self, occasion: Occasion, data: Any = None) -> forms.Form:
        # To whom the question is not put, it is shown and not asked; the service refuses the others.
        asked = self._section(occasion).questions if data is not None else self._mine(occasion)
        return AnswersForm([view for view in asked if data is None or self._sent(view, data)], data)

    def context(self, occasion: Occasion) -> dict[str, object]:
        mine = {view.question.id for view in self._mine(occasion)}
        others = [view for view in self._section(occasion).questions if view.question.id not in mine]
        return {"section": self._section(occasion), "others": others}

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        if not isinstance(form, AnswersForm):
            raise TypeError("the answers come in an AnswersForm")
        given = []
        for view in form.questions:
            choice, words, evidence = form.given(view)
            if choice and _changed(view, choice, words, evidence):
                given.append(GivenAnswer(question=view.question.id, choice=choice, text=words, evidence=evidence))
        if not given:
            refusal = self.refusal(occasion)
            if refusal:
                raise NotPermitted(refusal)
            return Done(sentence="Nothing was changed, so nothing was recorded.")
        answer_questions(actor=occasion.actor, version=occasion.row, answers=given)
        return Done(sentence=f"{len(given)} answers are recorded." if len(given) > 1 else "The answer is recorded.")

    def _section(self, occasion: Occasion) -> SectionView:
        file = file_of(occasion)
        section = find_section(occasion)
        if "section" not in occasion.notes and file is not None:
            occasion.notes["section"] = section_view(file, section, names_of_answerers(file))
        found: SectionView = occasion.notes["section"]
        return found

    def _mine(self, occasion: Occasion) -> list[QuestionView]:
        return [view for view in self._section(occasion).questions if view.question.answered_by in roles_of(occasion)]

    def _sent(self, view: QuestionView, data: Any) -> bool:
        return f"{view.question.id}{_SEPARATOR}choice" in data or f"{view.question.id}{_SEPARATOR}text" in data


def _changed(view: QuestionView, choice: str, words: str, evidence: Sequence[str]) -> bool:
    answer = view.answer
    return answer is None or (answer.choice, answer.text, sorted(answer.evidence)) != (
        choice,
        words,
        sorted(evidence),
    )
