"""Proof bundles from the trail's own pages: of one object's history, of a period.

Decides nothing: the service says who may, and records that it handed one out.
"""

from collections.abc import Sequence
from datetime import datetime

from django import forms
from django.http import HttpResponse

from audits.admin.forms import AREA
from audits.admin.verbs import Done, Occasion, Verb
from audits.services.bundles import PERMISSION, export_selection
from audits.trail.selection import Selection, object_selection, period_selection

_WHOLE = (
    "You receive one file: the entries with their inclusion proofs, the signed checkpoint with cosignatures and the "
    "public keys. Whoever has it checks it without us: with verify.html in a browser, or verify.pyz.",
    "That you exported it is an act in the trail.",
)


class WhyForm(forms.Form):
    reason = forms.CharField(
        label="For whom, and why", max_length=4000, widget=forms.Textarea(attrs=AREA), help_text="Goes into the trail."
    )


class PeriodForm(WhyForm):
    since = forms.DateTimeField(label="From", required=False, help_text="UTC, for example 2026-11-30 08:00.")
    until = forms.DateTimeField(label="To", required=False, help_text="UTC; acts before this time.")
    field_order = ("since", "until", "reason")

    def clean(self) -> None:
        super().clean()
        if not self.cleaned_data.get("since") and not self.cleaned_data.get("until"):
            raise forms.ValidationError("A period has a beginning or an end, or both.")


class _Export(Verb):
    submit = "Export"

    def refusal(self, occasion: Occasion) -> str:
        if occasion.actor.may(PERMISSION):
            return ""
        return f"None of your roles allows it ({PERMISSION}): ask a compliance officer."

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        data = export_selection(
            actor=occasion.actor, selection=self.selection(occasion, form), reason=form.cleaned_data["reason"]
        )
        headers = {"Content-Disposition": 'attachment; filename="bundle.json"', "Cache-Control": "no-store"}
        return Done(sentence="", response=HttpResponse(data, content_type="application/json", headers=headers))

    def selection(self, occasion: Occasion, form: forms.Form) -> Selection:
        raise NotImplementedError


class ExportHistory(_Export):
    """On an entry: all that was done to its subject."""

    name = "bundle-history"
    title = "Export this object's history with proofs"
    form_class = WhyForm

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (f"Every entry on {occasion.row.subject} is in it, and every entry that changed it.", *_WHOLE)

    def selection(self, occasion: Occasion, form: forms.Form) -> Selection:
        return object_selection(occasion.row.subject)


class ExportPeriod(_Export):
    """On the list: all of a period."""

    name = "bundle-period"
    title = "Export a period with proofs"
    form_class = PeriodForm
    on_list = True

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return ("Every entry of the period is in it.", *_WHOLE)

    def selection(self, occasion: Occasion, form: forms.Form) -> Selection:
        given: dict[str, datetime | None] = form.cleaned_data
        return period_selection(since=given["since"], until=given["until"])
