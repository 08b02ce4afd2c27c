"""Three truth values, and how they combine: the strong logic of Kleene.

Unknown means that the answer is not known, never that it is false: it must never turn into an answer by
itself. S. C. Kleene, Introduction to Metamathematics, section 64 (the strong three-valued tables).
"""

from collections.abc import Iterable
from enum import StrEnum


class Truth(StrEnum):
    """True, false, or not known."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


def truth(value: bool) -> Truth:
    """The truth value of something that is known."""
    return Truth.TRUE if value else Truth.FALSE


def not_(value: Truth) -> Truth:
    """The opposite; of unknown, unknown."""
    if value is Truth.UNKNOWN:
        return Truth.UNKNOWN
    return truth(value is Truth.FALSE)


def all_of(values: Iterable[Truth]) -> Truth:
    """False if any is false; else unknown if any is unknown; else true."""
    result = Truth.TRUE
    for value in values:
        if value is Truth.FALSE:
            return Truth.FALSE
        if value is Truth.UNKNOWN:
            result = Truth.UNKNOWN
    return result


def any_of(values: Iterable[Truth]) -> Truth:
    """True if any is true; else unknown if any is unknown; else false."""
    result = Truth.FALSE
    for value in values:
        if value is Truth.TRUE:
            return Truth.TRUE
        if value is Truth.UNKNOWN:
            result = Truth.UNKNOWN
    return result
