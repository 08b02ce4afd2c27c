"""The sentence for one comparison: the value, what was required, and the record that the value came from.

Numbers are rounded for reading only where rounding cannot make a value look as if it were on the other side
of the threshold; the trace keeps them exact.
"""

from datetime import UTC, datetime
from decimal import Decimal

from governance.policies.expressions import NOW, Comparison, Interval, Operator
from governance.policies.facts import FactDefinition, Origin
from governance.policies.kleene import Truth, not_
from governance.policies.snapshots import Fact, Source
from governance.policies.traces import Leaf, Reason
from governance.policies.values import FactType, FactValue, write_decimal

_ORIGINS = {
    Origin.EVIDENCE: "the measured evidence",
    Origin.CHECKLIST: "the checklist",
    Origin.APPROVAL: "the approvals",
    Origin.ACCEPTANCE: "the signed risk acceptances",
    Origin.REGISTRY: "the registry",
}
_OPPOSITE = {
    Operator.EQUAL: Operator.NOT_EQUAL,
    Operator.NOT_EQUAL: Operator.EQUAL,
    Operator.LESS: Operator.AT_LEAST,
    Operator.AT_LEAST: Operator.LESS,
    Operator.GREATER: Operator.AT_MOST,
    Operator.AT_MOST: Operator.GREATER,
}
_SHOWN_LIST = 12
_LONGEST_SHOWN = 120


def sentence(leaf: Leaf, negated: bool, definition: FactDefinition) -> str:
    """A sentence with capital and full stop. ``negated`` words the requirement as its opposite."""
    result = not_(leaf.result) if negated else leaf.result
    fact = leaf.fact
    if fact is None or leaf.reason is Reason.WRONG_TYPE:
        return _unread(leaf, definition)
    found = _found(leaf, fact, definition)
    required = _required(leaf.comparison, negated)
    source = _source(fact.source, fact.as_of)
    if leaf.reason is Reason.STALE:
        age = _age(leaf.comparison.max_age_written)
        return f"{found} ({source}), but that is older than the {age} allowed."
    if leaf.reason is Reason.FROM_THE_FUTURE:
        return f"{found} ({source}), but that is dated after this evaluation, so it is not taken."
    if leaf.reason is Reason.NO_INTERVAL:
        return (
            f"{found} ({source}), but without a confidence interval, which the required {required} asks for: "
            "not conclusive."
        )
    if leaf.reason is Reason.INCONCLUSIVE:
        return (
            f"{found} ({source}); the interval lies on both sides of the required {required}: inconclusive, "
            "which is not passed."
        )
    if definition.type is FactType.BOOL:
        ending = "" if result is Truth.TRUE else "; the rule requires otherwise"
        return f"{found} ({source}){ending}."
    if result is Truth.TRUE:
        text = f"{found}, as required ({required}; {source})."
    else:
        text = f"{found}, but {required} is required ({source})."
    if leaf.straddles and leaf.comparison.interval is Interval.REPORT:
        text += " The interval lies on both sides of the threshold; the rule goes by the point value."
    return text


def _unread(leaf: Leaf, definition: FactDefinition) -> str:
    role = definition.provided_by.replace("_", " ")
    origin = _ORIGINS[definition.origin]
    if definition.when_true:
        subject = f"It is not known whether {definition.when_true}"
    else:
        subject = f"The {definition.title} is not known"
    if leaf.fact is None:
        return f"{subject}: nothing in {origin} says so. The {role} can provide it."
    return (
        f"{subject}: {leaf.fact.source.title} gives a {leaf.fact.type} where a {definition.type} belongs. "
        f"The {role} can provide it anew."
    )


def _found(leaf: Leaf, fact: Fact, definition: FactDefinition) -> str:
    if isinstance(fact.value, bool):
        text = definition.when_true if fact.value else definition.when_false
        return text[:1].upper() + text[1:]
    value = _value(fact.value, leaf)
    unit = f" {definition.unit}" if definition.unit and not definition.unit.startswith("in ") else ""
    if definition.type is FactType.INT:
        # A title such as "number of groups" says the unit already.
        unit = ""
    text = f"The {definition.title} is {value}{unit}"
    if leaf.comparison.interval is Interval.IGNORE or fact.low is None or fact.high is None:
        return text
    return f"{text} with an interval of {_number(fact.low, leaf)} to {_number(fact.high, leaf)}"


def _required(comparison: Comparison, negated: bool) -> str:
    operator = comparison.operator
    written = [_short(text) for text in comparison.written]
    listed = ", ".join(written[:_SHOWN_LIST]) + (" and more" if len(written) > _SHOWN_LIST else "")
    if comparison.threshold is NOW:
        listed = "the time of evaluation"
    if operator is Operator.EXISTS:
        return "that it is absent" if negated else "that it is known"
    if operator is Operator.IN:
        return f"none of {listed}" if negated else f"one of {listed}"
    if comparison.type is FactType.TEXT_SET:
        return _required_set(operator, negated, listed)
    match _OPPOSITE[operator] if negated else operator:
        case Operator.EQUAL:
            return listed
        case Operator.NOT_EQUAL:
            return f"anything but {listed}"
        case Operator.AT_LEAST:
            return f"at least {listed}"
        case Operator.AT_MOST:
            return f"at most {listed}"
        case Operator.GREATER:
            return f"more than {listed}"
        case _:
            return f"less than {listed}"


def _required_set(operator: Operator, negated: bool, listed: str) -> str:
    words = {
        Operator.EQUAL: f"exactly {listed}" if listed else "none",
        Operator.NOT_EQUAL: f"anything but exactly {listed}" if listed else "at least one",
        Operator.AT_MOST: f"nothing besides {listed}" if listed else "none",
        Operator.AT_LEAST: f"all of {listed}" if listed else "any set",
    }
    if operator in (Operator.EQUAL, Operator.NOT_EQUAL):
        return words[_OPPOSITE[operator] if negated else operator]
    return f"the opposite of {words[operator]}" if negated else words[operator]


def _value(value: FactValue, leaf: Leaf) -> str:
    match value:
        case Decimal():
            return _number(value, leaf)
        case datetime():
            return _moment(value)
        case frozenset():
            shown = ", ".join(_short(text) for text in sorted(value)[:_SHOWN_LIST])
            more = f" and {len(value) - _SHOWN_LIST} more" if len(value) > _SHOWN_LIST else ""
            return f"{shown}{more}" if value else "empty"
        case _:
            return _short(str(value)) or "empty"


def _number(value: Decimal, leaf: Leaf) -> str:
    exact = write_decimal(value)
    if len(exact) <= 7:
        return exact
    shown = f"{value:.4f}" if Decimal("0.001") <= abs(value) < Decimal(10**9) else f"{value:.3e}"
    threshold = leaf.comparison.threshold
    if isinstance(threshold, Decimal) and (Decimal(shown) < threshold, Decimal(shown) > threshold) != (
        value < threshold,
        value > threshold,
    ):
        return _short(exact)
    return shown


def _source(source: Source, as_of: datetime) -> str:
    reference = source.reference
    head, _, tail = reference.rpartition(":")
    if len(tail) == 64 and not set(tail) - set("0123456789abcdef"):
        reference = f"{head}:{tail[:12]}…" if head else f"{tail[:12]}…"
    elif len(reference) == 36 and reference.count("-") == 4:
        reference = f"{reference[:8]}…"
    return f"{_short(source.title)}, {_short(reference)}, as of {_moment(as_of)}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _age(written: str) -> str:
    number = written.strip("PTDH")
    unit = "day" if written.endswith("D") else "hour"
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
