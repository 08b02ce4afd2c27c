"""How numbers, times, sizes and digests are written, in one place, for pages and for paper.

Must never depend on the reader's locale or the server's time zone: a printed figure is evidence.
"""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from audits.documents.errors import DocumentError

Cell: TypeAlias = str | bool | int | float | Decimal | datetime | date | None

ABSENT = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"
_NOT_DEFINED = "not defined"


def format_number(value: int | float | Decimal | None, digits: int | None = None) -> str:
    """A number as people read it: ``1,234``, ``0.8123``; ``digits`` fixes the decimals.

    Without ``digits``: whole numbers in full, others to four significant figures. None is a dash; what is not
    a number or infinite is said in words, since a blank would pass for zero.
    """
    if value is None:
        return ABSENT
    if isinstance(value, int):
        return _signed(f"{value:,}")
    if not math.isfinite(value):
        return _NOT_DEFINED if math.isnan(value) else "unbounded"
    if digits is not None:
        return _signed(f"{value:,.{digits}f}")
    size = abs(float(value))
    if size == 0:
        return "0"
    if size < 0.0001 or size >= 1e12:
        return _signed(f"{value:.3e}")
    if size >= 1000:
        return _signed(f"{value:,.1f}".removesuffix(".0"))
    places = max(0, 3 - math.floor(math.log10(size)))
    text = f"{value:.{places}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def format_percent(value: int | float | Decimal | None, digits: int = 1) -> str:
    """A share of one as a percentage: 0.5 is ``50.0%``."""
    if value is None:
        return ABSENT
    if not math.isfinite(value):
        return _NOT_DEFINED
    return _signed(f"{value * 100:,.{digits}f}") + "%"


def format_interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval, ``0.712 to 0.830``: the word, because a dash before a negative number reads as two."""
    if low is None or high is None:
        return ABSENT
    return f"{format_number(low, digits)} to {format_number(high, digits)}"


def format_time(moment: datetime | None) -> str:
    """A moment in UTC to the second, named as such: ``2026-11-30 19:46:31 UTC``.

    Raises ``DocumentError`` for a time without a zone: nobody could say afterwards which moment it was.
    """
    if moment is None:
        return ABSENT
    if moment.tzinfo is None:
        raise DocumentError("A time without a time zone cannot be printed; give it in UTC.", code="document_value")
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def format_size(count: int | None) -> str:
    """A size in bytes, ``1.4 MB``, thousands by the SI."""
    if count is None:
        return ABSENT
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:,.1f} PB"


def bare_digest(digest: str | None) -> str:
    """A digest without the name of its algorithm, which the label beside it says."""
    if not digest:
        return ABSENT
    return digest.rpartition(":")[2]


def short_digest(digest: str | None, length: int = 12) -> str:
    """The first digits of a digest, for recognition, never for proof; the ellipsis says that it was cut."""
    text = bare_digest(digest)
    return text if len(text) <= length else f"{text[:length]}\N{HORIZONTAL ELLIPSIS}"


def dotted_parts(name: str) -> list[str]:
    """A dotted name in pieces after which a line may end: ``app.done`` is ``app.`` and ``done``."""
    parts = name.split(".")
    return [f"{part}." for part in parts[:-1]] + parts[-1:]


def format_cell(value: Cell, digits: int | None = None) -> str:
    """Any value that a table may hold, as text.

    Raises ``DocumentError`` for a type without an agreed way of being written.
    """
    match value:
        case None | "":
            return ABSENT
        case Enum():
            return str(value.value)
        case str():
            return value
        case bool():
            return "Yes" if value else "No"
        case int() | float() | Decimal():
            return format_number(value, digits)
        case datetime():
            return format_time(value)
        case date():
            return value.isoformat()
    raise DocumentError(
        f"A value of type {type(value).__name__} cannot be printed; turn it into text or a number first.",
        code="document_value",
    )


def _signed(text: str) -> str:
    # "-0.000" would claim a direction that the shown digits don't have.
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return text
