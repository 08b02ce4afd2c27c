"""Verifies the trail and keeps what came of it: an act, a governed row, and a file with every difference.

Never copies a text from a row into the file: it names places, and ``./run verify`` shows what stands there.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app

from audits import events
from audits.artifacts import store
from audits.errors import DomainError, Unforeseen
from audits.models import Verification, VerificationRun
from audits.trail import Actor, act
from audits.trail.keys import trail_keys
from audits.trail.verification import VerificationReport, verify
from audits.trail.verification.engine import Progress

QUEUE = "verification"
JOB = "audits.verify_trail"
NIGHT = 2  # UTC: from then on the day's verification is due.
# A run that has said nothing for so long is taken for one whose worker is gone.
_SILENT = timedelta(minutes=30)
_TOLD_EVERY = 1.0  # Seconds.


def last_verification() -> Verification | None:
    """The newest result; None before the first."""
    return Verification.objects.order_by("-finished_at").first()


def is_due(now: datetime) -> bool:
    """Whether the last night's verification is still to be done: one that a stopped worker missed is caught up with."""
    night = now.replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    if night > now:
        night -= timedelta(days=1)
    last = last_verification()
    return last is None or last.started_at < night


def ask_verification(*, actor: Actor) -> VerificationRun:
    """Have a worker verify everything; the one that waits or is at work already, where there is one."""
    actor.require("audits.view_trail")
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('audits.verify_trail'))")
        for run in VerificationRun.objects.filter(finished_at=None).order_by("-asked_at")[:1]:
            if (run.told_at or run.asked_at) > now - _SILENT:
                return run
        run = VerificationRun.objects.create(asked_at=now, asked_by=actor.id)
        app.configure_task(JOB, queue=QUEUE).defer(run_id=str(run.pk))
    return run


def run_verification(*, actor: Actor, run: VerificationRun) -> Verification:
    """Do what was asked for, and say on the way how it comes on."""
    VerificationRun.objects.filter(pk=run.pk).update(started_at=timezone.now(), told_at=timezone.now())
    try:
        with _telling(run) as tell:
            result = verify_trail(actor=actor, progress=tell)
    except DomainError as problem:
        _close(run, problem=problem.message)
        raise
    except Exception:
        _close(run, problem=Unforeseen().message)
        raise
    _close(run, result=result)
    return result


def verify_trail(*, actor: Actor, progress: Callable[[Progress], None] | None = None) -> Verification:
    """Verify everything here and now and keep the result. Call it outside any transaction."""
    started_at = timezone.now()
    report = verify(progress=progress, keeping=True)
    kept = store.put_bytes(orjson.dumps(report_document(report), option=orjson.OPT_INDENT_2))
    codes = Counter(finding.code for step in report.steps for finding in step.findings)
    signed = trail_keys().open(report.checkpoint) if report.checkpoint else None
    result = Verification(
        started_at=started_at,
        finished_at=timezone.now(),
        ok=report.ok,
        since=report.since,
        entries=report.entries,
        pending=report.pending,
        differences=sum(step.total for step in report.steps),
        checkpoint=report.checkpoint,
        report_digest=kept.digest,
    )
    event = events.TrailVerified(
        ok=report.ok,
        since=report.since,
        entries=report.entries,
        pending=report.pending,
        size=0 if signed is None else signed.size,
        root="" if signed is None else signed.root.hex(),
        codes=dict(codes),
        report=kept.digest,
    )
    with act(event, actor=actor, subject=f"trail:{settings.TRAIL_ORIGIN}"):
        result.save(force_insert=True)
    return result


def report_document(report: VerificationReport) -> dict[str, object]:
    """The report as it is kept: every difference by its place, without what the row or the trail holds there."""
    document = asdict(report)
    for step in document["steps"]:
        for finding in step["findings"]:
            del finding["trail"], finding["there"]
    return document


@contextmanager
def _telling(run: VerificationRun) -> Iterator[Callable[[Progress], None]]:
    """Keeps the run's row up to date, on a connection of its own: the verification's own may only read."""
    other = connection.copy()
    last = 0.0

    def tell(at: Progress) -> None:
        nonlocal last
        now = timezone.now()
        if at.done and now.timestamp() - last < _TOLD_EVERY:
            return
        last = now.timestamp()
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE audits_verificationrun SET told_at = %s, number = %s, steps = %s, step = %s, done = %s,"
                " total = %s WHERE id = %s",
                [now, at.number, at.steps, at.name, at.done, at.total, run.pk],
            )

    try:
        yield tell
    finally:
        other.close()


def _close(run: VerificationRun, *, result: Verification | None = None, problem: str = "") -> None:
    VerificationRun.objects.filter(pk=run.pk).update(finished_at=timezone.now(), result=result, problem=problem)
