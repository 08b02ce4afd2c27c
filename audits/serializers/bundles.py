"""What a bundle is asked for with. Never writes anything."""

from typing import Any

from rest_framework import serializers

from audits.serializers.strict import StrictSerializer


class BundleRequest(StrictSerializer):
    """One object (subject, or table and key), a model, a control, a period; a period narrows the others too."""

    subject = serializers.CharField(max_length=200, required=False, help_text="For example registry.modelversion:<id>.")
    table = serializers.CharField(max_length=63, required=False, help_text="A table's name, with key.")
    key = serializers.CharField(max_length=200, required=False, help_text="A row's key, with table.")
    model = serializers.CharField(max_length=100, required=False, help_text="A registered model's name.")
    control = serializers.CharField(
        max_length=200,
        required=False,
        help_text="A reference of the checklist (ISO/IEC 42001 A.9.4), or the id of a question or section.",
    )
    held = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="Size of a checkpoint you hold, to compare with.",
    )
    reason = serializers.CharField(max_length=4000, required=False, help_text="For whom, and why; goes into the trail.")

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python, so it cannot be declared above.
        times = {
            "from": serializers.DateTimeField(required=False, help_text="Acts from this time on."),
            "to": serializers.DateTimeField(required=False, help_text="Acts before this time."),
        }
        return {**super().get_fields(), **times}
