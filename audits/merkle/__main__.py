"""The offline verifier: ``python -m audits.merkle verify bundle.json``.

It never needs Django, a database or the network, and never writes a file.

Exit status: 0 everything asked for was proved, 1 something was not, 2 a file or argument could not be used.
"""

import argparse
import io
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from audits.merkle.bundle_shape import MAX_BUNDLE_BYTES, read_bundle
from audits.merkle.bundles import STEPS, Report, verify_bundle
from audits.merkle.encoding import to_base64
from audits.merkle.errors import Passed, VerificationError
from audits.merkle.notes import MAX_NOTE_BYTES, VerifyingKey
from audits.merkle.showing import describe_entry, printable

PROVED, FAILED, UNUSABLE = 0, 1, 2


class _UnusableError(Exception):
    """An argument or file that cannot be used; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        data = _read(options.bundle, MAX_BUNDLE_BYTES)
        if options.command == "show":
            return _show(data)
        return _verify(
            data,
            trusted_key=_trusted_key(options.key, options.key_file),
            outside=None if options.checkpoint is None else _read(options.checkpoint, MAX_NOTE_BYTES),
            as_json=options.json,
        )
    except _UnusableError as error:
        print(f"Cannot start: {error}", file=sys.stderr)
        return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audits.merkle",
        description="Check or read a proof bundle of the trail, without access to the log.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check every proof; exit 0 proved, 1 not proved, 2 unusable input")
    verify.add_argument("bundle", type=Path, help="the bundle, a JSON file")
    key = verify.add_mutually_exclusive_group()
    key.add_argument("--key", metavar="VKEY", help="the log's key as its owner publishes it: name+id+Base64")
    key.add_argument("--key-file", metavar="FILE", type=Path, help="a file that holds that one line")
    verify.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        help="a signed checkpoint, older or newer, that was kept where the log's operator cannot change it",
    )
    verify.add_argument("--json", action="store_true", help="write the result as JSON")
    show = commands.add_parser("show", help="print the entries readably, unchecked")
    show.add_argument("bundle", type=Path, help="the bundle, a JSON file")
    return parser


def _read(path: Path, limit: int) -> bytes:
    """Return the file, or one byte over the limit, which the reader of that format then refuses."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise _UnusableError(f"{path} cannot be read: {error.strerror or error}") from None


def _trusted_key(vkey: str | None, path: Path | None) -> VerifyingKey | None:
    if path is not None:
        vkey = _read(path, MAX_NOTE_BYTES).decode("utf-8", "replace").strip()
    if vkey is None:
        return None
    try:
        return VerifyingKey.parse(vkey)
    except VerificationError as error:
        raise _UnusableError(f"the trusted key is not one: {error.message}") from None


def _verify(data: bytes, *, trusted_key: VerifyingKey | None, outside: bytes | None, as_json: bool) -> int:
    try:
        report = verify_bundle(data, trusted_key=trusted_key, outside_checkpoint=outside)
    except VerificationError as error:
        if as_json:
            print(json.dumps(_failure(error), indent=2))
        else:
            _print_failure(error)
        return FAILED
    if as_json:
        print(json.dumps(_success(report), indent=2))
    else:
        _print_success(report)
    return PROVED


def _print_passed(passed: Sequence[Passed]) -> None:
    for number, step in enumerate(passed, start=1):
        print(f"{number}. {STEPS[step.step]}: {_verdict(step)}")
        print(f"      {printable(step.said)}")


def _verdict(step: Passed) -> str:
    if not step.asked:
        return "not asked"
    return "ok" if step.proved else "NOT PROVED"


def _print_success(report: Report) -> None:
    _print_passed(report.passed)
    print()
    whose = "the log" if report.identity_proved else "a log that calls itself"
    print(f"PROVED: {report.entries} entries are in {whose} {printable(report.origin)}, as shown here.")
    if not report.identity_proved:
        print("NOT PROVED: the identity of the log. No trusted key was given (--key), so this may be any log.")
        print(f"  Key to compare: {printable(report.key)}")
    print("This does not prove:")
    for sentence in report.not_proved:
        print(f"  - {sentence}")


def _print_failure(error: VerificationError) -> None:
    _print_passed(error.passed)
    print(f"{len(error.passed) + 1}. {STEPS[error.step]}: FAILED")
    print(f"      {printable(error.message)}")
    for number, step in enumerate(list(STEPS)[len(error.passed) + 1 :], start=len(error.passed) + 2):
        print(f"{number}. {STEPS[step]}: not reached")
    print()
    print("NOT PROVED: do not rely on anything in this bundle.")


def _steps(passed: Sequence[Passed]) -> list[dict[str, object]]:
    return [{"step": item.step, "ok": item.proved if item.asked else None, "said": item.said} for item in passed]


def _success(report: Report) -> dict[str, object]:
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


def _failure(error: VerificationError) -> dict[str, object]:
    return {
        "verified": False,
        "failed_step": error.step,
        "message": error.message,
        "first_failed_index": error.index,
        "failed_entries": error.failures,
        "steps": [*_steps(error.passed), {"step": error.step, "ok": False, "said": error.message}],
    }


def _show(data: bytes) -> int:
    try:
        bundle = read_bundle(data)
    except VerificationError as error:
        raise _UnusableError(f"this is not a bundle: {error.message}") from None
    print(f"{len(bundle.entries)} entries as the bundle shows them. Nothing here has been checked: run verify.")
    for entry in sorted(bundle.entries, key=lambda entry: entry.index):
        print("\n".join(describe_entry(entry.index, entry.body)))
    return PROVED


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Entries hold any script; a terminal that lacks it gets escapes, not a crash half way.
        sys.stdout.reconfigure(errors="backslashreplace")
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
