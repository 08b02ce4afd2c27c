"""Verbs that erase personal texts, each behind a page that says what will be gone. Never shows the texts there."""

from collections.abc import Sequence

from django import forms

from audits.admin.forms import ReasonForm
from audits.admin.panels import Panel, Table, code, number, text
from audits.admin.verbs import Done, Occasion, Verb
from audits.services.erasure import PERMISSION, ErasurePlan, erase

PROOFS_STAY = (
    "The entries stay as they are, with their commitments: every proof goes on holding, and every page says (erased).",
    "It cannot be undone. What was printed, exported or archived before keeps what it has.",
    "Your reason stays in the trail: write it without the text that is to be erased.",
)


def planned_panel(planned: ErasurePlan) -> Panel:
    """What would be gone, as a table."""
    rows = [
        (code(field.table), code(field.key), text(field.field), number(field.texts)) for field in planned.fields
    ] + [(text("reason of an act"), code(f"entry {index}"), text("reason"), number(1)) for index in planned.reasons]
    return Panel(
        title="What will be erased",
        table=Table(
            head=("Table", "Row", "Column", "Texts, present and former"),
            rows=rows,
            empty="Nothing that is still there.",
        ),
    )


class EraseReason(Verb):
    """Erase what was written as the reason of an entry's act."""

    name = "erase-reason"
    title = "Erase the reason"
    form_class = ReasonForm
    weight = "danger"
    submit = "Erase it for good"

    def refusal(self, occasion: Occasion) -> str:
        if not occasion.actor.may(PERMISSION):
            return "This is for a compliance officer."
        if occasion.row.actor == occasion.actor.id:
            return "This is your own act: somebody else erases what you gave as its reason."
        return ""

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (f"The text that was written as the reason of entry {occasion.row.index} is erased.", *PROOFS_STAY)

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        erase(actor=occasion.actor, reasons=[occasion.row.index], reason=form.cleaned_data["reason"])
        return Done(sentence=f"The reason of entry {occasion.row.index} is erased.")
