"""Numbers and values as they stand in a record.

Never lets NaN or infinity through: a number that does not exist is null with its reason (RFC 8785, section
3.2.2.3).
"""

import difflib
import math
from collections.abc import Iterable

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]

_TIMES = "\N{MULTIPLICATION SIGN}"
NEEDS_SCORES = "not measured: needs scores"


def rounded(value: float, digits: int = 12) -> float:
    """The value to so many significant digits, so that the last bits of another machine's sums don't show."""
    if value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.{digits - 1}e}")


def measured(
    value: float | None,
    *,
    n: int,
    interval: tuple[float, float] | None = None,
    method: str | None = None,
    reason: str | None = None,
    extra: JsonObject | None = None,
) -> JsonObject:
    """One measured value: ``value``, ``n`` it rests on, ``low`` and ``high`` of its 95 % interval, or the
    ``reason`` why there is none."""
    missing = value is None or not math.isfinite(value)
    if missing and not reason:
        reason = "undefined: the value is not a finite number"
    made: JsonObject = {"value": None if missing or value is None else float(value), "n": n}
    if missing:
        made["reason"] = reason
    elif interval is not None and all(math.isfinite(edge) for edge in interval):
        made.update(low=float(interval[0]), high=float(interval[1]), interval=method)
    if extra:
        made.update(extra)
    return made


def text_of(value: object) -> str:
    """A cell as text, so that ``1``, ``1.0``, ``"1"`` and ``"1.0"`` are one value and ``True`` is
    ``"true"``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    text = str(value)
    if text in {"True", "False"}:
        return text.lower()
    try:
        number = float(text)
    except ValueError:
        return text
    return text_of(number) if math.isfinite(number) else text


def listed(names: Iterable[object], limit: int = 8) -> str:
    """Names for a message: the first few, and how many more."""
    shown = [f"“{name}”" for name in names]
    more = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The names that a mistyped one was probably meant to be, best first."""
    known = list(names)
    by_case = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), list(by_case), n=3, cutoff=0.6)
    return [by_case[other] for other in close]


def joined(columns: Iterable[str]) -> str:
    """Names of columns whose combinations are meant, with a multiplication sign between."""
    return f" {_TIMES} ".join(columns)
