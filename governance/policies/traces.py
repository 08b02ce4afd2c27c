"""What an evaluation did, node by node: the tree of the clause with every value that was looked at.

A trace holds only what was in the document, the snapshot and the time; the same three give the same trace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from governance.json_documents import JSON
from governance.policies.expressions import Comparison
from governance.policies.kleene import Truth
from governance.policies.snapshots import Fact


class Reason(StrEnum):
    """Why a comparison has the result that it has."""

    MET = "met"
    NOT_MET = "not_met"
    MISSING = "missing"
    STALE = "stale"
    FROM_THE_FUTURE = "from_the_future"
    WRONG_TYPE = "wrong_type"
    INCONCLUSIVE = "inconclusive"
    NO_INTERVAL = "no_interval"


class Combination(StrEnum):
    """How a node combines its children; a "not" has exactly one."""

    ALL = "all"
    ANY = "any"
    NOT = "not"


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One comparison: what was asked, the fact that was there (or None), and what came out.

    ``straddles`` says that the fact's interval lies on both sides of the threshold, whatever the result.
    """

    comparison: Comparison
    fact: Fact | None
    result: Truth
    reason: Reason
    at: datetime
    straddles: bool = False

    def as_json(self) -> dict[str, JSON]:
        asked = self.comparison
        document: dict[str, JSON] = {
            "fact": asked.fact,
            "op": asked.operator.value,
            "required": list[JSON](asked.written),
            "result": self.result.value,
            "reason": self.reason.value,
            "found": None if self.fact is None else self.fact.as_json(),
        }
        if asked.max_age_written:
            document["max_age"] = asked.max_age_written
        if asked.interval is not None:
            document["interval"] = asked.interval.value
            document["straddles"] = self.straddles
        return document


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A combination of smaller traces. Every child is evaluated: nothing is cut short, so the trace is
    complete.
    """

    kind: Combination
    children: "tuple[Trace, ...]"
    result: Truth

    def as_json(self) -> dict[str, JSON]:
        return {
            "kind": self.kind.value,
            "result": self.result.value,
            "children": [child.as_json() for child in self.children],
        }


Trace: TypeAlias = Leaf | Branch


def facts_used(trace: Trace) -> Mapping[str, Fact | None]:
    """The facts that a trace looked at, by name; None where the snapshot had none."""
    if isinstance(trace, Leaf):
        return {trace.comparison.fact: trace.fact}
    return {name: fact for child in trace.children for name, fact in facts_used(child).items()}
