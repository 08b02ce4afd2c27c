"""What must hold for every policy and every snapshot, whatever they say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.merkle.canonical import canonical_bytes
from governance.json_documents import place_document
from governance.policies.comparing import compare
from governance.policies.documents import Policy, policy_from_json
from governance.policies.errors import PolicyError
from governance.policies.evaluation import Outcome, evaluate, trace_expression
from governance.policies.expressions import AllOf, AnyOf, Comparison, Expression, Not, read_expression
from governance.policies.facts import CATALOGUE, Origin
from governance.policies.kleene import Truth, not_
from governance.policies.snapshots import Fact, FactSnapshot, Source
from governance.policies.values import FactType, write_decimal, write_timestamp

pytestmark = pytest.mark.slow

# The machine's load must not decide whether a test passes.
examined = settings(max_examples=60, deadline=None)

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

# Few facts and values close to each other, so that thresholds are met, missed and hit exactly.
NAMES = {
    FactType.BOOL: ("model.retired", "fairness.accepted"),
    FactType.INT: ("dataset.rows", "checklist.blocking_open"),
    FactType.DECIMAL: ("fairness.impact_ratio_min", "performance.accuracy_low"),
    FactType.TEXT: ("performance.task", "version.framework"),
    FactType.TIMESTAMP: ("version.registered_at",),
    FactType.TEXT_SET: ("dataset.sensitive_attributes",),
}
OPERATORS = {
    FactType.BOOL: ("==", "!="),
    FactType.INT: ("==", "!=", "<", "<=", ">", ">=", "in"),
    FactType.DECIMAL: ("==", "!=", "<", "<=", ">", ">=", "in"),
    FactType.TEXT: ("==", "!=", "in"),
    FactType.TIMESTAMP: ("==", "!=", "<", "<=", ">", ">="),
    FactType.TEXT_SET: ("==", "!=", "<=", ">="),
}
decimals = st.decimals(min_value=0, max_value=1, places=2) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9
)
texts = st.sampled_from(["", "a", "b", "classification", "ü\t“x”", "z" * 500])
moments = st.integers(-3, 3).map(lambda hours: AT + timedelta(hours=hours))
values: dict[FactType, st.SearchStrategy[Any]] = {
    FactType.BOOL: st.booleans(),
    FactType.INT: st.integers(-2, 2) | st.integers(-(2**53) + 1, 2**53 - 1),
    FactType.DECIMAL: decimals,
    FactType.TEXT: texts,
    FactType.TIMESTAMP: moments,
    FactType.TEXT_SET: st.frozensets(st.sampled_from(["sex", "age", "origin"])),
}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


def written(value: object) -> object:
    if isinstance(value, Decimal):
        return write_decimal(value)
    if isinstance(value, datetime):
        return write_timestamp(value)
    return sorted(value) if isinstance(value, frozenset) else value


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from(FactType))
    name = draw(st.sampled_from(NAMES[kind]))
    operator = draw(st.sampled_from((*OPERATORS[kind], "exists")))
    document: dict[str, object] = {"fact": name, "op": operator}
    choices = CATALOGUE[name].choices
    one = st.sampled_from(choices) if choices else values[kind].map(written)
    if kind is FactType.TEXT and not choices:
        one = texts
    if kind is FactType.TIMESTAMP:
        one = one | st.just("now")
    if operator == "in":
        document["value"] = draw(st.lists(one, min_size=1, max_size=3))
    elif operator != "exists":
        document["value"] = draw(one)
    if draw(st.booleans()):
        document["max_age"] = draw(st.sampled_from(["P1D", "PT1H", "P365D"]))
    if kind is FactType.DECIMAL and operator in ("<", "<=", ">", ">=") and draw(st.booleans()):
        document["interval"] = draw(st.sampled_from(["strict", "report", "ignore"]))
    return document


def combined(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        some.map(lambda found: {"all": found}),
        some.map(lambda found: {"any": found}),
        children.map(lambda found: {"not": found}),
    )


expressions = st.recursive(comparisons(), combined, max_leaves=8).filter(lambda found: depth(found) <= 7)


def depth(document: Any) -> int:
    for kind in ("all", "any"):
        if kind in document:
            return 1 + max(depth(child) for child in document[kind])
    return 1 + depth(document["not"]) if "not" in document else 1


@st.composite
def facts(draw: st.DrawFn, kind: FactType) -> Fact:
    # Now and then a fact of another type: stored facts outlive the catalogue they were read by.
    kind = draw(st.sampled_from([kind] * 9 + list(FactType)))
    bounds = sorted(draw(st.lists(decimals, min_size=2, max_size=2))) if kind is FactType.DECIMAL else []
    pair = {"low": bounds[0], "high": bounds[1]} if bounds and draw(st.booleans()) else {}
    return Fact(
        value=draw(values[kind]),
        source=Source(kind=draw(st.sampled_from(Origin)), reference="id:1", title="A record"),
        as_of=draw(moments | st.just(AT - timedelta(days=30))),
        **pair,
    )


@st.composite
def snapshots(draw: st.DrawFn) -> FactSnapshot:
    found = {}
    for kind, names in NAMES.items():
        for name in names:
            if draw(st.integers(0, 3)):
                found[name] = draw(facts(kind))
    return FactSnapshot(found)


def policy(*requires: object) -> Policy:
    clauses = [
        {"id": f"c{number}", "title": "T", "requires": asked, "message": "M", "owner": "owner"}
        for number, asked in enumerate(requires)
    ]
    return policy_from_json(
        {"format": "countersign/policy/v1", "id": "p", "title": "P", "version": 1, "clauses": clauses}
    )


def outcome_of(requires: object, snapshot: FactSnapshot) -> Outcome:
    return evaluate(policy(requires), snapshot, at=AT)


def expected(expression: Expression, snapshot: FactSnapshot) -> Truth:
    """The recursive definition, by numbers: false 0, unknown 1, true 2; all is the least, any the most."""
    order = [Truth.FALSE, Truth.UNKNOWN, Truth.TRUE]
    match expression:
        case Comparison():
            return compare(expression, snapshot, AT).result
        case Not(child=child):
            return order[2 - order.index(expected(child, snapshot))]
        case AllOf(children=children):
            return order[min(order.index(expected(child, snapshot)) for child in children)]
        case AnyOf(children=children):
            return order[max(order.index(expected(child, snapshot)) for child in children)]


@examined
@given(expressions, snapshots())
def test_every_sound_document_evaluates_over_every_snapshot(requires: Any, snapshot: FactSnapshot) -> None:
    outcome = outcome_of(requires, snapshot)
    canonical_bytes(outcome.as_json())
    (clause,) = outcome.clauses
    assert clause.explanation.endswith((".", ")"))
    assert clause.rule
    assert (clause.next_step == "") is (clause.result is Truth.TRUE)


@examined
@given(expressions, snapshots())
def test_results_follow_the_recursive_definition(requires: Any, snapshot: FactSnapshot) -> None:
    expression = read_expression(place_document(requires), CATALOGUE)
    assert trace_expression(expression, snapshot, AT).result is expected(expression, snapshot)


@examined
@given(expressions, snapshots(), st.data())
def test_learning_more_never_turns_an_answer_around(requires: Any, snapshot: FactSnapshot, data: st.DataObject) -> None:
    """Whatever is answered without a fact is answered the same with it: so no missing fact ever allows."""
    kept = data.draw(st.sets(st.sampled_from(sorted(snapshot.facts)))) if snapshot.facts else set()
    fewer = FactSnapshot({name: fact for name, fact in snapshot.facts.items() if name in kept})
    before = outcome_of(requires, fewer).result
    if before is not Truth.UNKNOWN:
        assert outcome_of(requires, snapshot).result is before


@examined
@given(expressions)
def test_nothing_at_all_is_known_from_an_empty_snapshot(requires: Any) -> None:
    assert outcome_of(requires, FactSnapshot({})).result is Truth.UNKNOWN


@examined
@given(expressions, snapshots())
def test_not_gives_the_opposite_and_the_same_twice(requires: Any, snapshot: FactSnapshot) -> None:
    plain = outcome_of(requires, snapshot).result
    assert outcome_of({"not": requires}, snapshot).result is not_(plain)


@examined
@given(expressions, expressions, snapshots())
def test_the_laws_of_de_morgan_hold_for_documents(left: Any, right: Any, snapshot: FactSnapshot) -> None:
    if max(depth(left), depth(right)) > 5:
        return
    both = outcome_of({"not": {"all": [left, right]}}, snapshot).result
    assert both is outcome_of({"any": [{"not": left}, {"not": right}]}, snapshot).result


@examined
@given(expressions, snapshots())
def test_an_outcome_is_the_same_when_run_again_from_json(requires: Any, snapshot: FactSnapshot) -> None:
    rule = policy(requires)
    first = evaluate(rule, snapshot, at=AT)
    again = evaluate(policy_from_json(rule.document), FactSnapshot.from_json(snapshot.as_json()), at=AT)
    assert again.digest == first.digest
    assert again.policy_digest == first.policy_digest
    assert again.facts_digest == first.facts_digest


@examined
@given(expressions, expressions, snapshots())
def test_a_policy_is_true_only_if_every_clause_is(left: Any, right: Any, snapshot: FactSnapshot) -> None:
    outcome = evaluate(policy(left, right), snapshot, at=AT)
    assert outcome.allowed is all(clause.result is Truth.TRUE for clause in outcome.clauses)
    assert outcome.allowed is not bool(outcome.unmet)


@examined
@given(decimals, decimals, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
def test_decimals_compare_as_the_fractions_they_are(left: Decimal, right: Decimal, operator: str) -> None:
    source = Source(kind=Origin.EVIDENCE, reference="id:1", title="A record")
    facts = FactSnapshot({"performance.accuracy_low": Fact(value=left, source=source, as_of=AT)})
    asked = {"fact": "performance.accuracy_low", "op": operator, "value": write_decimal(right)}
    a, b = left.as_integer_ratio(), right.as_integer_ratio()
    x, y = a[0] * b[1], b[0] * a[1]
    truth = {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y, "==": x == y, "!=": x != y}[operator]
    assert (outcome_of(asked, facts).result is Truth.TRUE) is truth


@examined
@given(decimals, decimals, decimals)
def test_a_strict_threshold_passes_only_if_every_point_of_the_interval_does(
    value: Decimal, one: Decimal, other: Decimal
) -> None:
    low, high = sorted((one, other))
    source = Source(kind=Origin.EVIDENCE, reference="id:1", title="A record")
    found = Fact(value=value, low=low, high=high, source=source, as_of=AT)
    facts = FactSnapshot({"fairness.impact_ratio_min": found})
    asked = {"fact": "fairness.impact_ratio_min", "op": ">=", "value": "0.8"}
    passes = [point >= Decimal("0.8") for point in (value, low, high)]
    wanted = Truth.TRUE if all(passes) else Truth.UNKNOWN if any(passes) else Truth.FALSE
    assert outcome_of(asked, facts).result is wanted


@examined
@given(anything)
def test_any_other_json_is_refused_by_the_one_error(document: Any) -> None:
    with pytest.raises(PolicyError):
        policy_from_json(document)
