"""Facts as they were at one moment: each with its value, its source and its time, and a digest over all of
them.

A snapshot never says anything about what it does not hold: an absent fact is unknown, not false.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from audits.merkle.canonical import canonical_bytes, sha256_hex
from governance.json_documents import JSON, DocumentError, Place, place_document, read_document
from governance.policies.errors import PolicyError
from governance.policies.facts import Origin
from governance.policies.values import (
    FactType,
    FactValue,
    checked_decimal,
    read_decimal,
    read_value,
    type_of,
    write_decimal,
    write_timestamp,
    write_value,
)

FORMAT = "countersign/facts/v1"
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,3}")
_MAX_FACTS = 1000
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Source:
    """The record that a fact was read from. ``reference`` identifies it (a digest, an id); ``title`` names
    it.
    """

    kind: Origin
    reference: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A value, the record it came from and when that record was made (not when it was read).

    A decimal that was estimated carries its confidence interval as ``low`` and ``high``: both or neither. The
    value need not lie between them: the interval of a minimum over groups often does not hold the point
    value.
    """

    value: FactValue
    source: Source
    as_of: datetime
    low: Decimal | None = None
    high: Decimal | None = None

    def __post_init__(self) -> None:
        kind = type_of(self.value)
        if self.as_of.tzinfo is None:
            raise PolicyError("The time of a fact needs its time zone.")
        if kind is FactType.TIMESTAMP and isinstance(self.value, datetime) and self.value.tzinfo is None:
            raise PolicyError("A time as the value of a fact needs its time zone.")
        if (self.low is None) != (self.high is None):
            raise PolicyError("An interval has both bounds, or there is none.")
        if self.low is not None and self.high is not None:
            if kind is not FactType.DECIMAL:
                raise PolicyError("Only a decimal fact has an interval.")
            if checked_decimal(self.low) > checked_decimal(self.high):
                raise PolicyError("The lower bound of an interval lies above its upper bound.")
        if isinstance(self.value, Decimal):
            checked_decimal(self.value)

    @property
    def type(self) -> FactType:
        return type_of(self.value)

    def as_json(self) -> dict[str, JSON]:
        document: dict[str, JSON] = {
            "type": self.type.value,
            "value": write_value(self.value),
            "source": {
                "kind": self.source.kind.value,
                "reference": self.source.reference,
                "title": self.source.title,
            },
            "as_of": write_timestamp(self.as_of),
        }
        if self.low is not None and self.high is not None:
            document["low"] = write_decimal(self.low)
            document["high"] = write_decimal(self.high)
        return document


class FactSnapshot:
    """Facts by name; it cannot be changed. Raises ``PolicyError`` for what could not be written as JSON."""

    def __init__(self, facts: Mapping[str, Fact]) -> None:
        self.facts: Mapping[str, Fact] = MappingProxyType(dict(facts))
        try:
            _parse(place_document(self.as_json()))
        except DocumentError as error:
            raise PolicyError(error.message) from None

    @classmethod
    def _of_checked(cls, facts: Mapping[str, Fact]) -> "FactSnapshot":
        """A snapshot of facts that were read from JSON just now, and so need no second look."""
        snapshot = cls.__new__(cls)
        snapshot.facts = MappingProxyType(dict(facts))
        return snapshot

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FactSnapshot) and self.facts == other.facts

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"FactSnapshot({len(self.facts)} facts)"

    def get(self, name: str) -> Fact | None:
        return self.facts.get(name)

    def as_json(self) -> dict[str, JSON]:
        """The document that is stored beside a decision."""
        return {
            "format": FORMAT,
            "facts": {name: fact.as_json() for name, fact in sorted(self.facts.items())},
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return sha256_hex(canonical_bytes(self.as_json()))

    @classmethod
    def from_json(cls, document: object) -> "FactSnapshot":
        """The snapshot that a document says. Raises ``PolicyError`` naming the place of a fault."""
        try:
            return cls._of_checked(_parse(place_document(document)))
        except DocumentError as error:
            raise PolicyError(error.message) from None

    @classmethod
    def from_bytes(cls, data: bytes) -> "FactSnapshot":
        """The snapshot that JSON text says. Raises ``PolicyError`` naming the place of a fault."""
        try:
            return cls._of_checked(_parse(read_document(data, max_bytes=_MAX_BYTES)))
        except DocumentError as error:
            raise PolicyError(error.message) from None


def _parse(root: Place) -> dict[str, Fact]:
    fields = root.fields(required=("format", "facts"))
    fields["format"].one_of((FORMAT,))
    facts: dict[str, Fact] = {}
    for name, place in fields["facts"].members(at_most=_MAX_FACTS).items():
        if not _NAME.fullmatch(name):
            place.fail(f'"{name[:60]}" is not the name of a fact; names look like "fairness.verdict".')
        facts[name] = _fact(place)
    return facts


def _fact(place: Place) -> Fact:
    fields = place.fields(required=("type", "value", "source", "as_of"), optional=("low", "high"))
    source = fields["source"].fields(required=("kind", "reference", "title"))
    kind = FactType(fields["type"].one_of([member.value for member in FactType]))
    try:
        return Fact(
            value=read_value(fields["value"], kind),
            source=Source(
                kind=Origin(source["kind"].one_of([member.value for member in Origin])),
                reference=source["reference"].text(at_most=500),
                title=source["title"].text(at_most=500),
            ),
            as_of=fields["as_of"].timestamp().astimezone(UTC),
            low=read_decimal(fields["low"]) if "low" in fields else None,
            high=read_decimal(fields["high"]) if "high" in fields else None,
        )
    except PolicyError as error:
        place.fail(error.message)
