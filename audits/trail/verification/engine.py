"""Runs the steps of a verification over one frozen view, and makes the report.

The entries are read once, for all steps that read them; a step that fails stops no other.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseError

from audits.errors import DomainError
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.tree import Frontier
from audits.trail.keys import signer_state, trail_keys
from audits.trail.signer_state import TrailAlarm
from audits.trail.verification.acts import Acts
from audits.trail.verification.archived import check_archive
from audits.trail.verification.beside import beside
from audits.trail.verification.checking import Check, Page, StepKind, once, pages
from audits.trail.verification.content import check_files
from audits.trail.verification.disclosures import Disclosures
from audits.trail.verification.guards import check_guards
from audits.trail.verification.leaves import Leaves
from audits.trail.verification.matter import Matter
from audits.trail.verification.outside import check_outside
from audits.trail.verification.privileges import check_privileges
from audits.trail.verification.reading import AT_ONCE, Reader, frozen_view
from audits.trail.verification.report import Finding, Findings, LastAct, Step, VerificationReport
from audits.trail.verification.resuming import frontier_of, keep, read_kept
from audits.trail.verification.signed import check_checkpoints
from audits.trail.verification.state import State
from audits.trail.verification.tiles import check_tiles

STEPS: tuple[StepKind, ...] = (
    StepKind(name="Checkpoints are signed, and as the signer remembers them", check=once(check_checkpoints), log=True),
    StepKind(name="Every entry hashes into the signed tree", check=Leaves, log=True),
    StepKind(name="Acts and changes are those that the entries were made of", check=Acts),
    StepKind(name="Texts beside the trail are those committed to", check=Disclosures),
    StepKind(name="Every governed row is what the trail adds up to", check=State),
    StepKind(name="Every file is in the store, byte for byte", check=once(check_files)),
    StepKind(name="Tables, triggers and functions are those that record and refuse", check=once(check_guards)),
    StepKind(name="The application's role can do no more than it needs", check=once(check_privileges)),
    StepKind(name="Every file of the archive holds what left the database", check=once(check_archive), log=True),
    StepKind(name="Published tiles are those of the tree", check=once(check_tiles)),
    StepKind(name="Cosignatures and timestamps hold, and acts retired the old keys", check=once(check_outside)),
)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A step, how many things it has checked so far, of how many where that is known, and in what time."""

    number: int
    steps: int
    name: str
    done: int
    total: int | None
    seconds: float


Tell = Callable[[Progress], None]

# A database that somebody has been at can be broken in any way: that is a finding, not an end.
_BROKEN = (
    DatabaseError,
    DomainError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    OSError,
)

_TOLD_EVERY = 0.2  # Seconds.
_PATIENCE = 3.0  # Seconds that a sequencer may take between its memory and the database.

_NOT_CHECKED = (
    "Times that nothing signed holds: audits_checkpoint.signed_at and audits_epoch.started_at.",
    "Checkpoints other than the newest that were removed from the database: each stands for itself.",
    "Tables that are not governed (sessions, the queue of jobs, Django's own lists).",
    "Whether what people wrote is true: the trail proves that it was recorded, when and by whom.",
)
_NO_OUTSIDE = (
    "A whole database and signer's folder set back together: compare with a checkpoint kept elsewhere "
    "(--checkpoint FILE)."
)
_BEFORE = (
    "The first {first} entries, which an earlier verification read and found in order: their bytes, acts, changes and "
    "columns. What they add up to was kept then, and every row is compared with it now.",
    "Texts beside the first {first} entries that are missing or too many; those that are there are compared.",
)
_LOG_ONLY = "Anything but the log itself: acts and changes, texts, rows, files, triggers, rights."


def verify(
    *,
    progress: Tell | None = None,
    outside_checkpoint: str | None = None,
    log_only: bool = False,
    since_last: bool = False,
    keeping: bool = False,
    using: str = DEFAULT_DB_ALIAS,
) -> VerificationReport:
    """Check everything; never raises for what it finds, only where there is no key or no database.

    ``outside_checkpoint`` is a signed note that was kept elsewhere. ``log_only`` checks signatures, leaves and tree.
    ``since_last`` goes on from the last verification that held and was ``keeping`` its state: entries after it are
    read, every row is compared. Raises NotResumable where there is none.
    It changes nothing in the database and may run beside everything else; call it outside any transaction.
    """
    resumed = read_kept() if since_last else None
    frontier = Frontier() if resumed is None else frontier_of(resumed)
    first = frontier.size
    begun = time.monotonic()
    keys = trail_keys()
    before, alarm = _remembered(using)
    with frozen_view(using) as reader, beside(using, reader) as asking:
        after, _ = _load()
        matter = Matter(
            using=using,
            reader=reader,
            beside=asking,
            keys=keys,
            remembered=(before, after),
            outside=outside_checkpoint,
            resumed=resumed,
            frontier=frontier,
            keeping=keeping and not log_only,
        )
        kinds = [(number, kind) for number, kind in enumerate(STEPS, start=1) if kind.log or not log_only]
        running = [_Running(number, kind, matter, progress) for number, kind in kinds]
        if alarm is not None:
            running[0].findings.add(alarm.code, alarm.message)
        with _collector_off():
            _run(running, matter)
        steps = tuple(step.result() for step in running)
    ok = all(step.ok for step in steps)
    if matter.kept is not None:
        if ok:
            keep(matter.kept)
        else:
            matter.kept.unlink()
    not_checked = _NOT_CHECKED if outside_checkpoint is not None else (*_NOT_CHECKED, _NO_OUTSIDE)
    return VerificationReport(
        ok=ok,
        since=first,
        origin=keys.origin,
        key=keys.present.vkey,
        entries=matter.entries,
        pending=matter.pending,
        checkpoint=matter.newest,
        seconds=round(time.monotonic() - begun, 3),
        steps=steps,
        not_checked=(
            *not_checked,
            *([_LOG_ONLY] if log_only else []),
            *(sentence.format(first=first) for sentence in (_BEFORE if first else ())),
        ),
    )


def _run(running: "list[_Running]", matter: Matter) -> None:
    """In order; before the first step that reads entries finishes, all of those have read them."""
    readers = [step for step in running if step.kind.check.reads]
    for step in running:
        if step in readers and not step.was_read:
            _read(readers, matter)
        step.finish()


def _read(readers: "list[_Running]", matter: Matter) -> None:
    first = readers[0]
    for step in readers:
        step.was_read = True
        step.expect(max(0, matter.entries - matter.frontier.size))
    begun = time.monotonic()
    try:
        with matter.reader.guarded(), closing(pages(matter, matter.frontier.size)) as read:
            for page in read:
                first.seconds += time.monotonic() - begun
                for step in readers:
                    step.take(page)
                begun = time.monotonic()
    except _BROKEN as error:
        for step in readers:
            step.fail(error)


class _Running:
    """One step at work: its findings, its time, and whether it could go on."""

    def __init__(self, number: int, kind: StepKind, matter: Matter, progress: Tell | None) -> None:
        self.number = number
        self.kind = kind
        self.findings = Findings()
        self.seconds = 0.0
        self.was_read = False
        self._reader = matter.reader
        self._progress = progress
        self._begun = self._told = time.monotonic()
        self._done = 0
        self._total: int | None = None
        self._failed = False
        self._check: Check | None = None
        with self._guarded():
            self._check = kind.check(matter, self.findings, self._tell)

    def expect(self, total: int) -> None:
        self._total = total
        self._begin()

    def take(self, page: Page) -> None:
        if self._check is not None and not self._failed:
            with self._guarded():
                self._check.take(page)

    def finish(self) -> None:
        self._begin()
        if self._check is not None and not self._failed:
            with self._guarded():
                self._check.finish()

    def fail(self, error: BaseException) -> None:
        if not self._failed:
            self._failed = True
            self.findings.add("step_failed", f"This step could not be finished: {type(error).__name__}: {error}")

    def result(self) -> Step:
        return Step(
            number=self.number,
            name=self.kind.name,
            ok=self.findings.total == 0,
            checked=self.findings.checked,
            seconds=round(self.seconds, 3),
            total=self.findings.total,
            findings=tuple(_with_acts(self._reader, self.findings.listed)),
        )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            with self._reader.guarded():
                yield
        except _BROKEN as error:
            self.fail(error)
        finally:
            self.seconds += time.monotonic() - begun

    def _begin(self) -> None:
        if not self._done:
            self._begun = time.monotonic()
            self._say()

    def _tell(self, more: int) -> None:
        self._done += more
        if time.monotonic() - self._told > _TOLD_EVERY:
            self._say()

    def _say(self) -> None:
        self._told = time.monotonic()
        if self._progress is not None:
            self._progress(
                Progress(
                    number=self.number,
                    steps=len(STEPS),
                    name=self.kind.name,
                    done=self._done,
                    total=self._total,
                    seconds=self._told - self._begun,
                )
            )


def _with_acts(reader: Reader, findings: list[Finding]) -> Iterator[Finding]:
    """Each finding with the act of the entry that it names."""
    wanted = sorted({finding.index for finding in findings if finding.index is not None})
    acts: dict[int, LastAct] = {}
    try:
        with reader.guarded():
            for at in range(0, len(wanted), AT_ONCE):
                for index, act_id, kind, actor, when in reader.rows(_ACTS, [wanted[at : at + AT_ONCE]]):
                    acts[index] = LastAct(id=act_id, kind=kind, actor=actor, at=when)
    except DatabaseError:
        pass  # A table that is broken is what the findings say.
    for finding in findings:
        act = None if finding.index is None else acts.get(finding.index)
        yield finding if act is None else replace(finding, act=act)


_ACTS = """
SELECT index, act_id::text, kind, actor, trim('"' from to_json(at AT TIME ZONE 'UTC')::text) || 'Z'
FROM audits_entry WHERE index = ANY(%s)
"""


@contextmanager
def _collector_off() -> Iterator[None]:
    """Python's collector walks the whole state again and again: a fold takes four times as long with it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load() -> tuple[Checkpoint | None, TrailAlarm | None]:
    try:
        return signer_state().load(), None
    except TrailAlarm as alarm:
        return None, alarm


def _remembered(using: str) -> tuple[Checkpoint | None, TrailAlarm | None]:
    """The signer's memory, once the database has had time to hold the same checkpoint."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        signed, alarm = _load()
        if signed is None or signed.size == 0:
            return signed, alarm
        with connections[using].cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM audits_checkpoint WHERE size = %s),"
                " (SELECT count(*) FROM audits_entry) < %s",
                [signed.size, signed.size],
            )
            there, behind = cursor.fetchone()
        if there or behind or time.monotonic() > deadline:
            return signed, alarm
        time.sleep(0.05)
