"""What the gate is asked about: a thousand versions that may run in production, and a service's token."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from audits.trail import Actor, act
from benchmarks.database import analyze
from benchmarks.rounds import say
from governance import events
from governance.models import Decision, PolicyAssignment, Standing
from governance.roles import permissions_of
from governance.services.people import create_account
from governance.services.setup import set_up
from governance.services.standing import recompute_version
from governance.services.tokens import issue_token
from registry.models import ModelVersion
from registry.services.inventory import register_model

VERSIONS = 1000


@dataclass(frozen=True, kw_only=True)
class Matter:
    """A token, the digests to ask about, and the keys of the standings that the bare view reads."""

    token: str
    digests: list[str]
    standings: list[str]


def fill_gate() -> Matter:
    """One version's standing is computed; the others get its outcome and facts, and all of them a yes."""
    say(f"gate: registering {VERSIONS:,} versions")
    actor = Actor.system("bench", via="command")
    set_up(actor=actor)
    owner = create_account(actor=actor, username="owner", full_name="An Owner", roles=["owner"], password=None)
    service = create_account(actor=actor, username="deployer", full_name="A Service", roles=["service"], password=None)
    token = issue_token(
        actor=actor,
        account=service,
        name="bench",
        scopes=permissions_of(["service"]),
        expires_at=timezone.now() + timedelta(days=1),
    )
    model = register_model(
        actor=actor,
        name="churn",
        title="Churn",
        owner=owner,
        business_unit="Retail",
        intended_purpose="Finds customers who leave.",
        risk_tier="medium",
    )
    versions = [
        ModelVersion(
            model=model,
            number=number,
            artifact_digest=hashlib.sha256(str(number).encode()).hexdigest(),
            artifact_size=1,
            artifact_format="skops",
            artifact_name="model.skops",
            framework="scikit-learn",
            registered_by=owner,
            registered_at=timezone.now(),
        )
        for number in range(1, VERSIONS + 1)
    ]
    assignment = PolicyAssignment.objects.get(environment__name="production")
    event = events.StandingComputed()
    with act(event, actor=actor, subject="benchmarks.gate"):
        ModelVersion.objects.bulk_create(versions)
        [computed] = [
            standing
            for standing in recompute_version(version=versions[0])
            if standing.environment_id == assignment.environment_id
        ]
        outcome = {"reasons": [{**reason, "result": "true"} for reason in computed.outcome["reasons"]]}
        Standing.objects.filter(pk=computed.pk).update(allowed=True, outcome=outcome, valid_until=None)
        others = [
            Standing(
                version=version,
                environment=assignment.environment,
                allowed=True,
                policy=assignment.policy,
                outcome=outcome,
                facts=computed.facts,
                computed_at=computed.computed_at,
            )
            for version in versions[1:]
        ]
        Standing.objects.bulk_create(others)
    analyze()
    return Matter(
        token=token.secret,
        digests=[version.artifact_digest for version in versions],
        standings=[str(standing.pk) for standing in [computed, *others]],
    )


def decisions_kept() -> int:
    return Decision.objects.count()
