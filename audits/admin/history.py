"""Reads the trail about a subject for a page: who did what, when, why. Each entry shown is re-hashed as it is read, and
its place in the signed log proved anew.

Never says that the whole trail is intact: that takes a verification of all of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import orjson

from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.merkle.tree import leaf_hash, verify_inclusion
from audits.models import Checkpoint, Entry, User
from audits.trail.log import disclosures_of, entries_about, inclusion_proofs, latest_checkpoint

_ERASED = "(erased)"
# Values of an act's data that say more in a line than they take up.
_TOLD = 40
_LISTED = 3


@dataclass(frozen=True, kw_only=True)
class Line:
    """One act about the subject. ``intact``: the stored bytes hash to the stored leaf, found out now. ``proved``: that
    they are in the log that was signed, found out now (None: not looked into, or no checkpoint covers them yet)."""

    index: int
    at: datetime
    kind: str
    what: str
    actor: str
    who: str
    reason: str
    intact: bool
    count: int = 1
    proved: bool | None = None

    @property
    def mark(self) -> tuple[str, str]:
        """Kind and words of the check that was made for this page."""
        if not self.intact or self.proved is False:
            return "unmet", "not what was signed"
        return ("met", "in the signed log") if self.proved else ("open", "not signed yet")


def history_of(subject: str, *, rows: Iterable[tuple[str, str]] = (), limit: int = 200) -> list[Line]:
    """The latest acts about a subject, or that changed one of these rows (table and key), newest first, each proved.

    Five queries, whatever their number.
    """
    entries = list(entries_about([subject], rows=rows).order_by("-index")[:limit])
    proved = proved_now(entries)
    return [replace(line, proved=proved.get(line.index)) for line in lines_of(entries)]


def proved_now(entries: Sequence[Entry]) -> dict[int, bool]:
    """Whether the stored bytes of each entry are in the log under the newest checkpoint, by index; without those that
    it does not cover. Every signature and hash is computed for this call, the tree once for all."""
    try:
        checkpoint = latest_checkpoint()
    except DomainError:
        return {}  # No key to check by.
    if checkpoint is None:
        return {}
    covered = {entry.index: entry for entry in entries if entry.index < checkpoint.size}
    try:
        proofs = inclusion_proofs(covered.keys(), checkpoint.size)
    except (DomainError, VerificationError):
        return dict.fromkeys(covered, False)
    return {index: _holds(entry, checkpoint, proofs[index]) for index, entry in covered.items()}


def _holds(entry: Entry, checkpoint: Checkpoint, proof: Sequence[bytes]) -> bool:
    try:
        verify_inclusion(
            leaf=leaf_hash(bytes(entry.body)),
            index=entry.index,
            size=checkpoint.size,
            proof=proof,
            root=bytes(checkpoint.root),
        )
    except VerificationError:
        return False
    return True


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
