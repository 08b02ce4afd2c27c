"""What the offline verifier says: the numbered steps for a person, the same as JSON for a machine.

It never says more than was found, and never lets a bundle move the cursor.

docs/bundle.md.
"""

from collections.abc import Sequence

from audits.merkle.bundles import STEPS, Report
from audits.merkle.encoding import to_base64
from audits.merkle.errors import Passed, VerificationError
from audits.merkle.showing import printable


def success_lines(report: Report) -> list[str]:
    """The report of a bundle that verified."""
    whose = "the log" if report.identity_proved else "a log that calls itself"
    lines = [
        *_passed_lines(report.passed),
        "",
        f"PROVED: {report.entries} entries are in {whose} {printable(report.origin)}, as shown here.",
    ]
    if not report.identity_proved:
        lines += [
            "NOT PROVED: the identity of the log. No trusted key was given (--key), so this may be any log.",
            f"  Key to compare: {printable(report.key)}",
        ]
    return [*lines, "This does not prove:", *(f"  - {sentence}" for sentence in report.not_proved)]


def failure_lines(error: VerificationError) -> list[str]:
    """The report of a bundle that did not."""
    reached = len(error.passed)
    lines = [
        *_passed_lines(error.passed),
        f"{reached + 1}. {STEPS[error.step]}: FAILED",
        f"      {printable(error.message)}",
    ]
    for number, step in enumerate(list(STEPS)[reached + 1 :], start=reached + 2):
        lines.append(f"{number}. {STEPS[step]}: not reached")
    return [*lines, "", "NOT PROVED: do not rely on anything in this bundle."]


def success_json(report: Report) -> dict[str, object]:
    """The report of a bundle that verified, for a machine."""
    return {
        "verified": True,
        "identity_proved": report.identity_proved,
        "origin": report.origin,
        "key": report.key,
        "size": report.checkpoint.size,
        "root": to_base64(report.checkpoint.root),
        "entries": report.entries,
        "first_index": report.first_index,
        "last_index": report.last_index,
        "outside_size": None if report.outside is None else report.outside.size,
        "steps": _steps(report.passed),
        "not_proved": list(report.not_proved),
    }


def failure_json(error: VerificationError) -> dict[str, object]:
    """The report of a bundle that did not, for a machine."""
    return {
        "verified": False,
        "failed_step": error.step,
        "message": error.message,
        "first_failed_index": error.index,
        "failed_entries": error.failures,
        "steps": [*_steps(error.passed), {"step": error.step, "ok": False, "said": error.message}],
    }


def _passed_lines(passed: Sequence[Passed]) -> list[str]:
    lines = []
    for number, step in enumerate(passed, start=1):
        lines += [f"{number}. {STEPS[step.step]}: {_verdict(step)}", f"      {printable(step.said)}"]
    return lines


def _verdict(step: Passed) -> str:
    if not step.asked:
        return "not asked"
    return "ok" if step.proved else "NOT PROVED"


def _steps(passed: Sequence[Passed]) -> list[dict[str, object]]:
    return [{"step": item.step, "ok": item.proved if item.asked else None, "said": item.said} for item in passed]
