"""The one spelling of a JSON value: the bytes that are hashed, stored and compared.

It never rounds, repairs or reorders quietly: what has no exact canonical form is refused.

RFC 8785 (JSON Canonicalization Scheme). Writing needs the package of that name; reading, which a stranger does too,
needs nothing: it spells the value again by its own means, and a test holds both spellings against each other.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from audits.merkle.errors import VerificationError, excerpt

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A JSON value; sequences are lists or tuples, mappings are dicts with text keys."""

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects; fixed, so that no verdict depends on the caller's stack."""

_SAFE_INTEGER = 2**53 - 1
_BEYOND_16_BITS = re.compile(rb"[\xf0-\xf4]")
"""The first byte of a character that UTF-16 writes in two units, which sort before some of one unit."""


class CanonicalError(ValueError):
    """The value has no canonical JSON form; the message says what to change."""


def sha256_hex(data: bytes) -> str:
    """Return SHA-256 of ``data`` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_bytes(value: Json) -> bytes:
    """Return the UTF-8 canonical JSON of ``value``; raise ``CanonicalError`` where there is none."""
    if deeper_than(value, MAX_DEPTH):
        raise CanonicalError(f"nested deeper than {MAX_DEPTH} levels: flatten the value")
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except rfc8785.IntegerDomainError as error:
        raise CanonicalError(
            f"{error}: write integers beyond 2^53-1 as text, since a reader may hold them as doubles"
        ) from None
    except rfc8785.FloatDomainError as error:
        raise CanonicalError(f"{error}: JSON has no NaN or infinity; use null, or text that names it") from None
    except UnicodeEncodeError:
        raise CanonicalError("an object key holds a lone surrogate, which UTF-8 cannot carry") from None
    except rfc8785.CanonicalizationError as error:
        raise CanonicalError(f"no canonical JSON: {error}") from None


def read_canonical(data: bytes) -> Json:
    """Return the value of canonical JSON; raise ``VerificationError`` ("canonical") for other bytes."""
    try:
        text = data.decode("utf-8")
        try:
            value: Json = _READ.decode(text)
            doubles = False
        except _DoubleError:
            value = _READ_DOUBLES.decode(text)
            doubles = True
    except (ValueError, RecursionError):
        raise VerificationError(f"not JSON: {_start(data)}", step="canonical") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and deeper_than(value, MAX_DEPTH):
        raise VerificationError(f"not canonical JSON: nested deeper than {MAX_DEPTH} levels", step="canonical")
    # Nearly all that is read: no number with a fraction, and keys that sort by code points as by UTF-16.
    if not doubles and not _BEYOND_16_BITS.search(data) and _WRITE.encode(value) == text:
        return value
    try:
        again = _spelled(value).encode("utf-8")
    except UnicodeEncodeError:
        raise VerificationError(f"a lone surrogate is no text: {_start(data)}", step="canonical") from None
    if again != data:
        raise VerificationError(f"JSON, but not its canonical spelling: {_start(data)}", step="canonical")
    return value


def is_canonical(data: bytes) -> bool:
    """Tell whether ``data`` is exactly what ``canonical_bytes`` writes for some value."""
    try:
        read_canonical(data)
    except VerificationError:
        return False
    return True


def _start(data: bytes) -> str:
    return excerpt(data[:80].decode("utf-8", "replace"))


def _number(text: str) -> int | float:
    """Read digits as ECMAScript does: beyond 2^53-1 a double, canonical only if they spell it."""
    if len(text) <= 17:
        number = int(text)
        if abs(number) <= _SAFE_INTEGER:
            return number
    return _double(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _DoubleError(Exception):
    """The text holds a number with a fraction or an exponent."""


def _refuse_double(text: str) -> NoReturn:
    raise _DoubleError(text)


def _double(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is beyond a double")
    return number


def _spelled(value: Json) -> str:
    """Return the canonical text of a value that was read, at most ``MAX_DEPTH`` deep."""
    if isinstance(value, str) or value is None or value is True or value is False:
        return _WRITE.encode(value)
    if isinstance(value, float):
        return _spelled_double(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_WRITE.encode(key)}:{_spelled(value[key])}" for key in keys) + "}"
    return "[" + ",".join(map(_spelled, value)) + "]"


def _spelled_double(number: float) -> str:
    """Return ECMAScript's text of a finite double: the shortest digits, placed as Number::toString does."""
    if number == 0:
        return "0"
    # Python finds the same shortest digits; only where it puts point and exponent differs.
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    sign = "-" if number < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def deeper_than(value: Json, levels: int) -> bool:
    """Tell whether arrays and objects nest more than ``levels`` deep in ``value``."""
    if isinstance(value, dict):
        return levels == 0 or any(deeper_than(item, levels - 1) for item in value.values())
    if isinstance(value, list | tuple):
        return levels == 0 or any(deeper_than(item, levels - 1) for item in value)
    return False


# Made once: making one takes longer than reading an entry.
_READ = json.JSONDecoder(parse_int=_number, parse_float=_refuse_double, parse_constant=_refuse_constant)
_READ_DOUBLES = json.JSONDecoder(parse_int=_number, parse_float=_double, parse_constant=_refuse_constant)
_WRITE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
