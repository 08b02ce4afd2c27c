"""How long what is recorded must stay: the classes, their periods, and which event belongs to which.

Never shorter than a regulation asks, and never shorter than 183 days; what nobody put into a class is kept longest.
Regulation (EU) 2024/1689, articles 18(1), 19(1) and 26(6); 45 CFR 164.316(b)(2)(i).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

FLOOR = timedelta(days=183)
"""Six months at least, whatever the class: Regulation (EU) 2024/1689, articles 19(1) and 26(6)."""

_PERIOD = re.compile(r"([1-9][0-9]{0,4})([dy])")
_KIND = re.compile(r"[a-z]+\.[a-z_]+\.[a-z_]+")


class RetentionError(ValueError):
    """A period or a class cannot be used; the message says why."""


@dataclass(frozen=True, kw_only=True)
class RetentionClass:
    """``days`` and ``years`` are the period from the act on; ``source`` is what asks for the least of it."""

    name: str
    title: str
    years: int = 0
    days: int = 0
    source: str

    def ends(self, begun: datetime) -> datetime:
        """When the period of an act at ``begun`` is over; the 29th of February ends on the 1st of March."""
        if not self.years:
            return begun + timedelta(days=self.days)
        try:
            return begun.replace(year=begun.year + self.years)
        except ValueError:
            return begun.replace(year=begun.year + self.years, month=3, day=1)

    @property
    def period(self) -> str:
        return f"{self.years} years" if self.years else f"{self.days} days"


OPERATION = "operation"
RECORDS = "records"
DOCUMENTATION = "documentation"

LEAST: tuple[RetentionClass, ...] = (
    RetentionClass(
        name=OPERATION,
        title="Logs of operation",
        days=FLOOR.days,
        source="Regulation (EU) 2024/1689, articles 19(1) and 26(6): six months at least",
    ),
    RetentionClass(
        name=RECORDS,
        title="Records of people and access",
        years=6,
        source="45 CFR 164.316(b)(2)(i) (HIPAA): six years",
    ),
    RetentionClass(
        name=DOCUMENTATION,
        title="Technical documentation and decisions",
        years=10,
        source="Regulation (EU) 2024/1689, article 18(1): ten years",
    ),
)

_OF_KIND: dict[str, str] = {"audits.trail.exported": OPERATION, "audits.inventory.exported": RECORDS}


def keep(name: str, *kinds: str) -> None:
    """Put kinds of events into a class. Floors above say so beside their events; the rest is kept longest."""
    _OF_KIND.update(dict.fromkeys(kinds, name))


@dataclass(frozen=True, kw_only=True)
class Retention:
    """The classes in force, shortest first, and kinds that the operator put into another class, to be kept longer."""

    classes: tuple[RetentionClass, ...] = LEAST
    moved: Mapping[str, str] = field(default_factory=dict)

    def class_of(self, kind: str) -> RetentionClass:
        """The class of a kind of event: the longest, unless its app put it into another or the operator into a longer.

        A move to a period below what the kind's own regulation asks for has no effect; ``shortened`` names it.
        """
        own = self._named(_OF_KIND.get(kind, DOCUMENTATION))
        moved = self._named(self.moved.get(kind, own.name))
        return own if _lasts(moved) < _lasts(_least(own.name)) else moved

    def shortened(self) -> list[str]:
        """In words, each move that would keep a kind of event for less than its regulation asks.

        Known only once the apps have said which kinds are theirs, so not when the setting is read.
        """
        found = []
        for kind, name in self.moved.items():
            least = _least(_OF_KIND.get(kind, DOCUMENTATION))
            if _lasts(self._named(name)) < _lasts(least):
                found.append(
                    f"{kind}={name} would keep {kind} for {self._named(name).period}, less than {least.period}"
                    f" ({least.source})"
                )
        return found

    def _named(self, name: str) -> RetentionClass:
        return next(found for found in self.classes if found.name == name)

    def ends(self, kind: str, at: datetime) -> datetime:
        """From when on an act may leave the database."""
        return self.class_of(kind).ends(at)


def parse_retention(text: str) -> Retention:
    """``operation=400d, records=7y, governance.session.opened=records``; empty for the least. Raises RetentionError."""
    classes = {found.name: found for found in LEAST}
    moved: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise RetentionError(f"{part!r} is not class=period nor kind=class, for example operation=400d")
        if name in classes:
            classes[name] = _lengthened(classes[name], value)
        elif _KIND.fullmatch(name):
            if value not in classes:
                raise RetentionError(f"{value!r} is no class; the classes are {', '.join(classes)}")
            moved[name] = value
        else:
            raise RetentionError(f"{name!r} is neither a class ({', '.join(classes)}) nor a kind of event")
    return Retention(classes=tuple(classes.values()), moved=moved)


def _lengthened(least: RetentionClass, value: str) -> RetentionClass:
    match = _PERIOD.fullmatch(value)
    if match is None:
        raise RetentionError(f"{least.name}={value}: a period is days or years, for example 400d or 7y")
    number = int(match[1])
    longer = replace(least, years=number if match[2] == "y" else 0, days=number if match[2] == "d" else 0)
    if _lasts(longer) < FLOOR:
        raise RetentionError(
            f"{least.name}={value} is less than 183 days, and nothing recorded here may go before that"
        )
    if _lasts(longer) < _lasts(least):
        raise RetentionError(
            f"{least.name}={value} is less than {least.period} ({least.source}); a period can only be made longer"
        )
    return longer


def _least(name: str) -> RetentionClass:
    return next(found for found in LEAST if found.name == name)


def _lasts(found: RetentionClass) -> timedelta:
    begun = datetime(2001, 1, 1)  # noqa: DTZ001 - only lengths are compared
    return found.ends(begun) - begun
