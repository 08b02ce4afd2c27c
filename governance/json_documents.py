"""Reads JSON documents that people write: strictly, within bounds, naming the place of every fault.

It never guesses, coerces or drops anything: what it returns is exactly what was written, and what it cannot
take it refuses. Numbers are whole; decimals are written as text, because binary fractions have no place in a
rule. JSON: RFC 8259, narrowed as RFC 7493 (I-JSON) recommends: no duplicate names, no lone surrogates, whole
numbers that fit in 53 bits. Times: RFC 3339.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, TypeAlias

from audits.errors import DomainError

JSON: TypeAlias = "bool | int | str | list[JSON] | dict[str, JSON] | None"

LARGEST_INTEGER = 2**53 - 1
_MAX_DEPTH = 40
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
# Tab and line feed may stand in prose; every other control character breaks displays, and PostgreSQL refuses
# NUL.
_REFUSED_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class DocumentError(DomainError):
    """A JSON document cannot be taken; the message names the place within it and what belongs there."""

    code = "document_invalid"


def _pairs(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentError(f'The name "{twice[:60]}" is written twice in one object; keep one of them.')
    return found


def _refuse_number(written: str) -> NoReturn:
    raise DocumentError(f'The number {written[:40]} is not a whole number; write decimals as text, as in "0.8".')


def _whole_number(written: str) -> int:
    # The length is tested first: turning a very long text into an integer is slow, and refused by Python
    # itself.
    if len(written) > 17 or abs(int(written)) > LARGEST_INTEGER:
        raise DocumentError(f"The number {written[:40]} is too large; whole numbers go up to 2^53 - 1.")
    return int(written)


def read_document(data: bytes, *, max_bytes: int) -> "Place":
    """The root of a JSON document of at most ``max_bytes`` bytes of UTF-8. Raises ``DocumentError``."""
    if len(data) > max_bytes:
        raise DocumentError(f"The document has {len(data)} bytes; at most {max_bytes} are read.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"The document is not UTF-8 text (byte {error.start}).") from None
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_whole_number,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"The document is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise DocumentError(f"The document is nested more than {_MAX_DEPTH} levels deep.") from None
    return place_document(value)


def place_document(value: object) -> "Place":
    """The root of a document that was parsed already; the same bounds hold. Raises ``DocumentError``."""
    return Place(value=_checked(value, "", 0), path="")


def _checked(value: object, path: str, depth: int) -> JSON:
    if depth > _MAX_DEPTH:
        raise DocumentError(f"The document is nested more than {_MAX_DEPTH} levels deep.")
    match value:
        case None | bool():
            return value
        case int():
            if abs(value) > LARGEST_INTEGER:
                raise DocumentError(f"{_named(path)} is too large; whole numbers go up to 2^53 - 1.")
            return value
        case str():
            return _checked_text(value, path)
        case list() | tuple():
            return [_checked(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)]
        case dict():
            checked: dict[str, JSON] = {}
            for name, item in value.items():
                if not isinstance(name, str):
                    raise DocumentError(f"{_named(path)} has a name that is not text.")
                checked[_checked_text(name, path)] = _checked(item, _joined(path, name), depth + 1)
            return checked
        case float():
            raise DocumentError(f'{_named(path)} is a binary fraction; write decimals as text, as in "0.8".')
        case _:
            raise DocumentError(f"{_named(path)} is a {type(value).__name__}, which JSON does not have.")


def _checked_text(value: str, path: str) -> str:
    if _REFUSED_TEXT.search(value):
        raise DocumentError(f"{_named(path)} holds a control character or half a character; remove it.")
    return value


def _named(path: str) -> str:
    return path or "The document"


def _joined(path: str, name: str) -> str:
    return f"{path}.{name[:60]}" if path else name[:60]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A value and the path that leads to it, as in ``clauses[2].requires.all[0].value``.

    Every method returns the value as the type that its name says, or raises ``DocumentError`` naming the
    path.
    """

    value: JSON
    path: str

    def fail(self, message: str) -> NoReturn:
        raise DocumentError(f"{_named(self.path)}: {message}")

    def fields(self, *, required: Collection[str], optional: Collection[str] = ()) -> "dict[str, Place]":
        """The members of an object that has all required names and no name besides the optional ones."""
        if not isinstance(self.value, dict):
            self.fail("an object is needed here.")
        for name in required:
            if name not in self.value:
                self.fail(f'"{name}" is missing.')
        for name in self.value:
            if name not in required and name not in optional:
                known = ", ".join([*required, *optional])
                self.fail(f'"{name[:60]}" is not known here; known are {known}.')
        return {name: Place(value=item, path=_joined(self.path, name)) for name, item in self.value.items()}

    def members(self, *, at_most: int) -> "dict[str, Place]":
        """The members of an object with free names."""
        if not isinstance(self.value, dict):
            self.fail("an object is needed here.")
        if len(self.value) > at_most:
            self.fail(f"{len(self.value)} members are too many; at most {at_most} are taken.")
        return {name: Place(value=item, path=_joined(self.path, name)) for name, item in self.value.items()}

    def items(self, *, at_least: int = 0, at_most: int) -> "list[Place]":
        """The items of a list whose length lies within the bounds."""
        if not isinstance(self.value, list):
            self.fail("a list is needed here.")
        if not at_least <= len(self.value) <= at_most:
            self.fail(f"the list has {len(self.value)} items; {at_least} to {at_most} belong here.")
        return [Place(value=item, path=f"{self.path}[{n}]") for n, item in enumerate(self.value)]

    def text(self, *, at_most: int = 2000, empty: bool = False) -> str:
        """A text that is not blank, unless ``empty`` allows it, of at most ``at_most`` characters."""
        if not isinstance(self.value, str):
            self.fail("text is needed here.")
        if not empty and not self.value.strip():
            self.fail("the text is empty.")
        if len(self.value) > at_most:
            self.fail(f"the text has {len(self.value)} characters; at most {at_most} are taken.")
        return self.value

    def one_of(self, choices: Collection[str]) -> str:
        """A text that is one of the choices."""
        value = self.text(at_most=200)
        if value not in choices:
            self.fail(f'"{value[:60]}" is not known; known are {", ".join(sorted(choices))}.')
        return value

    def matching(self, pattern: re.Pattern[str], meaning: str, *, at_most: int = 100) -> str:
        """A text that matches the pattern as a whole; ``meaning`` says in words what is expected."""
        value = self.text(at_most=at_most)
        if not pattern.fullmatch(value):
            self.fail(f'"{value[:60]}" is not {meaning}.')
        return value

    def texts(self, *, at_least: int = 0, at_most: int, choices: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of texts, none of them twice."""
        items = self.items(at_least=at_least, at_most=at_most)
        values = tuple(i.text(at_most=200) if choices is None else i.one_of(choices) for i in items)
        if len(set(values)) != len(values):
            self.fail("the same text stands in the list twice.")
        return values

    def timestamp(self) -> datetime:
        """A time in UTC (RFC 3339 section 5.6, always with ``Z``), such as ``"2026-11-21T10:00:00Z"``."""
        text = self.matching(_TIMESTAMP, 'a time in UTC, as in "2026-11-21T10:00:00Z"')
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            self.fail(f'"{text}" is not a day and time of the calendar.')

    def whole(self, *, at_least: int, at_most: int = LARGEST_INTEGER) -> int:
        """A whole number within the bounds."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.fail("a whole number is needed here.")
        if not at_least <= self.value <= at_most:
            self.fail(f"{self.value} is outside {at_least} to {at_most}.")
        return self.value

    def truth(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self.fail("true or false is needed here.")
        return self.value
