"""Accept a risk: a risk officer signs for what a measurement showed, until a day.

Decides nothing; the acceptance is over the measurement as it is now and ends by itself.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from audits.admin.forms import AREA, SigningForm
from audits.admin.panels import Panel
from audits.admin.verbs import Done, Occasion
from governance.admin.refusals import file_of, to_accept
from governance.admin.review_panels import accepted, evidence
from governance.admin.signing_verbs import SigningVerb
from governance.admin.standing_view import standings_of
from governance.services.review import LONGEST_ACCEPTANCE, accept_risk
from governance.services.signed_content import approval_digest


class AcceptanceForm(SigningForm):
    topic = forms.ChoiceField(label="What is accepted", choices=())
    comment = forms.CharField(
        label="What is accepted, and why",
        max_length=4000,
        widget=forms.Textarea(attrs=AREA),
        help_text="Name the number, the people it concerns, what is done about it, and who watches it.",
    )
    until = forms.DateField(
        label="Until",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The end of this day, UTC; at most a year from now. Then the policy counts it as open again.",
    )
    field_order = ["topic", "comment", "until", "meaning", "password"]


class AcceptRisk(SigningVerb):
    name = "accept-risk"
    title = "Accept a risk"
    form_class = AcceptanceForm
    submit = "Sign and accept"

    def refusal(self, occasion: Occasion) -> str:
        return to_accept(occasion)

    def meaning(self, occasion: Occasion) -> str:
        return "As risk officer I accept this risk until the day named."

    def form(self, occasion: Occasion, data: Any = None) -> forms.Form:
        form = super().form(occasion, data)
        file = file_of(occasion)
        topics = [(e.measurement, f"{e.title}, as measured") for e in (file.evidence if file else ())]
        # Whoever asks without evidence is answered by the service.
        form.fields["topic"].choices = topics or [("fairness", "Fairness")]  # type: ignore[attr-defined]
        if data is None:
            form.initial["topic"] = "fairness"
            form.initial["until"] = (timezone.now() + timedelta(days=90)).date()
        return form

    def signed_now(self, occasion: Occasion, form: forms.Form | None = None) -> str:
        file = file_of(occasion)
        if file is None:
            return ""
        # Before the topic is chosen: all that approvals rest on, so that any change is noticed.
        return approval_digest(file, "validator")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "The policy takes the topic as accepted until that day, and not a day longer.",
            "The acceptance is over the measurement as it is now: with new evidence it no longer counts.",
        )

    def panels(self, occasion: Occasion) -> Sequence[Panel]:
        file = file_of(occasion)
        return [] if file is None else [evidence(file), accepted(file)]

    def context(self, occasion: Occasion) -> dict[str, object]:
        return {"standings": standings_of(occasion.row)}

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        authentication = self.authentication(occasion, form)
        accept_risk(
            actor=occasion.actor,
            version=occasion.row,
            topic=given["topic"],
            statement=given["comment"],
            expires_at=_end_of(given["until"]),
            meaning=given["meaning"],
            authentication=authentication,
        )
        return Done(sentence=f"The {given['topic']} result of {occasion.row} is accepted until {given['until']}.")


def _end_of(day: date) -> datetime:
    """The day's last second; the very last day that may be named ends now, a year on."""
    end = datetime.combine(day, time(23, 59, 59), tzinfo=UTC)
    longest = timezone.now() + LONGEST_ACCEPTANCE
    return longest if day == longest.date() else end
