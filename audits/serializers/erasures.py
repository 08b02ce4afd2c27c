"""What is asked to be erased, and what was. Never shows the texts themselves."""

from rest_framework import serializers

from audits.serializers.strict import StrictSerializer


class ErasedRow(StrictSerializer):
    """Personal columns of one row."""

    table = serializers.CharField(max_length=100, help_text="For example governance_checklistanswer.")
    key = serializers.CharField(max_length=100)
    columns = serializers.ListField(child=serializers.CharField(max_length=100), min_length=1, max_length=50)


class Erasure(StrictSerializer):
    """Rows, entries whose act's reason goes, and why."""

    rows = ErasedRow(many=True, required=False)
    reasons = serializers.ListField(
        child=serializers.IntegerField(min_value=0), required=False, max_length=1000, help_text="Indexes of entries."
    )
    reason = serializers.CharField(
        max_length=4000, required=False, help_text="Why, without the texts that are to be erased; the trail keeps it."
    )
    dry_run = serializers.BooleanField(required=False, default=False)


class ErasureView(serializers.Serializer[dict[str, object]]):
    """How many texts, present and former, were erased or would be."""

    texts = serializers.IntegerField()
    erased = serializers.BooleanField()
