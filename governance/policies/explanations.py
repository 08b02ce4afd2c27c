"""Turns the trace of a clause into English that an officer can read aloud.

It says nothing that the trace does not hold, and leaves out only what did not decide.
"""

from collections.abc import Sequence

from governance.policies.facts import Catalogue
from governance.policies.kleene import Truth, not_
from governance.policies.traces import Combination, Leaf, Trace
from governance.policies.wording import sentence


def explain(trace: Trace, catalogue: Catalogue) -> str:
    """One or more sentences on what decided a trace."""
    return _Explainer(catalogue).decisive(trace, negated=False, among_alternatives=False)


class _Explainer:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def decisive(self, trace: Trace, *, negated: bool, among_alternatives: bool) -> str:
        """What decided; under a "not" every leaf is worded by its opposite, which in this logic is the same.

        Of things that must all hold: all if they do, otherwise those that do not. Of alternatives: those that
        hold, otherwise every one, each with what rules it out.
        """
        if isinstance(trace, Leaf):
            return sentence(trace, negated, self.catalogue[trace.comparison.fact])
        if trace.kind is Combination.NOT:
            child = trace.children[0]
            return self.decisive(child, negated=not negated, among_alternatives=among_alternatives)
        result = _effective(trace, negated)
        if (trace.kind is Combination.ALL) is not negated:
            shown = [child for child in trace.children if _effective(child, negated) is not Truth.TRUE]
            if result is Truth.TRUE:
                shown = list(trace.children)
            elif result is Truth.FALSE and among_alternatives:
                # What is unknown beside what is false does not matter to an alternative that is ruled out.
                shown = [child for child in shown if _effective(child, negated) is Truth.FALSE]
            return " ".join(self.told(shown, negated, among_alternatives))
        held = [child for child in trace.children if _effective(child, negated) is Truth.TRUE]
        if held:
            return " ".join(self.told(held, negated, among_alternatives))
        sentences = self.told(trace.children, negated, True)
        if len(sentences) == 1:
            return sentences[0]
        failed = result is Truth.FALSE
        opening = f"None of the alternatives is {'' if failed else 'shown to be '}met."
        return " ".join([opening, *(f"({n}) {text}" for n, text in enumerate(sentences, start=1))])

    def told(self, traces: Sequence[Trace], negated: bool, among_alternatives: bool) -> list[str]:
        return [self.decisive(t, negated=negated, among_alternatives=among_alternatives) for t in traces]


def _effective(trace: Trace, negated: bool) -> Truth:
    return not_(trace.result) if negated else trace.result
