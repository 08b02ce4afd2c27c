"""What is asked of a feed or an export. Never writes anything."""

from rest_framework import serializers

from audits.serializers.strict import StrictSerializer
from audits.services.exporting import FORMATS as FILES
from audits.services.feeding import LARGEST
from audits.trail.feed import FORMATS as LINES


class FeedQuery(StrictSerializer):
    """From where on, how many lines, in which form."""

    after = serializers.IntegerField(
        required=False, default=-1, min_value=-1, max_value=2**53, help_text="The last index you have; -1 for none."
    )
    limit = serializers.IntegerField(required=False, default=1000, min_value=1, max_value=LARGEST)
    format = serializers.ChoiceField(choices=sorted(LINES), required=False, default="ndjson")


class ExportQuery(StrictSerializer):
    """In which form; for the list ``trail`` also which entries."""

    format = serializers.ChoiceField(choices=sorted(FILES), required=False, default="csv")
    subject = serializers.CharField(max_length=200, required=False)
    actor = serializers.CharField(max_length=100, required=False)
    kind = serializers.CharField(max_length=100, required=False)
