"""Loads the data that Countersign starts with: roles, environments, the checklist, the policy. Safe to run again."""

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group

from audits.trail import Actor, act
from governance import events
from governance.models import PolicyAssignment
from governance.roles import roles
from governance.services.rules import adopt_checklist, adopt_policy, assign_policy
from registry.models import Environment
from registry.services.inventory import ensure_environment

FIXTURES = Path(settings.BASE_DIR) / "fixtures"
ENVIRONMENTS = (("development", "Development"), ("staging", "Staging"), ("production", "Production"))


def set_up(*, actor: Actor) -> None:
    """Bring the database to where people can work: what is there already stays as it is."""
    missing = sorted(set(roles()) - set(Group.objects.values_list("name", flat=True)))
    if missing:
        with act(events.RolesLoaded(roles=missing), actor=actor, subject="governance.roles"):
            Group.objects.bulk_create([Group(name=name) for name in missing])
    for rank, (name, title) in enumerate(ENVIRONMENTS):
        ensure_environment(actor=actor, name=name, title=title, rank=rank)
    checklist = adopt_checklist(
        actor=actor, document=(FIXTURES / "checklists" / "modelops-readiness.json").read_bytes()
    )
    policy = adopt_policy(actor=actor, document=(FIXTURES / "policies" / "default.json").read_bytes())
    adopt_policy(actor=actor, document=(FIXTURES / "policies" / "high-risk.json").read_bytes())
    for environment in Environment.objects.exclude(pk__in=PolicyAssignment.objects.values("environment")):
        assign_policy(
            actor=actor,
            environment=environment,
            policy=policy,
            checklist=checklist,
            reason="The policy and checklist that Countersign starts with.",
        )
