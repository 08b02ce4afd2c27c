"""Clauses as one line of text, for pages, differences and documents.

The text is a subset of CEL (Common Expression Language) with three functions: ``conclusive`` (the whole
confidence interval passes), ``fresh`` (not older than the age) and ``set`` (a set of texts). It is for
reading; the stored document is what counts, and nothing is ever parsed from here.
"""

import json

from governance.policies.expressions import AllOf, AnyOf, Comparison, Expression, Not, Operator
from governance.policies.values import FactType


def render(expression: Expression) -> str:
    """The expression in CEL-like text, as in ``!model.retired && performance.roc_auc >= 0.6``."""
    match expression:
        case AllOf(children=children):
            return " && ".join(_grouped(child, AnyOf) for child in children)
        case AnyOf(children=children):
            return " || ".join(_grouped(child, AllOf) for child in children)
        case Not(child=child):
            return f"!({render(child)})"
        case Comparison():
            return _comparison(expression)


def _grouped(child: Expression, other: type[AllOf] | type[AnyOf]) -> str:
    text = render(child)
    return f"({text})" if isinstance(child, other) and len(child.children) > 1 else text


def _comparison(comparison: Comparison) -> str:
    text = _plain(comparison)
    if comparison.conclusive:
        text = f"conclusive({text})"
    if comparison.max_age is not None:
        # A pair in parentheses: an "||" or "!" around it must not come between the two.
        text = f'(fresh({comparison.fact}, "{comparison.max_age_written}") && {text})'
    return text


def _plain(comparison: Comparison) -> str:
    match comparison.operator:
        case Operator.EXISTS:
            return f"has({comparison.fact})"
        case Operator.EQUAL if comparison.threshold is True:
            return comparison.fact
        case Operator.EQUAL if comparison.threshold is False:
            return f"!{comparison.fact}"
        case Operator.IN:
            return f"{comparison.fact} in [{', '.join(_literals(comparison))}]"
    if comparison.type is FactType.TEXT_SET:
        return f"{comparison.fact} {comparison.operator} set({', '.join(_literals(comparison))})"
    return f"{comparison.fact} {comparison.operator} {_literals(comparison)[0]}"


def _literals(comparison: Comparison) -> list[str]:
    match comparison.type:
        case FactType.TEXT | FactType.TEXT_SET:
            return [json.dumps(text, ensure_ascii=False) for text in comparison.written]
        case FactType.TIMESTAMP:
            return ["now" if text == "now" else f'timestamp("{text}")' for text in comparison.written]
        case _:
            return list(comparison.written)
