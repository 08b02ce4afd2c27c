"""Checks the trail, the state and the files, and says what differs: ``./run verify``.

Exits with 0 where all holds, 1 where anything differs, 2 where it could not verify. First lets the sequencer finish
what is committed, unless told to read only.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from audits.errors import DomainError
from audits.trail.keys import signer_state, signing_key
from audits.trail.sequencer import Sequencer
from audits.trail.verification import Finding, VerificationReport, verify
from audits.trail.verification.engine import Progress


class Command(BaseCommand):
    help = (
        "Checks every entry of the trail, every governed row and every file; exits with 1 where anything differs, "
        "with 2 where it could not verify."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--checkpoint", metavar="FILE", help="a signed checkpoint that was kept elsewhere, to compare with"
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON: every difference")
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--since-last",
            action="store_true",
            help="read entries from where the last verification here that held ended; every row is compared",
        )
        how.add_argument("--log", action="store_true", help="the log alone: signatures, leaves, tree")
        parser.add_argument(
            "--read-only", action="store_true", help="sequence nothing first: acts that wait are folded as they are"
        )

    def handle(self, *args: object, **options: object) -> None:
        as_json = bool(options["json"])
        outside = _read(options["checkpoint"])
        alarm = None if options["read_only"] else _drain()
        self._moving = False
        try:
            report = verify(
                progress=None if as_json else self._progress,
                outside_checkpoint=outside,
                since_last=bool(options["since_last"]),
                log_only=bool(options["log"]),
                keeping=alarm is None and not options["read_only"],
            )
        except DomainError as error:
            raise CommandError(error.message, returncode=2) from None
        except DatabaseError as error:
            raise CommandError(f"The database cannot be read: {error}".strip(), returncode=2) from None
        if as_json:
            document = report.as_json()
            self.stdout.write(json.dumps({**document, "ok": report.ok and alarm is None, "alarm": alarm}, indent=1))
        else:
            self._end_line()
            self._print(report, alarm)
        if alarm is not None or not report.ok:
            sys.exit(1)

    def _progress(self, at: Progress) -> None:
        """One line a step; count, rate and the time that is left move where a person is watching."""
        head = f"{at.number}/{at.steps} {at.name}"
        if sys.stderr.isatty():
            self.stderr.write("\r\033[K" + head + _pace(at), ending="")
            self.stderr.flush()
            self._moving = True
        elif not at.done:
            self.stderr.write(f"{head} …")

    def _end_line(self) -> None:
        if self._moving:
            self.stderr.write("\r\033[K", ending="")

    def _print(self, report: VerificationReport, alarm: str | None) -> None:
        say = self.stdout.write
        say(f"Trail {report.origin}: {report.entries} entries, {report.pending} acts waiting. Key {report.key}")
        if report.since:
            say(f"The first {report.since} entries were read by an earlier verification; this one goes on from there.")
        if alarm is not None:
            say(f"ALARM  The sequencer refuses to sign: {alarm}")
        for step in report.steps:
            verdict = "ok    " if step.ok else "DIFFER"
            say(f"{verdict} {step.number}. {step.name} ({step.checked} checked, {step.seconds:.1f} s)")
            for finding in step.findings:
                for line in _lines(finding):
                    say(f"         {line}")
            if step.total > len(step.findings):
                say(f"         and {step.total - len(step.findings)} more")
        say("Not checked:")
        for sentence in report.not_checked:
            say(f"  - {sentence}")
        if report.ok and alarm is None:
            say(f"Everything is as the trail says ({report.seconds:.1f} s).")
        else:
            total = sum(step.total for step in report.steps) + (alarm is not None)
            say(f"{total} differences. Change nothing; keep the database as it is and call whoever audits it.")


def _pace(at: Progress) -> str:
    if not at.done:
        return " …"
    if at.seconds < 1:
        return f" … {at.done:,}"
    rate = at.done / at.seconds
    if not at.total or at.done > at.total:
        return f" … {at.done:,} ({rate:,.0f}/s)"
    return f" … {at.done:,} of {at.total:,} ({rate:,.0f}/s, {(at.total - at.done) / rate:,.0f} s left)"


def _lines(finding: Finding) -> list[str]:
    place = " ".join(part for part in (finding.table, finding.key, finding.field) if part)
    lines = [f"[{finding.code}] {finding.message}"]
    if place:
        lines.append(f"  where: {place}" + ("" if finding.index is None else f" (entry {finding.index})"))
    if finding.act is not None:
        act = finding.act
        lines.append(f"  entry {finding.index}: {act.kind} by {act.actor} at {act.at}, act {act.id}")
    if finding.trail is not None or finding.there is not None:
        lines.append(f"  the trail says: {json.dumps(finding.trail, ensure_ascii=False)}")
        lines.append(f"  there is:       {json.dumps(finding.there, ensure_ascii=False)}")
    return lines


def _read(name: object) -> str | None:
    if name is None:
        return None
    try:
        return Path(str(name)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The checkpoint file {name} cannot be read: {error}.", returncode=2) from None


def _drain() -> str | None:
    """Sequence what is committed; the alarm, where the sequencer refuses."""
    try:
        Sequencer(key=signing_key(), state=signer_state()).drain()
    except DomainError as error:
        return error.message
    except DatabaseError as error:
        return f"The database does not let it append: {error}".strip()
    return None
