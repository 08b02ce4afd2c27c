"""How decisions of the gate, standings, policies and tokens look in requests and answers. Never writes anything."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from audits.serializers.strict import DigestField, ObjectField, StrictSerializer
from governance.models import ApiToken, Decision, Policy, Standing
from governance.services.gate import ACTIONS
from governance.services.permits import permit_of
from governance.services.wording import why

REASON = "Why; it goes beside the trail."
VERSION = {"min_value": 1, "max_value": 2**31 - 1}


class ReasonView(serializers.Serializer[dict[str, object]]):
    """One clause of the policy: whether it is met, why in words, and the next step."""

    rule = serializers.CharField()
    title = serializers.CharField(required=False)
    result = serializers.ChoiceField(["true", "false", "unknown"])
    explain = serializers.CharField()
    next_step = serializers.CharField()
    owner = serializers.CharField(help_text="The role that the next step is for.")
    evidence = serializers.ListField(child=serializers.CharField())


class DecisionQuestion(StrictSerializer):
    """What a deployment system asks: a version by model and number, by digest, or by both (then both must fit)."""

    model = serializers.CharField(max_length=200, required=False)
    version = serializers.IntegerField(required=False, **VERSION)  # type: ignore[arg-type]
    digest = DigestField(required=False)
    environment = serializers.CharField(max_length=200)
    action = serializers.ChoiceField(ACTIONS, required=False)
    context = serializers.DictField(  # type: ignore[assignment] # DRF has an attribute of that name; fields shadow it.
        child=serializers.CharField(), required=False, help_text="For example the commit and the pipeline's address."
    )


class PolicyReference(serializers.Serializer[dict[str, str]]):
    id = serializers.CharField()
    digest = serializers.CharField()


class Envelope(serializers.Serializer[dict[str, object]]):
    """A DSSE envelope of an in-toto statement (SLSA VSA), to be verified with /.well-known/countersign/keys.json."""

    payload = serializers.CharField()
    payloadType = serializers.CharField()
    signatures = serializers.ListField(child=ObjectField())


class DecisionAnswer(serializers.Serializer[dict[str, object]]):
    """The gate's answer. ``status`` is ALLOWED, DENIED or UNKNOWN; only ``allowed: true`` is a permission."""

    id = serializers.UUIDField()
    allowed = serializers.BooleanField()
    status = serializers.ChoiceField(["ALLOWED", "DENIED", "UNKNOWN"])
    reason = serializers.CharField(help_text="Why, in one sentence.")
    reasons = ReasonView(many=True)
    policy = PolicyReference(allow_null=True)
    model = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(allow_null=True)
    digest = serializers.CharField(allow_blank=True)
    environment = serializers.CharField()
    decided_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    receipt = serializers.UUIDField()
    permit = Envelope(allow_null=True)
    permit_url = serializers.CharField(allow_null=True)


class DecisionView(serializers.ModelSerializer[Decision]):
    """One decision as it was given."""

    reason = serializers.SerializerMethodField()
    reasons = ReasonView(many=True, read_only=True)
    asked = ObjectField(read_only=True)
    model = serializers.SerializerMethodField()
    version = serializers.IntegerField(source="version.number", read_only=True, default=None, allow_null=True)
    digest = serializers.CharField(source="version.artifact_digest", read_only=True, default="")
    environment = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(source="permit_until", read_only=True, allow_null=True)
    permit_url = serializers.SerializerMethodField()

    class Meta:
        model = Decision
        fields = [
            "id", "allowed", "status", "reason", "reasons", "asked", "action", "policy_digest", "model", "version",
            "digest", "environment", "actor", "decided_at", "expires_at", "receipt", "permit_url",
        ]  # fmt: skip
        read_only_fields = fields

    def get_reason(self, decision: Decision) -> str:
        version = decision.version
        what = f"{version.model.name} {version.number}" if version else str(decision.asked["model"]) or "This"
        return why(
            allowed=decision.allowed, what=what, environment=self.get_environment(decision), reasons=decision.reasons
        )

    def get_model(self, decision: Decision) -> str:
        return decision.version.model.name if decision.version else str(decision.asked["model"])

    def get_environment(self, decision: Decision) -> str:
        return decision.environment.name if decision.environment else str(decision.asked["environment"])

    def get_permit_url(self, decision: Decision) -> str | None:
        return f"{settings.BASE_URL}/api/v1/decisions/{decision.pk}/permit" if _still_holds(decision) else None


class DecisionDetail(DecisionView):
    """One decision with its permit, while that holds."""

    permit = serializers.SerializerMethodField()

    class Meta(DecisionView.Meta):
        fields = [*DecisionView.Meta.fields, "permit"]
        read_only_fields = fields

    def get_permit(self, decision: Decision) -> dict[str, Any] | None:
        return dict(permit_of(decision)) if _still_holds(decision) else None


class DecisionFilter(StrictSerializer):
    """Which decisions; page and page_size as in every list."""

    model = serializers.CharField(max_length=100, required=False)
    version = serializers.IntegerField(required=False, **VERSION)  # type: ignore[arg-type]
    environment = serializers.CharField(max_length=50, required=False)
    allowed = serializers.BooleanField(required=False, allow_null=True, default=None)
    page = serializers.IntegerField(required=False, min_value=1, help_text="Which page, from 1.")
    page_size = serializers.IntegerField(required=False, min_value=1, help_text="Rows a page, at most 200.")


class StandingView(serializers.ModelSerializer[Standing]):
    """Whether a version may run in an environment as things stand, clause by clause."""

    environment = serializers.CharField(source="environment.name", read_only=True)
    policy = serializers.SerializerMethodField()
    reasons = ReasonView(source="outcome.reasons", many=True, read_only=True)

    class Meta:
        model = Standing
        fields = ["environment", "allowed", "policy", "computed_at", "valid_until", "reasons"]
        read_only_fields = fields

    def get_policy(self, standing: Standing) -> dict[str, str]:
        return {"id": standing.policy.key, "digest": standing.policy.digest} if standing.policy else {}


class PolicyView(serializers.ModelSerializer[Policy]):
    """One version of a policy: its rule document, whose canonical JSON has the digest."""

    document = ObjectField(read_only=True)

    class Meta:
        model = Policy
        fields = ["key", "version", "title", "digest", "adopted_at", "document"]
        read_only_fields = fields


class TokenView(serializers.ModelSerializer[ApiToken]):
    """A token without its secret, which is kept nowhere."""

    account = serializers.CharField(source="account.username", read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ApiToken
        fields = ["id", "account", "name", "scopes", "created_at", "expires_at", "revoked_at"]
        read_only_fields = fields


class IssuedTokenView(TokenView):
    """A new token: ``secret`` is shown this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(TokenView.Meta):
        fields = [*TokenView.Meta.fields, "secret"]
        read_only_fields = fields


class TokenRequest(StrictSerializer):
    account = serializers.CharField(max_length=150, help_text="User name of the account that it acts for.")
    name = serializers.CharField(max_length=100, help_text="What it is for.")
    scopes = serializers.ListField(child=serializers.CharField(max_length=100), max_length=50)
    expires_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="", help_text=REASON)


class Revocation(StrictSerializer):
    reason = serializers.CharField(max_length=2000, help_text=REASON)


def _still_holds(decision: Decision) -> bool:
    return decision.allowed and decision.permit_until is not None and decision.permit_until > timezone.now()
