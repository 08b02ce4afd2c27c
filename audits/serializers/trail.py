"""How the trail looks in answers. Hashes are standard Base64, as in proof bundles. Never writes anything."""

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


class EntryFilter(StrictSerializer):
    """Which entries; page and page_size as in every list."""

    subject = serializers.CharField(max_length=200, required=False, help_text="For example registry.modelversion:<id>.")
    actor = serializers.CharField(max_length=100, required=False, help_text="For example user:7.")
    kind = serializers.CharField(max_length=100, required=False, help_text="For example governance.approval.granted.")
    page = serializers.IntegerField(required=False, min_value=1, help_text="Which page, from 1.")
    page_size = serializers.IntegerField(required=False, min_value=1, help_text="Rows a page, at most 200.")


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
