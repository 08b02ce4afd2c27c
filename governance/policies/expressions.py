"""What a clause requires, as a small tree: comparisons of facts with written values, and all, any and not
over them.

Reading refuses whatever could not be evaluated: unknown facts, operators that do not fit the type of the
fact, and trees that are too deep or too large.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from governance.json_documents import Place
from governance.policies.facts import Catalogue, FactDefinition
from governance.policies.values import FactType, FactValue, read_age, read_value

MAX_DEPTH = 8
MAX_NODES = 200
_MAX_CHOICES = 100


class Operator(StrEnum):
    """How a fact is compared with the written value. For sets ``<=`` is "within" and ``>=`` is "includes"."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    IN = "in"
    EXISTS = "exists"


class Interval(StrEnum):
    """What the confidence interval of an estimated fact does to an order comparison.

    ``strict``: the whole interval must lie on the side that passes; if it straddles the threshold the
    comparison is inconclusive, that is unknown, and so it is when an estimate comes without an interval. This
    is what holds when a document says nothing. ``report``: the point value decides, and the explanation
    states the interval and whether it straddles; for data too few to be conclusive. ``ignore``: the point
    value decides and the interval stays unsaid.
    """

    STRICT = "strict"
    REPORT = "report"
    IGNORE = "ignore"


ORDER = frozenset({Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST})
_EQUALITY = frozenset({Operator.EQUAL, Operator.NOT_EQUAL, Operator.EXISTS})
_OPERATORS: dict[FactType, frozenset[Operator]] = {
    FactType.BOOL: _EQUALITY,
    FactType.INT: _EQUALITY | ORDER | {Operator.IN},
    FactType.DECIMAL: _EQUALITY | ORDER | {Operator.IN},
    FactType.TEXT: _EQUALITY | {Operator.IN},
    FactType.TIMESTAMP: _EQUALITY | ORDER,
    FactType.TEXT_SET: _EQUALITY | {Operator.AT_MOST, Operator.AT_LEAST},
}


class Now:
    """Stands for the time of evaluation where a time is compared; written as ``"now"``."""

    def __repr__(self) -> str:
        return "NOW"


NOW = Now()
Threshold: TypeAlias = FactValue | Now | tuple[FactValue, ...] | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A fact, an operator and a written value.

    ``threshold`` is None for ``exists``, a tuple for ``in``. ``max_age`` makes an older fact unknown.
    ``conclusive`` says that the fact is an estimate whose interval must be there and must pass as a whole.
    """

    fact: str
    type: FactType
    operator: Operator
    threshold: Threshold
    written: tuple[str, ...]
    interval: Interval | None = None
    conclusive: bool = False
    max_age: timedelta | None = None
    max_age_written: str = ""


@dataclass(frozen=True, kw_only=True)
class AllOf:
    """Every child must hold."""

    children: "tuple[Expression, ...]"


@dataclass(frozen=True, kw_only=True)
class AnyOf:
    """One child must hold."""

    children: "tuple[Expression, ...]"


@dataclass(frozen=True, kw_only=True)
class Not:
    """The child must be false; unknown is not false."""

    child: "Expression"


Expression: TypeAlias = AllOf | AnyOf | Not | Comparison


def read_expression(place: Place, catalogue: Catalogue) -> Expression:
    """The expression written at a place. Raises ``DocumentError`` naming the place of a fault."""
    return _Reader(catalogue).expression(place, 1)


class _Reader:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.nodes = 0

    def expression(self, place: Place, depth: int) -> Expression:
        self.nodes += 1
        if depth > MAX_DEPTH:
            place.fail(f"expressions go at most {MAX_DEPTH} levels deep; split the clause in two.")
        if self.nodes > MAX_NODES:
            place.fail(f"one clause holds at most {MAX_NODES} expressions; split it in two.")
        members = place.members(at_most=5)
        if "all" in members:
            return AllOf(children=self.children(place.fields(required=("all",))["all"], depth))
        if "any" in members:
            return AnyOf(children=self.children(place.fields(required=("any",))["any"], depth))
        if "not" in members:
            return Not(child=self.expression(place.fields(required=("not",))["not"], depth + 1))
        if "fact" not in members:
            place.fail('an expression is an object with "all", "any", "not" or "fact".')
        return self.comparison(place)

    def children(self, place: Place, depth: int) -> tuple[Expression, ...]:
        # An empty list is refused: "all of nothing" would be true, and a rule that asks nothing is a mistake.
        return tuple(self.expression(item, depth + 1) for item in place.items(at_least=1, at_most=MAX_NODES))

    def comparison(self, place: Place) -> Comparison:
        fields = place.fields(required=("fact", "op"), optional=("value", "max_age", "interval"))
        definition = self.catalogue.get(fields["fact"].text(at_most=200))
        if definition is None:
            fields["fact"].fail(f'there is no fact "{fields["fact"].value}" in the catalogue.')
        operator = Operator(fields["op"].one_of([member.value for member in Operator]))
        if operator not in _OPERATORS[definition.type]:
            fits = ", ".join(sorted(_OPERATORS[definition.type]))
            fields["op"].fail(f'"{operator}" does not fit {definition.name}, a {definition.type}; {fits} do.')
        if operator is Operator.EXISTS and "value" in fields:
            fields["value"].fail('"exists" takes no value.')
        if operator is not Operator.EXISTS and "value" not in fields:
            place.fail('"value" is missing.')
        threshold = _threshold(fields["value"], operator, definition) if "value" in fields else None
        max_age = fields.get("max_age")
        interval = _interval(fields.get("interval"), operator, definition)
        return Comparison(
            fact=definition.name,
            type=definition.type,
            operator=operator,
            threshold=threshold,
            written=_written(fields["value"]) if "value" in fields else (),
            interval=interval,
            conclusive=interval is Interval.STRICT and definition.estimate,
            max_age=read_age(max_age) if max_age else None,
            max_age_written=str(max_age.value) if max_age else "",
        )


def _threshold(place: Place, operator: Operator, definition: FactDefinition) -> Threshold:
    if definition.type is FactType.TIMESTAMP and place.value == "now":
        return NOW
    if operator is Operator.IN:
        return tuple(_value(item, definition) for item in place.items(at_least=1, at_most=_MAX_CHOICES))
    return _value(place, definition)


def _value(place: Place, definition: FactDefinition) -> FactValue:
    if definition.choices:
        return place.one_of(definition.choices)
    return read_value(place, definition.type)


def _written(place: Place) -> tuple[str, ...]:
    if isinstance(place.value, list):
        return tuple(_words(item.value) for item in place.items(at_most=500))
    return (_words(place.value),)


def _words(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _interval(place: Place | None, operator: Operator, definition: FactDefinition) -> Interval | None:
    applies = definition.type is FactType.DECIMAL and operator in ORDER
    if place is None:
        return Interval.STRICT if applies else None
    if not applies:
        place.fail("an interval matters only where a decimal fact is compared by <, <=, > or >=.")
    return Interval(place.one_of([member.value for member in Interval]))
