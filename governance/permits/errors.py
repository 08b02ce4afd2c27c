"""The one error of this package: a permit, envelope or key cannot be made or does not hold.

It never carries key material.
"""

from audits.errors import DomainError


class PermitError(DomainError):
    """What was shown is no valid permit for what was asked, or a key cannot be used.

    ``step`` is the number of the verification step that failed (see ``verification``), 0 outside
    verification.
    """

    code = "permit_invalid"

    def __init__(self, message: str, *, step: int = 0) -> None:
        super().__init__(message)
        self.step = step
