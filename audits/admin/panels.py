"""What a reading page is made of: panels of facts and tables, as plain values that one template shows.

Never holds markup: how a value is written follows from its kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "prose", "digest", "time", "number", "size", "code", "mark", "folded"]


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value on a page. ``url`` makes it a link; ``mark`` is the status where kind is "mark"."""

    value: object
    kind: Kind = "text"
    url: str = ""
    mark: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A labelled value."""

    label: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of values under a head; ``empty`` is said where there are none."""

    head: Sequence[str]
    rows: Sequence[Sequence[Value]]
    empty: str

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Each head, and whether its column holds numbers, over which it then stands."""
        return [
            (head, any(row[at].kind in ("number", "size") for row in self.rows)) for at, head in enumerate(self.head)
        ]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A titled part of a page."""

    title: str
    facts: Sequence[Fact] = ()
    table: Table | None = None
    note: str = ""


def text(value: object, *, url: str = "", note: str = "") -> Value:
    return Value(value=value, url=url, note=note)


def prose(value: object) -> Value:
    return Value(value=value, kind="prose")


def folded(value: object, summary: str) -> Value:
    """Long text that opens on demand."""
    return Value(value=value, kind="folded", note=summary)


def code(value: object) -> Value:
    return Value(value=value, kind="code")


def digest(value: str, *, url: str = "") -> Value:
    return Value(value=value, kind="digest", url=url)


def time(value: object) -> Value:
    return Value(value=value, kind="time")


def number(value: object) -> Value:
    return Value(value=value, kind="number")


def size(value: object) -> Value:
    return Value(value=value, kind="size")


def mark(kind: str, words: str, *, url: str = "") -> Value:
    return Value(value=words, kind="mark", mark=kind, url=url)


def fact(label: str, value: Value | object) -> Fact:
    """A fact; a bare value is taken as text."""
    return Fact(label=label, value=value if isinstance(value, Value) else text(value))
