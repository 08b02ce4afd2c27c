"""The one spelling of a JSON value: the bytes that are hashed, stored and compared.

It never rounds, repairs or reorders quietly: what has no exact canonical form is refused.

RFC 8785 (JSON Canonicalization Scheme).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

import rfc8785

from audits.merkle.errors import VerificationError, excerpt

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A JSON value; sequences are lists or tuples, mappings are dicts with text keys."""

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects; fixed, so that no verdict depends on the caller's stack."""

_SAFE_INTEGER = 2**53 - 1


class CanonicalError(ValueError):
    """The value has no canonical JSON form; the message says what to change."""


def sha256_hex(data: bytes) -> str:
    """Return SHA-256 of ``data`` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_bytes(value: Json) -> bytes:
    """Return the UTF-8 canonical JSON of ``value``; raise ``CanonicalError`` where there is none."""
    if deeper_than(value, MAX_DEPTH):
        raise CanonicalError(f"nested deeper than {MAX_DEPTH} levels: flatten the value")
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
        value = json.loads(text, parse_int=_number, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise VerificationError(f"not JSON: {_start(data)}", step="canonical") from None
    try:
        again = canonical_bytes(value)
    except CanonicalError as error:
        raise VerificationError(f"not canonical JSON: {error}", step="canonical") from None
    if again != data:
        raise VerificationError(f"JSON, but not its canonical spelling: {_start(data)}", step="canonical")
    parsed: Json = value
    return parsed


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
    return float(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def deeper_than(value: Json, levels: int) -> bool:
    """Tell whether arrays and objects nest more than ``levels`` deep in ``value``."""
    if isinstance(value, dict):
        return levels == 0 or any(deeper_than(item, levels - 1) for item in value.values())
    if isinstance(value, list | tuple):
        return levels == 0 or any(deeper_than(item, levels - 1) for item in value)
    return False
