"""Policies and facts by the handful, for the tests of this folder."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from governance.policies.documents import Policy, policy_from_json
from governance.policies.evaluation import ClauseResult, evaluate
from governance.policies.facts import Origin
from governance.policies.snapshots import Fact, FactSnapshot, Source

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SOURCE = Source(kind=Origin.EVIDENCE, reference="sha256:" + "ab" * 32, title="Fairness of churn 1")


@pytest.fixture
def policy_of() -> Callable[..., Policy]:
    """A policy with one clause that requires the given expression."""

    def build(requires: object) -> Policy:
        return policy_from_json(
            {
                "format": "countersign/policy/v1",
                "id": "one-clause",
                "title": "One clause",
                "version": 1,
                "clauses": [
                    {
                        "id": "the-clause",
                        "title": "The clause",
                        "requires": requires,
                        "message": "It is not met. Mend it.",
                        "owner": "owner",
                    }
                ],
            }
        )

    return build


@pytest.fixture
def fact() -> Callable[..., Fact]:
    """A fact with the given value from a fairness report of the morning of the evaluation."""

    def build(value: object, *, as_of: datetime = AT, **bounds: object) -> Fact:
        return Fact(value=value, source=SOURCE, as_of=as_of, **bounds)  # type: ignore[arg-type]

    return build


@pytest.fixture
def judged(policy_of: Callable[..., Policy]) -> Callable[..., ClauseResult]:
    """The result of one clause over facts given by name, at a fixed time."""

    def judge(requires: object, facts: dict[str, Fact] | None = None, at: datetime = AT) -> ClauseResult:
        (result,) = evaluate(policy_of(requires), FactSnapshot(facts or {}), at=at).clauses
        return result

    return judge
