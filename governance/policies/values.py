"""The values that facts and thresholds take: their types, and their written form in JSON.

Decimals are exact and written as text; a binary fraction is never a value. Times are UTC.
Times: RFC 3339 section 5.6, always with ``Z``. Ages: ISO 8601 durations, of which only ``PnD`` and ``PTnH``
are taken.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from governance.json_documents import JSON, LARGEST_INTEGER, Place
from governance.policies.errors import PolicyError

FactValue: TypeAlias = bool | int | Decimal | str | datetime | frozenset[str]

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_AGE = re.compile(r"P([1-9][0-9]{0,4})D|PT([1-9][0-9]{0,5})H")
_LARGEST_EXPONENT = 400
_LONGEST_DECIMAL = 900


class FactType(StrEnum):
    """What kind of value a fact has; the words stand in snapshots and in the catalogue."""

    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    TEXT_SET = "text_set"


def type_of(value: FactValue) -> FactType:
    """The type of a value; ``PolicyError`` if it is none of ours (a float, for one)."""
    # bool comes before int: in Python a bool is an int.
    match value:
        case bool():
            return FactType.BOOL
        case int():
            return FactType.INT
        case Decimal():
            return FactType.DECIMAL
        case str():
            return FactType.TEXT
        case datetime():
            return FactType.TIMESTAMP
        case frozenset():
            return FactType.TEXT_SET
    raise PolicyError(f"A {type(value).__name__} cannot be the value of a fact; decimals are Decimal, sets frozen.")


def exact_decimal(number: float | int | str | Decimal) -> Decimal:
    """The decimal that a measured number is written as: ``0.1`` gives exactly 0.1, never its binary neighbor.

    Raises ``PolicyError`` for what is not a finite number.
    """
    try:
        value = Decimal(repr(number) if isinstance(number, float) else number)
    except (ArithmeticError, ValueError):
        raise PolicyError(f"{str(number)[:40]!r} is not a decimal number.") from None
    return checked_decimal(value)


def checked_decimal(value: Decimal) -> Decimal:
    """The same value, if it is finite and of a size that can be written out."""
    if not value.is_finite():
        raise PolicyError("A decimal fact must be a finite number; leave the fact out where there is none.")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _LARGEST_EXPONENT or abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise PolicyError(f"A decimal fact must lie between 10^-{_LARGEST_EXPONENT} and 10^{_LARGEST_EXPONENT}.")
    return value


def write_decimal(value: Decimal) -> str:
    """One text for one number: no exponent, no trailing zeros, no minus before zero."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def write_timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one."""
    text = moment.astimezone(UTC).isoformat().removesuffix("+00:00")
    return f"{text}Z"


def write_value(value: FactValue) -> JSON:
    """The JSON form of a value: decimals and times as text, sets as sorted lists."""
    if isinstance(value, Decimal):
        return write_decimal(value)
    if isinstance(value, datetime):
        return write_timestamp(value)
    if isinstance(value, frozenset):
        return list[JSON](sorted(value))
    return value


def read_value(place: Place, kind: FactType) -> FactValue:
    """The value of the wanted type that is written at a place. Raises ``DocumentError`` naming the place."""
    match kind:
        case FactType.BOOL:
            return place.truth()
        case FactType.INT:
            return place.whole(at_least=-LARGEST_INTEGER)
        case FactType.DECIMAL:
            return read_decimal(place)
        case FactType.TEXT:
            return place.text(empty=True)
        case FactType.TIMESTAMP:
            return place.timestamp()
        case FactType.TEXT_SET:
            return frozenset(place.texts(at_most=500))


def read_decimal(place: Place) -> Decimal:
    """A decimal written as text, such as ``"0.80"``."""
    text = place.matching(_DECIMAL, 'a decimal written as text, as in "0.8"', at_most=_LONGEST_DECIMAL)
    try:
        return checked_decimal(Decimal(text))
    except PolicyError as error:
        place.fail(error.message)


def read_age(place: Place) -> timedelta:
    """How old a fact may be, such as ``"P90D"`` or ``"PT12H"``."""
    text = place.matching(_AGE, 'an age such as "P90D" (days) or "PT12H" (hours)')
    number = int(text.strip("PTDH"))
    return timedelta(days=number) if text.endswith("D") else timedelta(hours=number)
