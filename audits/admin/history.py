"""Reads the trail about a subject for a page: who did what, when, why. Each entry shown is re-hashed as it is read.

Never says that the whole trail is intact: that takes a verification of all of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import orjson

from audits.merkle.tree import leaf_hash
from audits.models import Entry, User
from audits.trail.log import disclosures_of

_ERASED = "(erased)"
# Values of an act's data that say more in a line than they take up.
_TOLD = 40
_LISTED = 3


@dataclass(frozen=True, kw_only=True)
class Line:
    """One act about the subject. ``intact``: the stored bytes hash to the stored leaf, found out now."""

    index: int
    at: datetime
    kind: str
    what: str
    actor: str
    who: str
    reason: str
    intact: bool
    count: int = 1


def history_of(subject: str, *, limit: int = 200) -> list[Line]:
    """The latest acts about a subject, newest first. Three queries, whatever their number."""
    return lines_of(Entry.objects.filter(subject=subject).order_by("-index")[:limit])


def lines_of(entries: Iterable[Entry]) -> list[Line]:
    """Entries as lines, with names and reasons looked up in one query each."""
    read = [(entry, orjson.loads(bytes(entry.body))["act"]) for entry in entries]
    texts = disclosures_of(entry for entry, act in read if _commitment(act))
    names = names_of(entry.actor for entry, _ in read)
    return [
        Line(
            index=entry.index,
            at=entry.at,
            kind=entry.kind,
            what=told(entry.kind, act["data"]),
            actor=entry.actor,
            who=names.get(entry.actor, entry.actor),
            reason=texts.get(_commitment(act), _ERASED) if _commitment(act) else "",
            intact=leaf_hash(bytes(entry.body)) == bytes(entry.leaf_hash),
        )
        for entry, act in read
    ]


def collapsed(lines: Sequence[Line]) -> list[Line]:
    """Runs of the same act by the same person as one line with a count, the newest standing for all."""
    made = []
    for _, run in groupby(lines, key=lambda line: (line.kind, line.actor)):
        found = list(run)
        first = found[0]
        if len(found) > 1:
            first = replace(
                first,
                what=f"{told(first.kind, {})}, {len(found)} times",
                count=len(found),
                intact=all(line.intact for line in found),
            )
        made.append(first)
    return made


def told(kind: str, data: Mapping[str, object]) -> str:
    """An act in a few words: ``governance.section.signed`` with its section is "Section signed: fairness"."""
    _, thing, done = kind.split(".")
    words = f"{thing} {done}".replace("_", " ").capitalize()
    values = [said for name, value in data.items() if (said := _said(name, value))]
    return f"{words}: {', '.join(values)}" if values else words


def _said(name: str, value: object) -> str:
    """One value of an act, or nothing where it takes up more than it says."""
    label = name.replace("_", " ")
    match value:
        case bool():
            return label if value else f"not {label}"
        case int():
            return f"{label} {value}"
        case str() if 0 < len(value) <= _TOLD and not name.endswith("digest"):
            return value.replace("_", " ")
        case list() if len(value) > _LISTED:
            return f"{len(value)} {label}"
        case list():
            return ", ".join(str(item).replace("_", " ") for item in value if len(str(item)) <= _TOLD)
    return ""


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """The names behind ``user:7``; parts of the system are named as what they are."""
    wanted = set(actors)
    ids = {int(actor[5:]) for actor in wanted if actor.startswith("user:") and actor[5:].isdigit()}
    names = {f"user:{account.pk}": account.name for account in User.objects.filter(pk__in=ids)} if ids else {}
    system = {actor: f"Countersign ({actor.partition(':')[2]})" for actor in wanted if actor.startswith("system:")}
    return {**names, **system}


def _commitment(act: Mapping[str, object]) -> str:
    reason = act.get("reason")
    return str(reason["committed"]) if isinstance(reason, Mapping) else ""
