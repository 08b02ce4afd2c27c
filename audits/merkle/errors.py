"""The one error of this package: something that should have been proved was not.

It never carries more of hostile input than a short, printable piece.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Passed:
    """A step that did not fail.

    ``proved`` is false where there was nothing to compare with; ``asked`` is false where nobody wanted it checked.
    """

    step: str
    said: str
    proved: bool = True
    asked: bool = True


class VerificationError(ValueError):
    """A proof, signature or format did not hold; nothing that rests on it may be believed.

    ``step`` is stable and names where it failed ("shape", "key", "checkpoint", "witnesses", "entries",
    "inclusion", "content", "timestamps", "outside"; in parts of them "consistency", "note", "canonical"). Where
    entries are what failed, ``index`` is the lowest of them and ``failures`` their number. ``passed`` are the
    steps that held before it.
    """

    def __init__(
        self,
        message: str,
        *,
        step: str,
        index: int | None = None,
        failures: int = 0,
        passed: Sequence[Passed] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.step = step
        self.index = index
        self.failures = failures
        self.passed = tuple(passed)


def excerpt(text: str, limit: int = 60) -> str:
    """Return at most ``limit`` characters of untrusted text, quoted, with everything unprintable escaped."""
    return ascii(text if len(text) <= limit else text[:limit] + "...")
