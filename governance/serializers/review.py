"""How checklists, answers, signatures and dossiers look in requests and answers. Never writes anything."""

from rest_framework import serializers

from audits.serializers.strict import DigestField, StrictSerializer
from governance.models import (
    AnswerChoice,
    Approval,
    ChecklistAnswer,
    Dossier,
    DossierOrder,
    RiskAcceptance,
    SignOff,
    Verdict,
)
from governance.services.signed_content import APPROVER_ROLES

SIGNATURE = ["id", "signer", "signer_name", "role", "meaning", "comment", "signed_digest", "method", "signed_at"]


class AnswerView(serializers.ModelSerializer[ChecklistAnswer]):
    evidence = serializers.ListField(child=serializers.CharField(), read_only=True)
    answered_by = serializers.CharField(source="answered_by.username", read_only=True)

    class Meta:
        model = ChecklistAnswer
        fields = ["question", "choice", "text", "evidence", "answered_by", "answered_at"]
        read_only_fields = fields


class AnswerRequest(StrictSerializer):
    choice = serializers.ChoiceField(AnswerChoice.choices)
    text = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")
    evidence = serializers.ListField(child=DigestField(), required=False, default=list, max_length=100)


class QuestionView(serializers.Serializer[dict[str, object]]):
    id = serializers.CharField()
    text = serializers.CharField()
    help = serializers.CharField()
    answered_by = serializers.CharField(help_text="The role that answers it.")
    evidence = serializers.ListField(child=serializers.CharField(), help_text="Kinds of evidence that answer it.")
    blocking = serializers.BooleanField()
    answer = AnswerView(allow_null=True)


class SignOffView(serializers.ModelSerializer[SignOff]):
    """A section signed for a version; it counts while what it is over stands as it was signed."""

    signer = serializers.CharField(source="signer.username", read_only=True)

    class Meta:
        model = SignOff
        fields = [*SIGNATURE, "section"]
        read_only_fields = fields


class SectionView(serializers.Serializer[dict[str, object]]):
    id = serializers.CharField()
    title = serializers.CharField()
    purpose = serializers.CharField()
    signed_by = serializers.CharField(help_text="The role that signs it.")
    signed = serializers.BooleanField(help_text="Whether the latest sign-off is over what stands here now.")
    sign_off = SignOffView(allow_null=True)
    questions = QuestionView(many=True)


class ChecklistView(serializers.Serializer[dict[str, object]]):
    """The checklist of a version with its answers."""

    id = serializers.CharField()
    title = serializers.CharField()
    version = serializers.IntegerField()
    digest = serializers.CharField()
    answered = serializers.IntegerField()
    asked = serializers.IntegerField()
    sections = SectionView(many=True)


class SignatureRequest(StrictSerializer):
    """What every signature takes: its meaning in words, and the password again."""

    meaning = serializers.CharField(max_length=300, help_text="For example: I approve this version for use.")
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class SignOffRequest(SignatureRequest):
    section = serializers.CharField(max_length=100)
    comment = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")


class ApprovalView(serializers.ModelSerializer[Approval]):
    signer = serializers.CharField(source="signer.username", read_only=True)

    class Meta:
        model = Approval
        fields = [*SIGNATURE, "verdict"]
        read_only_fields = fields


class ApprovalRequest(SignatureRequest):
    role = serializers.ChoiceField(APPROVER_ROLES)
    verdict = serializers.ChoiceField(Verdict.choices)
    comment = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")


class RiskAcceptanceView(serializers.ModelSerializer[RiskAcceptance]):
    signer = serializers.CharField(source="signer.username", read_only=True)

    class Meta:
        model = RiskAcceptance
        fields = [*SIGNATURE, "topic", "expires_at"]
        read_only_fields = fields


class RiskAcceptanceRequest(SignatureRequest):
    topic = serializers.CharField(max_length=32, help_text="What was measured, for example fairness.")
    statement = serializers.CharField(max_length=10_000, help_text="What is accepted and why.")
    expires_at = serializers.DateTimeField()


class DossierView(serializers.ModelSerializer[Dossier]):
    """A printed dossier; the PDF is at ``…/pdf``, and each download is an act."""

    model = serializers.CharField(source="version.model.name", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    environment = serializers.CharField(source="environment.name", read_only=True)
    printed_by = serializers.CharField(source="printed_by.username", read_only=True)

    class Meta:
        model = Dossier
        fields = [
            "id", "model", "version", "environment", "digest", "size", "status", "checkpoint_size", "printed_by",
            "printed_at",
        ]  # fmt: skip
        read_only_fields = fields


class DossierRequest(StrictSerializer):
    environment = serializers.CharField(max_length=50)


class DossierOrderView(serializers.ModelSerializer[DossierOrder]):
    """An order: queued, succeeded (then ``dossier`` has its id) or failed (``problem`` says why)."""

    model = serializers.CharField(source="version.model.name", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    environment = serializers.CharField(source="environment.name", read_only=True)
    dossier = serializers.UUIDField(source="dossier_id", read_only=True, allow_null=True)

    class Meta:
        model = DossierOrder
        fields = [
            "id", "model", "version", "environment", "status", "problem", "dossier", "ordered_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields
