"""The verb that exports a list as a file. It calls the service, which records that somebody read the list out."""

from collections.abc import Sequence
from typing import cast

from django import forms
from django.http import HttpResponse, StreamingHttpResponse

from audits.admin.verbs import Done, Occasion, Verb
from audits.services.exporting import FORMATS, TRAIL, export, export_trail


class ExportForm(forms.Form):
    form = forms.ChoiceField(
        label="As",
        choices=[("csv", "CSV, for a spreadsheet"), ("json", "JSON")],
        widget=forms.RadioSelect,
        initial="csv",
    )
    reason = forms.CharField(
        label="Reason", max_length=4000, required=False, help_text="For whom or for what; goes into the trail."
    )


class ExportList(Verb):
    """Exports the list of the page that it is on."""

    name = "export"
    title = "Export"
    form_class = ExportForm
    on_list = True
    submit = "Export"

    def __init__(self, inventory: str) -> None:
        self._inventory = inventory

    def heading(self, occasion: Occasion) -> str:
        return f"Export: {self._inventory}"

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "You get the whole list as a file; each row names the entry of the trail that last set it, with its hash.",
            "The trail records that you took it.",
        )

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        if self._inventory == TRAIL:
            found = export_trail(actor=occasion.actor, form=given["form"], reason=given["reason"])
        else:
            found = export(actor=occasion.actor, name=self._inventory, form=given["form"], reason=given["reason"])
        response = StreamingHttpResponse(found.pieces, content_type=FORMATS[given["form"]])
        response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
        # Django's handlers take either; only the types of a verb's answer name the one.
        return Done(sentence="", response=cast(HttpResponse, response))
