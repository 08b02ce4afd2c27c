"""Runs the steps of a verification over one frozen view, and makes the report."""

import time
from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseError

from audits.errors import DomainError
from audits.merkle.checkpoints import Checkpoint
from audits.trail.keys import signer_state, trail_keys
from audits.trail.signer_state import TrailAlarm
from audits.trail.verification.acts import check_acts
from audits.trail.verification.content import check_files
from audits.trail.verification.disclosures import check_disclosures
from audits.trail.verification.guards import check_guards
from audits.trail.verification.leaves import check_leaves
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.privileges import check_privileges
from audits.trail.verification.reading import frozen_view
from audits.trail.verification.report import Findings, Step, VerificationReport
from audits.trail.verification.signed import check_checkpoints
from audits.trail.verification.state import check_state

Progress = Callable[[int, str, int], None]
"""Told the step's number and name and how many things it has checked so far."""

STEPS: tuple[tuple[str, Callable[[Matter, Findings, Tell], None]], ...] = (
    ("Checkpoints are signed, and as the signer remembers them", check_checkpoints),
    ("Every entry hashes into the signed tree", check_leaves),
    ("Acts and changes are those that the entries were made of", check_acts),
    ("Texts beside the trail are those committed to", check_disclosures),
    ("Every governed row is what the trail adds up to", check_state),
    ("Every file is in the store, byte for byte", check_files),
    ("Triggers and functions are those that record and refuse", check_guards),
    ("The application's role can do no more than it needs", check_privileges),
)

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


def verify(
    *,
    progress: Progress | None = None,
    outside_checkpoint: str | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> VerificationReport:
    """Check everything; never raises for what it finds, only where there is no key or no database.

    ``outside_checkpoint`` is a signed note that was kept elsewhere. It changes nothing and may run beside
    everything else; call it outside any transaction.
    """
    begun = time.monotonic()
    keys = trail_keys()
    steps: list[Step] = []
    before, alarm = _remembered(using)
    with frozen_view(using) as reader:
        after, _ = _load()
        matter = Matter(using=using, reader=reader, keys=keys, remembered=(before, after), outside=outside_checkpoint)
        for number, (name, check) in enumerate(STEPS, start=1):
            findings = Findings()
            if number == 1 and alarm is not None:
                findings.add(alarm.code, alarm.message)
            steps.append(_run(number, name, check, matter, findings, progress))
    return VerificationReport(
        ok=all(step.ok for step in steps),
        origin=keys.origin,
        key=keys.present.vkey,
        entries=matter.entries,
        pending=matter.pending,
        checkpoint=matter.newest,
        seconds=round(time.monotonic() - begun, 3),
        steps=tuple(steps),
        not_checked=_NOT_CHECKED if outside_checkpoint is not None else (*_NOT_CHECKED, _NO_OUTSIDE),
    )


def _run(
    number: int,
    name: str,
    check: Callable[[Matter, Findings, Tell], None],
    matter: Matter,
    findings: Findings,
    progress: Progress | None,
) -> Step:
    begun = told = time.monotonic()
    done = 0

    def tell(more: int) -> None:
        nonlocal told, done
        done += more
        now = time.monotonic()
        if progress is not None and now - told > _TOLD_EVERY:
            told = now
            progress(number, name, done)

    if progress is not None:
        progress(number, name, 0)
    try:
        with matter.reader.guarded():
            check(matter, findings, tell)
    except _BROKEN as error:
        findings.add("step_failed", f"This step could not be finished: {type(error).__name__}: {error}")
    return Step(
        number=number,
        name=name,
        ok=findings.total == 0,
        checked=findings.checked,
        seconds=round(time.monotonic() - begun, 3),
        total=findings.total,
        findings=tuple(findings.listed),
    )


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
