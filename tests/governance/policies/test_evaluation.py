"""What a clause comes out as, and what it says, case by case."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, getcontext, localcontext

import pytest

from audits.merkle.canonical import canonical_bytes
from governance.policies.documents import Policy, policy_from_json
from governance.policies.errors import PolicyError
from governance.policies.evaluation import ClauseResult, evaluate
from governance.policies.kleene import Truth
from governance.policies.snapshots import Fact, FactSnapshot
from tests.governance.policies.conftest import AT, SOURCE

RATIO = {"fact": "fairness.impact_ratio_min", "op": ">=", "value": "0.8"}
Judged = Callable[..., ClauseResult]
MakeFact = Callable[..., Fact]


def ratio(**more: str) -> dict[str, str]:
    return {**RATIO, **more}


def test_a_met_clause_states_value_threshold_and_source(judged: Judged, fact: MakeFact) -> None:
    result = judged(ratio(interval="ignore"), {"fairness.impact_ratio_min": fact(Decimal("0.91"))})
    assert result.result is Truth.TRUE
    assert result.explanation == (
        "The smallest impact ratio of any group is 0.91, as required (at least 0.8; Fairness of churn 1, "
        "sha256:abababababab…, as of 2026-11-21 10:00 UTC)."
    )
    assert result.next_step == ""
    assert result.sources == (SOURCE,)


def test_an_unmet_clause_says_what_is_required_and_the_next_step(judged: Judged, fact: MakeFact) -> None:
    result = judged(ratio(interval="ignore"), {"fairness.impact_ratio_min": fact(Decimal("0.62"))})
    assert result.result is Truth.FALSE
    assert "is 0.62, but at least 0.8 is required" in result.explanation
    assert (result.next_step, result.owner) == ("It is not met. Mend it.", "owner")


def test_a_missing_fact_is_unknown_and_says_who_can_provide_it(judged: Judged) -> None:
    result = judged(RATIO)
    assert result.result is Truth.UNKNOWN
    assert result.explanation == (
        "The smallest impact ratio of any group is not known: nothing in the measured evidence says so. "
        "The owner can provide it."
    )
    assert result.next_step == "It is not met. Mend it."


def test_a_missing_truth_is_worded_as_a_question(judged: Judged) -> None:
    said = judged({"fact": "artifact.present", "op": "==", "value": True}).explanation
    assert said.startswith("It is not known whether the artifact lies in the store: nothing in the registry")


def test_a_known_truth_is_worded_as_a_sentence(judged: Judged, fact: MakeFact) -> None:
    asked = {"fact": "artifact.present", "op": "==", "value": True}
    assert judged(asked, {"artifact.present": fact(True)}).explanation.startswith("The artifact lies in the store (")
    denied = judged(asked, {"artifact.present": fact(False)})
    assert denied.explanation.startswith("The artifact is missing from the store (")
    assert denied.explanation.endswith("; the rule requires otherwise.")


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("==", False, True, False),
        ("!=", True, False, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
    ],
)
def test_each_operator_compares_as_written(
    operator: str, below: bool, equal: bool, above: bool, judged: Judged, fact: MakeFact
) -> None:
    asked = {"fact": "dataset.rows", "op": operator, "value": 100}
    found = [judged(asked, {"dataset.rows": fact(rows)}).result is Truth.TRUE for rows in (99, 100, 101)]
    assert found == [below, equal, above]


def test_sets_are_compared_as_sets(judged: Judged, fact: MakeFact) -> None:
    facts = {"dataset.sensitive_attributes": fact(frozenset({"sex", "age"}))}

    def holds(operator: str, *values: str) -> bool:
        asked = {"fact": "dataset.sensitive_attributes", "op": operator, "value": list(values)}
        return judged(asked, facts).result is Truth.TRUE

    assert holds("==", "age", "sex")
    assert not holds("==", "age")
    assert holds(">=", "age")
    assert not holds(">=", "age", "origin")
    assert holds("<=", "age", "sex", "origin")
    assert not holds("<=", "age")


def test_a_time_is_compared_with_a_moment_or_with_now(judged: Judged, fact: MakeFact) -> None:
    facts = {"version.registered_at": fact(AT - timedelta(hours=1))}
    asked = {"fact": "version.registered_at", "op": "<", "value": "now"}
    assert judged(asked, facts).result is Truth.TRUE
    assert judged(asked, facts, AT - timedelta(hours=2)).result is Truth.FALSE
    asked = {"fact": "version.registered_at", "op": ">=", "value": "2026-11-21T09:00:00Z"}
    assert judged(asked, facts).result is Truth.TRUE


def test_decimals_compare_exactly_where_binary_fractions_would_not(judged: Judged, fact: MakeFact) -> None:
    asked = {"fact": "performance.r2", "op": "==", "value": "0.3"}
    assert judged(asked, {"performance.r2": fact(Decimal("0.1") + Decimal("0.2"))}).result is Truth.TRUE
    long = "0.7999999999999999999999999999999999999999999999"
    below = judged(ratio(interval="ignore"), {"fairness.impact_ratio_min": fact(Decimal(long))})
    assert below.result is Truth.FALSE
    assert f"is {long}, but" in below.explanation, "rounding for reading must not make it look equal"


def test_the_precision_of_the_caller_plays_no_part(judged: Judged, fact: MakeFact) -> None:
    facts = {"fairness.impact_ratio_min": fact(Decimal("0.79999999"))}
    with localcontext() as context:
        context.prec = 2
        assert judged(ratio(interval="ignore"), facts).result is Truth.FALSE
    assert getcontext().prec > 2


def test_a_fact_of_another_type_is_unknown(judged: Judged, fact: MakeFact) -> None:
    for value in ("0.9", True, frozenset({"0.9"})):
        result = judged(RATIO, {"fairness.impact_ratio_min": fact(value)})
        assert result.result is Truth.UNKNOWN
        assert "where a decimal belongs" in result.explanation
    whole = judged(ratio(interval="ignore"), {"fairness.impact_ratio_min": fact(1)})
    assert whole.result is Truth.TRUE, "a whole number is an exact decimal"
    assert judged({"fact": "dataset.rows", "op": "==", "value": 1}, {"dataset.rows": fact(True)}).result is (
        Truth.UNKNOWN
    )


def test_a_fact_that_is_too_old_is_unknown_and_says_so(judged: Judged, fact: MakeFact) -> None:
    asked = {"fact": "evidence.fairness.present", "op": "==", "value": True, "max_age": "P90D"}

    def aged(days: int, **more: int) -> ClauseResult:
        return judged(asked, {"evidence.fairness.present": fact(True, as_of=AT - timedelta(days=days, **more))})

    assert aged(90).result is Truth.TRUE
    stale = aged(90, seconds=1)
    assert stale.result is Truth.UNKNOWN
    assert "older than the 90 days allowed" in stale.explanation


def test_a_fact_from_after_the_evaluation_is_not_taken_where_age_matters(judged: Judged, fact: MakeFact) -> None:
    asked = {"fact": "model.retired", "op": "==", "value": False, "max_age": "PT1H"}
    later = judged(asked, {"model.retired": fact(False, as_of=AT + timedelta(minutes=6))})
    assert later.result is Truth.UNKNOWN
    assert "dated after this evaluation" in later.explanation
    skewed = judged(asked, {"model.retired": fact(False, as_of=AT + timedelta(minutes=4))})
    assert skewed.result is Truth.TRUE


@pytest.mark.parametrize(
    ("value", "low", "high", "strict", "report"),
    [
        ("0.90", "0.85", "0.95", "true", "true"),
        ("0.90", "0.80", "0.95", "true", "true"),
        ("0.90", "0.79", "0.95", "unknown", "true"),
        ("0.70", "0.60", "0.85", "unknown", "false"),
        ("0.70", "0.60", "0.79", "false", "false"),
        ("0.70", "0.60", "0.80", "unknown", "false"),
        # The interval of a minimum may lie beside the point value.
        ("0.82", "0.70", "0.78", "unknown", "true"),
        ("0.90", None, None, "unknown", "true"),
        ("0.70", None, None, "unknown", "false"),
    ],
)
def test_an_interval_decides_only_where_it_lies_on_one_side(
    value: str, low: str | None, high: str | None, strict: str, report: str, judged: Judged, fact: MakeFact
) -> None:
    bounds = {"low": Decimal(low), "high": Decimal(high)} if low and high else {}
    facts = {"fairness.impact_ratio_min": fact(Decimal(value), **bounds)}
    assert judged(ratio(interval="strict"), facts).result == strict
    assert judged(RATIO, facts).result == strict, "strict is what holds when a document says nothing"
    assert judged(ratio(interval="report"), facts).result == report
    assert judged(ratio(interval="ignore"), facts).result == report


def test_the_explanation_names_the_interval_and_what_it_means(judged: Judged, fact: MakeFact) -> None:
    bounds = {"low": Decimal("0.71"), "high": Decimal("0.95")}
    facts = {"fairness.impact_ratio_min": fact(Decimal("0.83"), **bounds)}
    strict = judged(ratio(interval="strict"), facts).explanation
    assert "0.83 with an interval of 0.71 to 0.95" in strict
    assert "inconclusive, which is not passed" in strict
    report = judged(ratio(interval="report"), facts).explanation
    assert "0.83 with an interval of 0.71 to 0.95, as required" in report
    assert report.endswith("lies on both sides of the threshold; the rule goes by the point value.")
    assert "interval" not in judged(ratio(interval="ignore"), facts).explanation
    alone = judged(RATIO, {"fairness.impact_ratio_min": fact(Decimal("0.83"))}).explanation
    assert "without a confidence interval" in alone


def test_alternatives_are_told_apart_and_only_what_holds_is_shown(judged: Judged, fact: MakeFact) -> None:
    either = {"any": [ratio(interval="ignore"), {"fact": "fairness.accepted", "op": "==", "value": True}]}
    facts = {"fairness.impact_ratio_min": fact(Decimal("0.5")), "fairness.accepted": fact(True)}
    assert judged(either, facts).explanation.startswith("A risk officer accepts the measured disparity")
    facts["fairness.accepted"] = fact(False)
    said = judged(either, facts).explanation
    assert said.startswith("None of the alternatives is met. (1) The smallest impact ratio")
    assert "(2) No risk officer accepts the measured disparity" in said
    del facts["fairness.accepted"]
    assert judged(either, facts).explanation.startswith("None of the alternatives is shown to be met. (1)")


def test_under_not_the_requirement_is_worded_as_its_opposite(judged: Judged, fact: MakeFact) -> None:
    asked = {"not": {"fact": "dataset.rows", "op": "<", "value": 100}}
    met = judged(asked, {"dataset.rows": fact(150)})
    assert (met.result, met.explanation[:55]) == (
        Truth.TRUE,
        "The number of rows in the training data is 150, as requ",
    )
    assert "at least 100" in met.explanation
    assert "at least 100 is required" in judged(asked, {"dataset.rows": fact(5)}).explanation


@pytest.mark.parametrize(
    "asked",
    [
        {"not": {"fact": "model.retired", "op": "==", "value": True}},
        {"not": {"fact": "model.retired", "op": "exists"}},
        {"not": {"all": [{"fact": "model.retired", "op": "==", "value": True}]}},
        {"fact": "model.retired", "op": "!=", "value": True},
        {"any": [{"fact": "model.retired", "op": op, "value": value} for op in ("==", "!=") for value in (True,)]},
    ],
)
def test_absence_never_allows_however_it_is_asked(asked: object, judged: Judged) -> None:
    assert judged(asked).result is Truth.UNKNOWN


def test_a_past_decision_comes_out_the_same_from_what_was_stored(
    policy_of: Callable[..., Policy], fact: MakeFact
) -> None:
    policy = policy_of({"all": [ratio(interval="report"), {"fact": "model.retired", "op": "==", "value": False}]})
    facts = FactSnapshot({"fairness.impact_ratio_min": fact(Decimal("0.9")), "model.retired": fact(False)})
    outcome = evaluate(policy, facts, at=AT)
    assert outcome.allowed
    stored = json.loads(json.dumps([policy.document, facts.as_json(), outcome.as_json()]))
    again = evaluate(
        policy_from_json(stored[0]),
        FactSnapshot.from_json(stored[1]),
        at=datetime.fromisoformat(stored[2]["at"]),
    )
    assert canonical_bytes(again.as_json()) == canonical_bytes(outcome.as_json())
    assert again.digest == outcome.digest
    assert stored[2]["policy"]["digest"]["sha256"] == policy.digest
    assert stored[2]["facts"]["digest"]["sha256"] == facts.digest


def test_one_clause_that_is_not_true_denies_the_whole(fact: MakeFact, policy_of: Callable[..., Policy]) -> None:
    document = dict(policy_of({"fact": "model.retired", "op": "==", "value": False}).document)
    (clause,) = document["clauses"]  # type: ignore[misc, union-attr]
    document["clauses"] = [clause, {**clause, "id": "other", "requires": RATIO}]  # type: ignore[dict-item]
    outcome = evaluate(policy_from_json(document), FactSnapshot({"model.retired": fact(False)}), at=AT)
    assert outcome.result is Truth.UNKNOWN
    assert not outcome.allowed
    assert [clause.id for clause in outcome.unmet] == ["other"]


def test_a_time_without_its_zone_is_refused(policy_of: Callable[..., Policy]) -> None:
    with pytest.raises(PolicyError, match="time zone"):
        evaluate(policy_of(RATIO), FactSnapshot({}), at=AT.replace(tzinfo=None))


def test_the_package_runs_without_django() -> None:
    script = (
        "import sys, governance.policies.evaluation, governance.checklists.templates, governance.permits\n"
        "sys.exit('django' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
