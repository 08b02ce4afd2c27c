"""How a version stands in each environment, as a page tells it: unmet clauses first, in words, like ones together.

Says what the gate would say now; it computes no policy.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from governance.models import Policy, Standing
from governance.roles import roles
from registry.models import Environment, ModelVersion


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One clause as it came out. ``result`` is true, false or unknown; ``owner`` says who takes the next step."""

    rule: str
    title: str
    result: str
    explain: str
    next_step: str
    owner: str
    owner_role: str

    @property
    def mark(self) -> str:
        return {"true": "met", "false": "unmet"}.get(self.result, "unknown")

    @property
    def word(self) -> str:
        return {"true": "Met", "false": "Not met"}.get(self.result, "Not known")


@dataclass(frozen=True, kw_only=True)
class StandingView:
    """Environments in which the version stands alike. ``problem`` says why the gate denies whatever was computed."""

    environments: Sequence[Environment]
    allowed: bool
    policy: Policy | None
    unmet: Sequence[Clause]
    met: Sequence[Clause]
    computed_at: datetime | None
    valid_until: datetime | None
    problem: str = ""

    @property
    def where(self) -> str:
        names = [environment.title for environment in self.environments]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1].lower()}"

    @property
    def mark(self) -> str:
        return "met" if self.allowed else "unmet"

    @property
    def word(self) -> str:
        return "May run" if self.allowed else "May not run"


def standings_of(version: ModelVersion) -> list[StandingView]:
    """Two queries; the environment nearest to people first."""
    computed = {
        standing.environment_id: standing
        for standing in Standing.objects.filter(version=version).select_related("policy")
    }
    environments = Environment.objects.select_related("assignment__policy").order_by("-rank")
    views = [_view(version, environment, computed.get(environment.pk)) for environment in environments]
    return _alike(views)


def production_marks(versions: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Mark and words for where versions stand in production, by version id; one query."""
    now = timezone.now()
    standings = Standing.objects.filter(version__in=versions, environment__name="production").select_related(
        "environment__assignment"
    )
    return {standing.version_id: _production_mark(standing, now) for standing in standings}


def _production_mark(standing: Standing, now: datetime) -> tuple[str, str]:
    assignment = getattr(standing.environment, "assignment", None)
    current = assignment is not None and assignment.policy_id == standing.policy_id
    ended = standing.valid_until is not None and standing.valid_until <= now
    if standing.allowed and current and not ended:
        return "met", "May run"
    unmet = sum(reason.get("result") != "true" for reason in standing.outcome["reasons"])
    return "unmet", f"May not run: {unmet} open" if unmet else "May not run"


def clauses_of(reasons: Sequence[dict[str, object]], owner_name: str) -> list[Clause]:
    """The gate's reasons, in their order."""
    return [
        Clause(
            rule=str(reason.get("rule", "")),
            title=str(reason.get("title") or reason.get("rule", "")).replace("-", " "),
            result=str(reason.get("result", "unknown")),
            explain=str(reason.get("explain", "")),
            next_step=str(reason.get("next_step", "")),
            owner=_owner(str(reason.get("owner", "")), owner_name),
            owner_role=str(reason.get("owner", "")),
        )
        for reason in reasons
    ]


def _owner(role: str, owner_name: str) -> str:
    known = roles().get(role)
    title = known.title if known is not None else role.replace("_", " ")
    return f"{title}, {owner_name}" if role == "owner" and owner_name else title


def _view(version: ModelVersion, environment: Environment, standing: Standing | None) -> StandingView:
    assignment = getattr(environment, "assignment", None)
    policy = assignment.policy if assignment is not None else None
    problem = _problem(policy, standing)
    if standing is None:
        return StandingView(
            environments=[environment],
            allowed=False,
            policy=policy,
            unmet=(),
            met=(),
            computed_at=None,
            valid_until=None,
            problem=problem,
        )
    clauses = clauses_of(standing.outcome["reasons"], version.model.owner.name)
    return StandingView(
        environments=[environment],
        allowed=standing.allowed and not problem,
        policy=policy,
        # Worst first: what is known to fail, then what nobody knows.
        unmet=sorted(
            (clause for clause in clauses if clause.result != "true"), key=lambda clause: clause.result != "false"
        ),
        met=[clause for clause in clauses if clause.result == "true"],
        computed_at=standing.computed_at,
        valid_until=standing.valid_until,
        problem=problem,
    )


def _problem(policy: Policy | None, standing: Standing | None) -> str:
    """As the gate: what denies before any clause is looked at."""
    if policy is None:
        return "This environment is under no policy, so the gate denies everything. A risk officer puts it under one."
    if standing is None:
        return "No policy has been evaluated for this version here yet."
    if standing.policy_id != policy.pk:
        return "The environment is under another policy than the one that was evaluated. An operator runs refresh."
    if standing.allowed and standing.valid_until is not None and standing.valid_until <= timezone.now():
        return "What the permission rested on has run out: an accepted risk expired or evidence is too old."
    return ""


def _alike(views: Sequence[StandingView]) -> list[StandingView]:
    """Environments under one policy with one result become one view: an officer reads each reason once."""
    grouped: dict[object, StandingView] = {}
    for view in views:
        key = (
            view.allowed,
            view.policy.pk if view.policy else None,
            view.problem,
            tuple((clause.rule, clause.result, clause.explain) for clause in view.unmet),
        )
        found = grouped.get(key)
        if found is None:
            grouped[key] = view
        else:
            grouped[key] = replace(found, environments=[*found.environments, *view.environments])
    return list(grouped.values())
