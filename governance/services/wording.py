"""An answer of the gate in one sentence. Never decides anything."""

from collections.abc import Mapping, Sequence


def why(*, allowed: bool, what: str, environment: str, reasons: Sequence[Mapping[str, object]]) -> str:
    """Why ``what`` may or may not run there; of several unmet clauses the first, and how many more there are."""
    if allowed:
        return f"{what} may run in {environment}: all {len(reasons)} clauses of the policy are met."
    unmet = [reason for reason in reasons if reason.get("result") != "true"]
    if not unmet:
        return f"{what} may not run in {environment}."
    more = f" (and {len(unmet) - 1} more)" if len(unmet) > 1 else ""
    return f"{what} may not run in {environment}: {str(unmet[0]['explain']).rstrip('.')}{more}."
