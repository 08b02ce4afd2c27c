"""The one error that reading policies and fact snapshots raises.

Evaluation raises nothing: whatever is missing or does not fit makes a clause unknown, and says so.
"""

from audits.errors import DomainError


class PolicyError(DomainError):
    """A policy document or fact snapshot cannot be taken; the message names the place and the remedy."""

    code = "policy_invalid"
