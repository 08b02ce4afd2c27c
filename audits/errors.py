"""The one family of errors that people see.

A domain error carries a message for the person, which says what to do next, and a stable code for the machine.
It never carries a stack trace, a secret or the text of somebody else's record.
"""


class DomainError(Exception):
    """Something a caller asked for cannot be done; nothing was changed.

    ``code`` is stable and part of the API (problem+json ``code``, RFC 9457); ``status`` is the HTTP status that an
    API answers with. Neither is ever 408, 429 or 5xx: clients retry those.
    """

    code: str = "invalid"
    status: int = 400

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class Unforeseen(DomainError):
    """Something failed for a reason nobody thought of; the worker's log has it."""

    code = "unforeseen"

    def __init__(self) -> None:
        super().__init__(
            "This failed for a reason nobody foresaw; the worker's log says what. Try again, and tell the operator."
        )


class NotPermitted(DomainError):
    """The actor may not do this; the message says who may."""

    code = "not_permitted"
    status = 403


class NotFound(DomainError):
    """The thing named does not exist, or the actor may not know that it does."""

    code = "not_found"
    status = 404


class Conflict(DomainError):
    """The thing exists already, or has changed since it was read."""

    code = "conflict"
    status = 409
