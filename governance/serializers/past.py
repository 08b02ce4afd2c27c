"""How the past looks in answers: what ran in an environment, and a model with everything about it."""

from rest_framework import serializers

from governance.models import Approval, ChecklistAnswer, RiskAcceptance, SignOff, Standing
from governance.serializers.decisions import StandingView
from governance.serializers.review import AnswerView, ApprovalView, DossierView, RiskAcceptanceView, SignOffView
from governance.services.past import ModelThen
from governance.services.running import Running, Verdict
from registry.serializers.inventory import DatasetView, ModelView, VersionView
from registry.serializers.operations import AssessmentView, DeploymentView, EvidenceView


class RestsOn(serializers.Serializer[dict[str, object]]):
    """What an answer about the past rests on."""

    entry = serializers.IntegerField(allow_null=True, help_text="The last entry that counts; null before the first.")
    checkpoint = serializers.IntegerField(
        allow_null=True, help_text="The size of the smallest signed checkpoint that covers it."
    )
    time = serializers.DateTimeField(allow_null=True, help_text="The time that was asked for.")


class VerdictView(serializers.Serializer[Verdict]):
    """The latest verdict of a role that had been given by then."""

    role = serializers.CharField()
    verdict = serializers.CharField()
    signer = serializers.CharField(help_text="The account, for example user:7.")
    signer_name = serializers.CharField(allow_null=True, help_text="As it was signed; null where it was erased since.")
    meaning = serializers.CharField()
    signed_at = serializers.DateTimeField()
    entry = serializers.IntegerField(help_text="The entry of the trail that proves it.")


class RunningView(serializers.Serializer[Running]):
    """An artifact that serving had reported and not its end, with the version it is of and who had judged that."""

    model = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(source="number", allow_null=True)
    digest = serializers.CharField()
    since = serializers.DateTimeField(help_text="When serving reported it.")
    entry = serializers.IntegerField(help_text="The entry of that report.")
    reported_by = serializers.CharField()
    references = serializers.ListField(child=serializers.CharField(), help_text="Serving's own names for it.")
    decision = serializers.CharField(allow_blank=True, help_text="The decision it was deployed under, as reported.")
    allowed = serializers.BooleanField(allow_null=True, help_text="Its standing there then; null where it had none.")
    verdicts = VerdictView(many=True)


class RunningAnswer(serializers.Serializer[dict[str, object]]):
    environment = serializers.CharField()
    as_of = RestsOn()
    running = RunningView(many=True)


class StandingThenView(StandingView):
    version = serializers.IntegerField(source="version.number", read_only=True)

    class Meta(StandingView.Meta):
        model = Standing
        fields = ["version", *StandingView.Meta.fields]
        read_only_fields = fields


class AnswerThenView(AnswerView):
    version = serializers.IntegerField(source="version.number", read_only=True)

    class Meta(AnswerView.Meta):
        model = ChecklistAnswer
        fields = ["version", *AnswerView.Meta.fields]
        read_only_fields = fields


class SignOffThenView(SignOffView):
    version = serializers.IntegerField(source="version.number", read_only=True)

    class Meta(SignOffView.Meta):
        model = SignOff
        fields = ["version", *SignOffView.Meta.fields]
        read_only_fields = fields


class ApprovalThenView(ApprovalView):
    version = serializers.IntegerField(source="version.number", read_only=True)

    class Meta(ApprovalView.Meta):
        model = Approval
        fields = ["version", *ApprovalView.Meta.fields]
        read_only_fields = fields


class RiskAcceptanceThenView(RiskAcceptanceView):
    version = serializers.IntegerField(source="version.number", read_only=True)

    class Meta(RiskAcceptanceView.Meta):
        model = RiskAcceptance
        fields = ["version", *RiskAcceptanceView.Meta.fields]
        read_only_fields = fields


class ModelThenView(serializers.Serializer[ModelThen]):
    """A model with everything about it as of a moment."""

    model = ModelView()
    versions = VersionView(many=True)
    datasets = DatasetView(many=True)
    assessments = AssessmentView(many=True)
    evidence = EvidenceView(many=True)
    answers = AnswerThenView(many=True)
    sign_offs = SignOffThenView(many=True)
    approvals = ApprovalThenView(many=True)
    risk_acceptances = RiskAcceptanceThenView(many=True)
    standings = StandingThenView(many=True)
    deployments = DeploymentView(many=True)
    dossiers = DossierView(many=True)


class ModelThenAnswer(ModelThenView):
    as_of = RestsOn()
