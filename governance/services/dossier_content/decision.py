"""The dossier's part on the decision: what the gate answered last, and the policy clause by clause as it stands now.

Must never decide anything: standing, decision and trace are printed as they are kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from audits.documents.formatting import MINUS, format_number, format_time
from governance.dossiers.content import Clause, DecisionContent, Outcome, PolicyReference, Standing
from governance.models import Decision
from governance.policies.facts import CATALOGUE, Origin
from governance.policies.values import FactType
from governance.services.dossier_content.reading import Position, Reading, role_title

_OUTCOMES = {"true": Outcome.MET, "false": Outcome.NOT_MET, "unknown": Outcome.UNKNOWN}
_OPERATORS = {"==": "", "!=": "not ", ">=": "≥ ", "<=": "≤ ", ">": "> ", "<": "< ", "in": "one of "}
_UNMET_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Status:
    """Whether the version may run in the environment, in a word and in a sentence."""

    standing: Standing
    note: str


def status_of(position: Position) -> Status:
    """Permitted if and only if the gate would allow it now."""
    where, standing = position.environment.name, position.standing
    if position.allowed:
        until = standing.valid_until if standing is not None else None
        rests = ""
        if until is not None and position.version.risk_acceptances.filter(expires_at=until).exists():
            rests = f" It rests on a risk that was accepted until {format_time(until)} (section 5)."
        elif until is not None:
            rests = f" What that rests on holds until {format_time(until)}."
        return Status(
            standing=Standing.PERMITTED,
            note=f"Every clause of the policy is met. The version may run in {where}.{rests}",
        )
    ended = standing.valid_until if standing is not None and standing.allowed else None
    if ended is not None and ended <= position.at:
        return Status(
            standing=Standing.EXPIRED,
            note=f"What the permission rested on ran out at {format_time(ended)}: an accepted risk expired or evidence "
            f"is too old. The version may not run in {where}.",
        )
    why = _why_not(position)
    given = Decision.objects.filter(
        version=position.version, environment=position.environment, allowed=True, permit_until__gt=position.at
    )
    if (latest := given.order_by("-permit_until").first()) is not None and latest.permit_until is not None:
        return Status(
            standing=Standing.WITHDRAWN,
            note=f"{why} A permit that was given before, valid until {format_time(latest.permit_until)}, no longer "
            f"counts: the gate denies the version in {where}.",
        )
    return Status(standing=Standing.NOT_PERMITTED, note=f"{why} The version may not run in {where}.")


def decision_content(reading: Reading) -> DecisionContent:
    """The latest answer of the gate. Where nobody asked, what the policy comes to."""
    position = reading.position
    policy = _policy(position)
    clauses = tuple(_clauses(reading))
    decision = reading.decision
    if decision is None:
        computed = reading.position.standing.computed_at if reading.position.standing is not None else reading.at
        return DecisionContent(
            allowed=reading.position.allowed,
            action="Deploy",
            sentence="Nobody has asked the gate about this version in this environment. Below stands how the policy "
            f"comes out over the records. {status_of(position).note}",
            decided_at=computed,
            asked_by="Nobody yet",
            made=False,
            policy=policy,
            clauses=clauses,
        )
    return DecisionContent(
        allowed=decision.allowed,
        action=decision.action.capitalize(),
        sentence=_sentence(reading, decision),
        decided_at=decision.decided_at,
        asked_by=reading.actor(decision.actor),
        policy=policy,
        clauses=clauses,
        reference=str(decision.pk),
        entry=reading.trail.entry_of(decision),
    )


def _sentence(reading: Reading, decision: Decision) -> str:
    if decision.allowed:
        said = "Allowed: every clause of the policy was met when the gate was asked."
        if not reading.position.allowed:
            said += " Since then something that it rested on has changed or run out; asked now, the gate would deny."
        return said
    unmet = [reason for reason in decision.reasons if reason.get("result") != "true"]
    titles = [str(reason.get("title") or reason.get("explain") or reason.get("rule")) for reason in unmet]
    more = f"; and {len(titles) - _UNMET_SHOWN} more" if len(titles) > _UNMET_SHOWN else ""
    said = f"Denied. Not met when the gate was asked: {'; '.join(titles[:_UNMET_SHOWN])}{more}."
    if reading.position.allowed:
        said += " Since then what was missing was supplied; asked now, the gate would allow."
    return said


def _why_not(position: Position) -> str:
    standing, assignment = position.standing, position.assignment
    if assignment is None:
        return "The environment is under no policy."
    if standing is None:
        return "No policy has been evaluated for this version."
    if standing.policy_id != assignment.policy_id:
        return "The environment is under another policy than the one that was evaluated."
    results = [reason["result"] for reason in standing.outcome["reasons"]]
    unmet, unknown = results.count("false"), results.count("unknown")
    parts = [f"{unmet} of {len(results)} clauses of the policy are not met"] if unmet or not unknown else []
    if unknown:
        parts.append(f"{unknown} {'is' if unknown == 1 else 'are'} unknown")
    return f"{' and '.join(parts)}."


def _policy(position: Position) -> PolicyReference:
    standing, assignment = position.standing, position.assignment
    policy = standing.policy if standing is not None else None
    if policy is None and assignment is not None:
        policy = assignment.policy
    if policy is None:
        return PolicyReference(title="None assigned", version="—", digest="")
    return PolicyReference(title=policy.title, version=policy.version, digest=policy.digest)


def _clauses(reading: Reading) -> Iterator[Clause]:
    if reading.position.standing is None:
        return
    outcome = reading.position.standing.outcome
    traces = {clause["id"]: clause["trace"] for clause in outcome["clauses"]}
    # In the order of the policy; what is not a clause of it (that it does not cover the model) comes first.
    order = list(traces)
    reasons = sorted(outcome["reasons"], key=lambda r: order.index(r["rule"]) if r["rule"] in traces else -1)
    for number, reason in enumerate(reasons, start=1):
        value, threshold = values_of(traces.get(reason["rule"], {}))
        yield Clause(
            number=str(number),
            title=str(reason.get("title") or "The policy covers the model"),
            outcome=_OUTCOMES[reason["result"]],
            reason=str(reason["explain"]),
            value=value,
            threshold=threshold,
            next_step=str(reason["next_step"]),
            owner=role_title(str(reason["owner"])) if reason["result"] != "true" else "",
        )


def values_of(trace: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Value and threshold of the comparison that a reader asks for first; the reason says all of it in words."""
    leaf = _telling(trace)
    if leaf is None:
        return None, None
    found = leaf["found"]
    required = [_written(item) for item in _listed(leaf["required"])]
    threshold = f"{_OPERATORS.get(str(leaf['op']), '')}{', '.join(required) or 'none'}"
    if leaf["op"] == "exists":
        threshold = "known"
    if not isinstance(found, Mapping):
        return None, threshold
    if CATALOGUE[str(leaf["fact"])].type is FactType.DECIMAL:
        value = _rounded(str(found["value"]), required)
    else:
        value = _written(found["value"])
    # Beside a value that misses its threshold, "met" would read like an error.
    accepted = trace["result"] == "true" and leaf["result"] != "true" and any(map(_is_acceptance, _leaves(trace)))
    return f"{value} (accepted)" if accepted else value, threshold


def _telling(trace: Mapping[str, object]) -> Mapping[str, object] | None:
    """Of all comparisons one: measured or counted before yes or no, unmet before met, and of those the last."""
    leaves = list(_leaves(trace))
    numbers = [leaf for leaf in leaves if leaf["found"] is not None and _is_number(leaf)]
    if not numbers:
        return next((leaf for leaf in leaves if leaf["result"] != "true"), next(iter(leaves), None))
    return next((leaf for leaf in numbers if leaf["result"] != "true"), numbers[-1])


def _is_acceptance(leaf: Mapping[str, object]) -> bool:
    return CATALOGUE[str(leaf["fact"])].origin is Origin.ACCEPTANCE and leaf["result"] == "true"


def _leaves(trace: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for child in _listed(trace.get("children")):
        if isinstance(child, Mapping):
            yield from _leaves(child)
    if "fact" in trace:
        yield trace


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _is_number(leaf: Mapping[str, object]) -> bool:
    return CATALOGUE[str(leaf["fact"])].type in (FactType.INT, FactType.DECIMAL)


def _rounded(exact: str, thresholds: list[str]) -> str:
    """For reading; in full where rounding would move it to the threshold or across."""
    value = Decimal(exact)
    shown = format_number(value)
    rounded = Decimal(shown.replace(",", "").replace(MINUS, "-"))
    for threshold in map(Decimal, thresholds):
        if (rounded > threshold, rounded < threshold) != (value > threshold, value < threshold):
            return exact
    return shown


def _written(value: object) -> str:
    if isinstance(value, bool) or value in ("true", "false"):
        return "yes" if value in (True, "true") else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
