"""Which entries go into a bundle: those on a subject, those that changed a row, those of a period, or of both.

Never leaves an entry out silently: what does not fit into one bundle is refused, with what does.

Limits: docs/bundle.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.apps import apps
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from audits.errors import Conflict, DomainError, NotFound
from audits.merkle.bundle_shape import MAX_BUNDLE_BYTES, MAX_ENTRIES
from audits.merkle.canonical import Json
from audits.merkle.errors import VerificationError
from audits.models.trail import Checkpoint, Entry
from audits.trail.archive import archived_changes
from audits.trail.log import bundle_of, entries_about, latest_checkpoint, pending_acts

# A body is JSON within JSON: its quotes are escaped, and each entry has a proof.
_ESCAPED = 1.35
_PROOF_BYTES = 60


class SelectionInvalid(DomainError):
    """What was asked for is no selection; the message says what is one."""

    code = "selection_invalid"


class NothingSelected(NotFound):
    """No entry of the log is on what was asked for."""

    code = "nothing_selected"


class TooMuchSelected(DomainError):
    """The entries do not fit into one bundle; the message says which part does."""

    code = "selection_too_large"


class LogDoesNotHold(Conflict):
    """What is stored is not what was signed. Nothing is proved by it."""

    code = "log_damaged"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Entries on one of ``subjects`` or that changed one of ``rows`` (table, key); all where there are neither.

    ``since`` and ``until`` (exclusive) narrow them by the act's time. ``said`` is what stands in the bundle.
    """

    said: Mapping[str, Json]
    subjects: frozenset[str] = frozenset()
    rows: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    since: datetime | None = None
    until: datetime | None = None

    def entries(self) -> "QuerySet[Entry]":
        """The entries selected, oldest first. Raises NotInArchive."""
        found = (
            entries_about(self.subjects, rows=self.rows, released=self._released())
            if self.subjects or self.rows
            else Entry.objects.order_by("index")
        )
        if self.since is not None:
            found = found.filter(at__gte=self.since)
        if self.until is not None:
            found = found.filter(at__lt=self.until)
        return found

    def _released(self) -> set[int]:
        """Those that changed one of the rows and have left the database for the archive."""
        if not self.rows:
            return set()
        changes = archived_changes({table for table, _ in self.rows}, {key for _, key in self.rows})
        return {change.index for change in changes if (change.table, change.key) in self.rows}

    def within(self, *, since: datetime | None, until: datetime | None) -> "Selection":
        """The same, narrowed to a period. Raises SelectionInvalid."""
        if since is None and until is None:
            return self
        if since is not None and until is not None and since >= until:
            raise SelectionInvalid("The period is empty: its end must be after its beginning.")
        times = {"from": since, "to": until}
        said = {name: time.isoformat() for name, time in times.items() if time is not None}
        return replace(self, since=since, until=until, said={**self.said, **said})


def object_selection(subject: str) -> Selection:
    """One object's history: acts on it, and acts that changed its row. ``subject`` reads ``app.model:key``."""
    label, colon, key = subject.partition(":")
    if not (label and colon and key):
        raise SelectionInvalid("A subject reads app.model:key, for example registry.modelversion:<id>.")
    rows = frozenset[tuple[str, str]]()
    if "." in label:
        try:
            rows = frozenset({(apps.get_model(label)._meta.db_table, key)})
        except (LookupError, ValueError):
            # A subject need not be a row: acts may be on something else.
            rows = frozenset()
    return Selection(said={"kind": "object", "subject": subject}, subjects=frozenset({subject}), rows=rows)


def row_selection(table: str, key: str) -> Selection:
    """One row's history: every act that changed it."""
    return Selection(said={"kind": "object", "table": table, "key": key}, rows=frozenset({(table, key)}))


def period_selection(*, since: datetime | None, until: datetime | None) -> Selection:
    """Everything in a period. Raises SelectionInvalid without any end."""
    if since is None and until is None:
        raise SelectionInvalid("A period has a beginning or an end, or both.")
    return Selection(said={"kind": "period"}).within(since=since, until=until)


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """A bundle as a file, with how much it holds."""

    data: bytes
    entries: int
    checkpoint_size: int


@contextmanager
def one_view() -> Iterator[None]:
    """Everything read inside is as it was at one moment, the entries and the rows that they are about alike."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def bundle_selection(selection: Selection, *, about: Mapping[str, Json], held: Sequence[int] = ()) -> Bundled:
    """The bundle of the selected entries against the newest checkpoint; call it in ``one_view``.

    ``held``: sizes of checkpoints that the reader holds, to which the bundle then proves consistency.

    Raises NothingSelected, TooMuchSelected, LogDoesNotHold, NotInArchive.
    """
    checkpoint = latest_checkpoint()
    if checkpoint is None or checkpoint.size == 0:
        raise NothingSelected("The trail has no checkpoint yet: start a worker (manage.py worker) and ask again.")
    indexes = _fitting(selection, checkpoint)
    waiting = {"acts_not_yet_in_the_log": pending_acts()}
    try:
        data = bundle_of(indexes, about={**about, **waiting}, selection=selection.said, since=held)
    except VerificationError as error:
        if error.step == "shape":
            raise TooMuchSelected("The entries make a bundle that is too long: ask for a shorter period.") from error
        raise LogDoesNotHold(f"The log does not hold: {error.message}. Run ./run verify to see where.") from error
    # The one that witnesses saw may be older than the newest.
    size = int(json.loads(data)["checkpoint"].split("\n")[1])
    return Bundled(data=data, entries=len(indexes), checkpoint_size=size)


def _fitting(selection: Selection, checkpoint: Checkpoint) -> list[int]:
    """The indexes, if all of them fit into one bundle."""
    found = (
        selection.entries()
        .filter(index__lt=checkpoint.size)
        .annotate(bytes=RawSQL("coalesce(length(audits_entry.body), 65535)", []))
        .values_list("index", "at", "bytes")
    )
    indexes: list[int] = []
    room = float(MAX_BUNDLE_BYTES)
    per_entry = _PROOF_BYTES * (checkpoint.size.bit_length() + 2)
    last: datetime | None = None
    for index, at, length in found[: MAX_ENTRIES + 1].iterator(chunk_size=2000):
        room -= length * _ESCAPED + per_entry
        if len(indexes) == MAX_ENTRIES or room < 0:
            raise _too_much(found.count(), len(indexes), last)
        indexes.append(index)
        last = at
    if not indexes:
        raise NothingSelected(
            "No entry of the log is on that: check the name or the period. What was done just now is in it in a second."
        )
    return indexes


def _too_much(all_of_them: int, fitting: int, last: datetime | None) -> TooMuchSelected:
    end = "" if last is None else f" The first {fitting} reach to {last.isoformat()}."
    return TooMuchSelected(
        f"That is {all_of_them} entries; one bundle holds at most {MAX_ENTRIES} entries and "
        f"{MAX_BUNDLE_BYTES // 2**20} MiB. Ask for it in parts, by period (from, to).{end}"
    )
