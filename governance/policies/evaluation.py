"""Evaluates a policy over a snapshot of facts at a time, and says why it came out so.

Pure: no clock, no database, no order of dictionaries takes part. The same document, snapshot and time give
the same outcome, byte for byte, so a past decision can be run again. No document and no snapshot makes it
raise, and unknown never passes.
"""

from dataclasses import dataclass
from datetime import datetime

from audits.merkle.canonical import canonical_bytes, sha256_hex
from governance.json_documents import JSON
from governance.policies.comparing import compare
from governance.policies.documents import Clause, Policy
from governance.policies.errors import PolicyError
from governance.policies.explanations import explain
from governance.policies.expressions import AllOf, AnyOf, Expression, Not
from governance.policies.facts import CATALOGUE, Catalogue
from governance.policies.kleene import Truth, all_of, any_of, not_
from governance.policies.rendering import render
from governance.policies.snapshots import FactSnapshot, Source
from governance.policies.traces import Branch, Combination, Trace, facts_used
from governance.policies.values import write_timestamp

FORMAT = "countersign/outcome/v1"


@dataclass(frozen=True, kw_only=True)
class ClauseResult:
    """How one clause came out.

    ``explanation`` is English for a person: values, thresholds, sources, or what is missing and who provides
    it. ``next_step`` is empty where the clause is met. ``rule`` is the clause in CEL-like text.
    """

    id: str
    title: str
    result: Truth
    rule: str
    trace: Trace
    explanation: str
    next_step: str
    owner: str
    reference: tuple[str, ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        """The records that the clause looked at, each once, in the order of the document."""
        facts = facts_used(self.trace).values()
        return tuple(dict.fromkeys(fact.source for fact in facts if fact is not None))

    def as_json(self) -> dict[str, JSON]:
        return {
            "id": self.id,
            "title": self.title,
            "result": self.result.value,
            "rule": self.rule,
            "explanation": self.explanation,
            "next_step": self.next_step,
            "owner": self.owner,
            "reference": list[JSON](self.reference),
            "trace": self.trace.as_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a policy came out: true only if every clause is true; false if any is false; else unknown."""

    result: Truth
    clauses: tuple[ClauseResult, ...]
    policy_id: str
    policy_version: int
    policy_digest: str
    facts_digest: str
    at: datetime

    @property
    def allowed(self) -> bool:
        """True is the only result that allows."""
        return self.result is Truth.TRUE

    @property
    def unmet(self) -> tuple[ClauseResult, ...]:
        """The clauses that are false or unknown, in the order of the document."""
        return tuple(clause for clause in self.clauses if clause.result is not Truth.TRUE)

    def as_json(self) -> dict[str, JSON]:
        """The document that is stored with a decision; ``canonical_bytes`` takes it."""
        return {
            "format": FORMAT,
            "result": self.result.value,
            "at": write_timestamp(self.at),
            "policy": {
                "id": self.policy_id,
                "version": self.policy_version,
                "digest": {"sha256": self.policy_digest},
            },
            "facts": {"digest": {"sha256": self.facts_digest}},
            "clauses": [clause.as_json() for clause in self.clauses],
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return sha256_hex(canonical_bytes(self.as_json()))


def evaluate(policy: Policy, facts: FactSnapshot, *, at: datetime, catalogue: Catalogue = CATALOGUE) -> Outcome:
    """The outcome of a policy over facts at a time; a time without its zone is refused by ``PolicyError``."""
    if at.tzinfo is None:
        raise PolicyError("The time of an evaluation needs its time zone.")
    clauses = tuple(_clause(clause, facts, at, catalogue) for clause in policy.clauses)
    return Outcome(
        result=all_of(clause.result for clause in clauses),
        clauses=clauses,
        policy_id=policy.id,
        policy_version=policy.version,
        policy_digest=policy.digest,
        facts_digest=facts.digest,
        at=at,
    )


def _clause(clause: Clause, facts: FactSnapshot, at: datetime, catalogue: Catalogue) -> ClauseResult:
    trace = trace_expression(clause.requires, facts, at)
    met = trace.result is Truth.TRUE
    return ClauseResult(
        id=clause.id,
        title=clause.title,
        result=trace.result,
        rule=render(clause.requires),
        trace=trace,
        explanation=explain(trace, catalogue),
        next_step="" if met else clause.message,
        owner=clause.owner,
        reference=clause.reference,
    )


def trace_expression(expression: Expression, facts: FactSnapshot, at: datetime) -> Trace:
    """The trace of one expression; its ``result`` follows the tables of Kleene exactly."""
    match expression:
        case AllOf(children=children):
            traces = tuple(trace_expression(child, facts, at) for child in children)
            return Branch(kind=Combination.ALL, children=traces, result=all_of(t.result for t in traces))
        case AnyOf(children=children):
            traces = tuple(trace_expression(child, facts, at) for child in children)
            return Branch(kind=Combination.ANY, children=traces, result=any_of(t.result for t in traces))
        case Not(child=child):
            trace = trace_expression(child, facts, at)
            return Branch(kind=Combination.NOT, children=(trace,), result=not_(trace.result))
        case _:
            return compare(expression, facts, at)
