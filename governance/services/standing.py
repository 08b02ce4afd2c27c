"""Computes whether a version may run in an environment, whenever something that it rests on changes.

The gate only reads the outcome. A standing that rests on something with an end (an accepted risk, the age of evidence)
ends with it, and then denies.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import connection
from django.utils import timezone

from audits.trail import Actor, act
from governance import events
from governance.models import Policy, PolicyAssignment, Standing
from governance.policies.evaluation import ClauseResult, Outcome, evaluate
from governance.policies.expressions import AllOf, AnyOf, Comparison, Expression, Not
from governance.policies.kleene import Truth
from governance.policies.snapshots import FactSnapshot
from governance.services.facts import acceptance_holds, gather_facts, in_environment
from governance.services.mending import Hole, first_hole
from governance.services.signed_content import VersionFile, read_file
from registry.models import Environment, ModelVersion


def recompute_version(*, version: ModelVersion, rehash: bool = False) -> list[Standing]:
    """Compute the version's standing everywhere. Call it inside the act that changed something, after the change.

    ``rehash``: hash the artifact although it was hashed within the day. One act at a time does this for a version,
    until it ends: of two acts at once, the later sees what the earlier did.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [str(version.pk)])
    file = read_file(version)
    if file is None:
        return []
    at = timezone.now()
    standings = {standing.environment_id: standing for standing in Standing.objects.filter(version=file.version)}
    before = None if rehash else next((FactSnapshot.from_json(standing.facts) for standing in standings.values()), None)
    facts = gather_facts(file, at=at, before=before)
    assignments = PolicyAssignment.objects.select_related("environment", "policy", "checklist")
    return [
        _compute(
            file,
            standings.get(assignment.environment_id)
            or Standing(version=file.version, environment=assignment.environment),
            assignment.policy,
            in_environment(facts, file, assignment.environment, at),
            at,
        )
        for assignment in assignments
    ]


def recompute_everything() -> None:
    """Compute the standing of every version anew: the rules changed."""
    for version in ModelVersion.objects.order_by("pk"):  # One order for all, so that no two wait for each other.
        recompute_version(version=version)


def refresh_standings(*, actor: Actor) -> int:
    """Compute every standing anew, each version in an act of its own; every artifact is hashed again.

    For what changes although nobody acts: files on disk, times that come. A worker does it every hour.
    """
    count = 0
    for version in ModelVersion.objects.select_related("model").order_by("pk"):
        with act(events.StandingComputed(), actor=actor, subject=version):
            recompute_version(version=version, rehash=True)
        count += 1
    return count


def allowed_now(*, version: ModelVersion, environment: Environment) -> bool:
    """What the gate would answer now, read as the gate reads it."""
    standing = Standing.objects.filter(version=version, environment=environment, allowed=True).first()
    assigned = PolicyAssignment.objects.filter(environment=environment).first()
    if standing is None or assigned is None or standing.policy_id != assigned.policy_id:
        return False
    return standing.valid_until is None or standing.valid_until > timezone.now()


def _compute(file: VersionFile, standing: Standing, policy: Policy, facts: FactSnapshot, at: datetime) -> Standing:
    outcome = evaluate(policy.rules, facts, at=at)
    task = facts.get("performance.task")
    covers = policy.rules.applies(
        risk_tier=file.version.model.risk_tier,
        environment=standing.environment.name,
        task=str(task.value) if task is not None else "",
    )
    standing.allowed = outcome.allowed and covers
    standing.policy = policy
    standing.outcome = {**outcome.as_json(), "reasons": list(_reasons(outcome, file, covers=covers))}
    standing.facts = facts.as_json()
    standing.computed_at = at
    standing.valid_until = min(_ends(file, policy, facts, at), default=None)
    standing.save()
    return standing


def _reasons(outcome: Outcome, file: VersionFile, *, covers: bool) -> Iterator[dict[str, object]]:
    """Clause by clause, what the gate answers; unmet clauses first."""
    if not covers:
        yield {
            "rule": "policy-covers",
            "result": "false",
            "explain": "The environment's policy does not cover models of this risk tier or task.",
            "next_step": "A risk officer puts the environment under a policy that does.",
            "owner": "risk_officer",
            "evidence": [],
        }
    for clause in sorted(outcome.clauses, key=lambda clause: clause.result is Truth.TRUE):
        yield _reason(clause, first_hole(clause, file))


def _reason(clause: ClauseResult, hole: Hole | None) -> dict[str, object]:
    return {
        "rule": clause.id,
        "title": clause.title,
        "result": clause.result.value,
        "explain": f"{clause.explanation} {hole.words}" if hole is not None else clause.explanation,
        "next_step": clause.next_step,
        "owner": hole.owner if hole is not None else clause.owner,
        "evidence": [source.reference for source in clause.sources],
    }


def _ends(file: VersionFile, policy: Policy, facts: FactSnapshot, at: datetime) -> Iterator[datetime]:
    """When something runs out that the standing may rest on."""
    until = acceptance_holds(file, "fairness", at)
    if until is not None and any(_rests_on(clause.requires, "fairness.accepted") for clause in policy.rules.clauses):
        yield until
    for clause in policy.rules.clauses:
        for comparison in _comparisons(clause.requires):
            fact = facts.get(comparison.fact)
            if comparison.max_age is not None and fact is not None and fact.as_of + comparison.max_age > at:
                yield fact.as_of + comparison.max_age


def _rests_on(expression: Expression, fact: str) -> bool:
    return any(comparison.fact == fact for comparison in _comparisons(expression))


def _comparisons(expression: Expression) -> Iterable[Comparison]:
    match expression:
        case AllOf(children=children) | AnyOf(children=children):
            for child in children:
                yield from _comparisons(child)
        case Not(child=child):
            yield from _comparisons(child)
        case Comparison():
            yield expression
