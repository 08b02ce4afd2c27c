"""What else is done to a version: have it measured, export its proof bundle.

Never measures anything itself: a worker does.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpResponse

from audits.admin.forms import AREA, ReasonForm
from audits.admin.verbs import Done, Occasion, Verb
from governance.admin.refusals import lacking
from governance.services.bundles import export_bundle
from registry.models import DatasetVersion
from registry.services.assessments import MEASUREMENTS, request_assessment


class AssessmentForm(ReasonForm):
    dataset = forms.ModelChoiceField(
        label="Measured on", queryset=DatasetVersion.objects.order_by("name", "-number"), empty_label=None
    )
    measurements = forms.MultipleChoiceField(
        choices=[(name, name.capitalize()) for name in MEASUREMENTS],
        widget=forms.CheckboxSelectMultiple,
        initial=list(MEASUREMENTS),
    )
    task = forms.ChoiceField(choices=[("classification", "Classification (two classes)"), ("regression", "Regression")])
    target = forms.CharField(
        label="Target column", max_length=200, required=False, help_text="Empty: the one that the dataset states."
    )
    positive = forms.CharField(
        label="Positive value",
        max_length=200,
        required=False,
        help_text="For classification: the value of the target that counts as the positive outcome, for example 1.",
    )
    sensitive = forms.CharField(
        label="Sensitive columns",
        max_length=2000,
        required=False,
        help_text="Separated by commas. Empty: those that the dataset states.",
    )
    threshold = forms.FloatField(
        min_value=0, max_value=1, initial=0.5, help_text="Scores from here on count as positive."
    )
    predictions = forms.CharField(
        label="Predictions column",
        max_length=200,
        required=False,
        help_text="Only for a version that is a table of predictions.",
    )
    field_order = [
        "dataset",
        "measurements",
        "task",
        "target",
        "positive",
        "sensitive",
        "threshold",
        "predictions",
        "reason",
    ]

    def parameters(self) -> dict[str, object]:
        """As the measurement takes them; what was left empty is left out."""
        given = self.cleaned_data
        wanted: dict[str, object] = {"task": given["task"], "threshold": given["threshold"]}
        for name in ("target", "positive", "predictions"):
            if given[name]:
                wanted[name] = given[name]
        sensitive = [column.strip() for column in given["sensitive"].split(",") if column.strip()]
        if sensitive:
            wanted["sensitive"] = sensitive
        return wanted


class RequestAssessment(Verb):
    name = "assess"
    title = "Request an assessment"
    form_class = AssessmentForm
    submit = "Request"

    def refusal(self, occasion: Occasion) -> str:
        return lacking(occasion, "registry.run_assessment")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "A worker measures the artifact on the table, in a process of its own, and keeps the outcome as evidence.",
            "New evidence makes signatures that rest on the old go stale.",
        )

    def form(self, occasion: Occasion, data: Any = None) -> forms.Form:
        initial = {"dataset": occasion.row.training_data_id}
        return AssessmentForm(data, initial=initial)

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        if not isinstance(form, AssessmentForm):
            raise TypeError("an assessment is asked for with an AssessmentForm")
        given = form.cleaned_data
        request_assessment(
            actor=occasion.actor,
            version=occasion.row,
            dataset=given["dataset"],
            measurements=given["measurements"],
            parameters=form.parameters(),
            reason=given["reason"],
        )
        return Done(sentence=f"The assessment of {occasion.row} waits for a worker.")


class ExportReasonForm(forms.Form):
    reason = forms.CharField(
        label="For whom, and why", max_length=4000, widget=forms.Textarea(attrs=AREA), help_text="Goes into the trail."
    )


class ExportBundle(Verb):
    name = "bundle"
    title = "Export the proof bundle"
    form_class = ExportReasonForm
    submit = "Export"

    def refusal(self, occasion: Occasion) -> str:
        return lacking(occasion, "audits.export_bundle")

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "You receive one file: every entry about this version with its inclusion proof, the signed checkpoint and "
            "the public key. Whoever has it checks it without us: python -m audits.merkle verify bundle.json",
            "That you exported it is an act in the trail.",
        )

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        data = export_bundle(actor=occasion.actor, version=occasion.row, reason=form.cleaned_data["reason"])
        name = f"{occasion.row.model.name}-{occasion.row.number}-bundle.json"
        response = HttpResponse(
            data,
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
        return Done(sentence="", response=response)
