"""How the trail looks in answers. Hashes are standard Base64, as in proof bundles. Never writes anything."""

import re
from datetime import datetime
from typing import Any

from rest_framework import serializers

from audits.merkle.encoding import to_base64
from audits.models import Entry
from audits.serializers.strict import StrictSerializer


class EntryView(serializers.ModelSerializer[Entry]):
    """One leaf of the log, without its body."""

    leaf_hash = serializers.SerializerMethodField(help_text="Base64 of the RFC 6962 leaf hash.")

    class Meta:
        model = Entry
        fields = ["index", "act_id", "kind", "actor", "subject", "at", "leaf_hash"]
        read_only_fields = fields

    def get_leaf_hash(self, entry: Entry) -> str:
        return to_base64(bytes(entry.leaf_hash))


class EntryDetail(EntryView):
    """One leaf with its body: the exact text, in UTF-8, whose hash is in the tree."""

    body = serializers.SerializerMethodField(help_text="Canonical JSON (RFC 8785) of the act with its changes.")

    class Meta(EntryView.Meta):
        fields = [*EntryView.Meta.fields, "body"]
        read_only_fields = fields

    def get_body(self, entry: Entry) -> str:
        return bytes(entry.body).decode()


class TimeField(serializers.DateTimeField):
    """A time, or a day: its beginning, or its end where ``ends``. UTC where it names no zone."""

    def __init__(self, *, ends: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._ends = ends

    def to_internal_value(self, value: Any) -> datetime:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            value += "T23:59:59.999999Z" if self._ends else "T00:00:00Z"
        return super().to_internal_value(value)


class EntryFilter(StrictSerializer):
    """Which entries: what is given must all hold."""

    subject = serializers.CharField(
        max_length=200, required=False, default="", help_text="For example registry.modelversion:<id>."
    )
    actor = serializers.CharField(max_length=100, required=False, default="", help_text="For example user:7.")
    kind = serializers.CharField(
        max_length=100,
        required=False,
        default="",
        help_text="For example governance.approval.granted, or its beginning to a dot: governance.approval.",
    )
    text = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        help_text=(
            "Words, each of which begins a word of the entry: of its kind, actor, subject, data and changes, or of a "
            "text beside the trail that was not erased (a reason, a comment)."
        ),
    )
    before = serializers.IntegerField(required=False, min_value=0, help_text="Only entries below this index.")
    page_size = serializers.IntegerField(
        required=False, default=50, min_value=1, max_value=200, help_text="Entries a page, at most 200."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python, so the period is added here."""
        return {
            **super().get_fields(),
            "from": TimeField(required=False, help_text="Acts that began at this time or later; a day: its beginning."),
            "to": TimeField(required=False, ends=True, help_text="Acts that began until this time; a day: its end."),
        }


class EntriesFound(serializers.Serializer[dict[str, object]]):
    """A page of entries, newest first."""

    next = serializers.CharField(allow_null=True, help_text="The address of the page after this one.")
    unsearched = serializers.IntegerField(
        help_text="Entries that are not searched for words, kind or period yet, since no worker has taken them in."
    )
    results = EntryView(many=True)


class ProofView(serializers.Serializer[dict[str, object]]):
    """That an entry is in the log of a size: RFC 9162, section 2.1.3."""

    index = serializers.IntegerField()
    size = serializers.IntegerField()
    leaf_hash = serializers.CharField()
    proof = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField(help_text="The signed checkpoint of that size.")


class ReceiptView(serializers.Serializer[dict[str, object]]):
    """What became of an act: its place in the log with proof, once it is sequenced and signed."""

    act_id = serializers.UUIDField()
    sequenced = serializers.BooleanField(help_text="Whether the act is in the log.")
    proved = serializers.BooleanField(help_text="Whether a signed checkpoint covers it.")
    detail = serializers.CharField()
    index = serializers.IntegerField(allow_null=True)
    leaf_hash = serializers.CharField(allow_null=True)
    proof = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField(allow_blank=True)
