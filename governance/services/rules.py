"""Adopts policies and checklists, and puts environments under them. A document is known by its digest, for ever."""

import json

from django.utils import timezone

from audits.errors import Conflict, DomainError
from audits.trail import Actor, act
from governance import events
from governance.checklists.templates import load_checklist
from governance.models import Checklist, Policy, PolicyAssignment
from governance.policies.documents import parse_policy
from governance.services.standing import recompute_everything
from registry.models import Environment


def adopt_policy(*, actor: Actor, document: bytes, reason: str = "") -> Policy:
    """Take a policy document into use as a version that environments can be put under."""
    actor.require("governance.set_policy")
    parsed = parse_policy(document)
    found = Policy.objects.filter(digest=parsed.digest).first()
    if found is not None:
        return found
    _refuse_other_text(Policy.objects.filter(key=parsed.id, version=str(parsed.version)).exists(), parsed.id)
    policy = Policy(
        key=parsed.id,
        version=str(parsed.version),
        title=parsed.title,
        document=json.loads(document),
        digest=parsed.digest,
        adopted_at=timezone.now(),
    )
    with act(events.PolicyAdopted(digest=parsed.digest), actor=actor, subject=policy, reason=reason):
        policy.save(force_insert=True)
    return policy


def adopt_checklist(*, actor: Actor, document: bytes, reason: str = "") -> Checklist:
    """Take a checklist document into use."""
    actor.require("governance.set_policy")
    parsed = load_checklist(document)
    found = Checklist.objects.filter(digest=parsed.digest).first()
    if found is not None:
        return found
    _refuse_other_text(Checklist.objects.filter(key=parsed.id, version=str(parsed.version)).exists(), parsed.id)
    checklist = Checklist(
        key=parsed.id,
        version=str(parsed.version),
        title=parsed.title,
        document=json.loads(document),
        digest=parsed.digest,
        adopted_at=timezone.now(),
    )
    with act(events.ChecklistAdopted(digest=parsed.digest), actor=actor, subject=checklist, reason=reason):
        checklist.save(force_insert=True)
    return checklist


def assign_policy(
    *, actor: Actor, environment: Environment, policy: Policy, checklist: Checklist, reason: str
) -> PolicyAssignment:
    """Put an environment under a policy and a checklist. Every standing there is computed anew in the same act."""
    actor.require("governance.set_policy")
    if not reason:
        raise DomainError("Say why the policy changes.", code="no_reason")
    event = events.PolicyAssigned(
        environment=environment.name, policy_digest=policy.digest, checklist_digest=checklist.digest
    )
    with act(event, actor=actor, subject=environment, reason=reason):
        assignment, _ = PolicyAssignment.objects.update_or_create(
            environment=environment, defaults={"policy": policy, "checklist": checklist}
        )
        recompute_everything()
    return assignment


def _refuse_other_text(taken: bool, key: str) -> None:
    if taken:
        raise Conflict(f"This version of {key} is adopted with another text: give the document a new version number.")
