"""One comparison of one fact with one written value, in three truth values.

It never raises: a fact that is absent, too old, dated after the evaluation, of another type, or estimated too
loosely makes the comparison unknown, with the reason.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import eq, ge, gt, le, lt, ne

from governance.policies.expressions import NOW, ORDER, Comparison, Interval, Operator
from governance.policies.kleene import Truth, truth
from governance.policies.snapshots import FactSnapshot
from governance.policies.traces import Leaf, Reason
from governance.policies.values import FactType, FactValue

# Clocks of the database and of the application differ a little; more than this is a fact from another time.
CLOCK_SKEW = timedelta(minutes=5)

_COMPARE: dict[Operator, Callable[..., bool]] = {
    Operator.EQUAL: eq,
    Operator.NOT_EQUAL: ne,
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.GREATER: gt,
    Operator.AT_LEAST: ge,
}


def compare(comparison: Comparison, snapshot: FactSnapshot, at: datetime) -> Leaf:
    """The comparison as it comes out at a time, with its reason.

    1. No such fact: unknown. Absence is never taken for false, nor ``exists`` for more than "it is there".
    2. Another type than the catalogue says: unknown (a whole number is taken where a decimal is asked for).
    3. Older than ``max_age``, or dated after the evaluation where an age is asked for: unknown.
    4. Otherwise the values are compared exactly; for an order comparison of a decimal the interval has its
       say.
    """
    fact = snapshot.get(comparison.fact)

    def leaf(result: Truth, reason: Reason, straddles: bool = False) -> Leaf:
        return Leaf(comparison=comparison, fact=fact, result=result, reason=reason, at=at, straddles=straddles)

    if fact is None:
        return leaf(Truth.UNKNOWN, Reason.MISSING)
    if fact.type is not comparison.type and not (comparison.type is FactType.DECIMAL and fact.type is FactType.INT):
        return leaf(Truth.UNKNOWN, Reason.WRONG_TYPE)
    if comparison.max_age is not None:
        if at - fact.as_of > comparison.max_age:
            return leaf(Truth.UNKNOWN, Reason.STALE)
        if fact.as_of - at > CLOCK_SKEW:
            return leaf(Truth.UNKNOWN, Reason.FROM_THE_FUTURE)
    if comparison.operator is Operator.EXISTS:
        return leaf(Truth.TRUE, Reason.MET)

    passes = _holds(comparison, fact.value, at)
    reason = Reason.MET if passes else Reason.NOT_MET
    if comparison.type is not FactType.DECIMAL or comparison.operator not in ORDER:
        return leaf(truth(passes), reason)
    if fact.low is None or fact.high is None:
        if comparison.conclusive:
            return leaf(Truth.UNKNOWN, Reason.NO_INTERVAL)
        return leaf(truth(passes), reason)
    # An order comparison is monotonic, so the ends of the interval decide for all of it.
    bounds = {_holds(comparison, bound, at) for bound in (fact.low, fact.high)}
    straddles = bounds | {passes} == {True, False}
    if straddles and comparison.interval is Interval.STRICT:
        return leaf(Truth.UNKNOWN, Reason.INCONCLUSIVE, straddles)
    return leaf(truth(passes), reason, straddles)


def _holds(comparison: Comparison, value: FactValue, at: datetime) -> bool:
    threshold = at if comparison.threshold is NOW else comparison.threshold
    if comparison.operator is Operator.IN:
        return isinstance(threshold, tuple) and value in threshold
    return _COMPARE[comparison.operator](value, threshold)
