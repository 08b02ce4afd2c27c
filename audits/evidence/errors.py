"""The one error that leaves the evidence engine.

It never carries a stack trace or rows of the table, only names and counts and what to do next.
"""

from audits.errors import DomainError


class EvidenceError(DomainError):
    """A measurement could not be made; no record was written. ``code`` says what stood in the way."""

    code = "evidence_impossible"
    status = 422
