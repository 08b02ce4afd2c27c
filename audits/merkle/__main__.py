"""The offline verifier: ``python -m audits.merkle verify bundle.json``, and the same as ``verify.pyz bundle.json``.

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
from typing import NoReturn

from cryptography import x509

from audits.merkle.bundle_shape import MAX_BUNDLE_BYTES, read_bundle
from audits.merkle.bundles import verify_bundle
from audits.merkle.errors import VerificationError
from audits.merkle.notes import MAX_NOTE_BYTES, VerifyingKey
from audits.merkle.policy import Policy, PolicyLog
from audits.merkle.reporting import failure_json, failure_lines, success_json, success_lines
from audits.merkle.showing import describe_entry, printable
from audits.merkle.tlog_proof import verify_tlog_proof

PROVED, FAILED, UNUSABLE = 0, 1, 2
COMMANDS = ("verify", "show", "receipt")


class _UnusableError(Exception):
    """An argument or file that cannot be used; the message says what to do."""


def run(program: str) -> NoReturn:
    """Run the command line as a program of this name, and leave with its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Entries hold any script; a terminal that lacks it gets escapes, not a crash half way.
        sys.stdout.reconfigure(errors="backslashreplace")
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(program=program))


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m audits.merkle") -> int:
    """Run the command line and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] not in (*COMMANDS, "-h", "--help"):
        # The verb that nearly everybody means.
        words.insert(0, "verify")
    options = _parser(program).parse_args(words)
    try:
        match options.command:
            case "show":
                return _show(_read(options.bundle, MAX_BUNDLE_BYTES))
            case "receipt":
                return _receipt(options)
        return _verify(options)
    except _UnusableError as error:
        print(f"Cannot start: {error}", file=sys.stderr)
        return UNUSABLE


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Check or read a proof bundle of the trail, or check a receipt, without access to the log.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check every proof; exit 0 proved, 1 not proved, 2 unusable input")
    verify.add_argument("bundle", type=Path, help="the bundle, a JSON file")
    _trust(verify)
    verify.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        help="a signed checkpoint, older or newer, that was kept where the log's operator cannot change it",
    )
    verify.add_argument(
        "--tsa-roots", metavar="FILE", type=Path, help="root certificates (PEM) of the timestamp authorities you trust"
    )
    verify.add_argument("--json", action="store_true", help="write the result as JSON")
    receipt = commands.add_parser("receipt", help="check one entry by its receipt (c2sp.org/tlog-proof)")
    receipt.add_argument("receipt", type=Path, help="the receipt, a text file")
    receipt.add_argument("--body", metavar="FILE", type=Path, required=True, help="the entry's exact bytes")
    _trust(receipt)
    show = commands.add_parser("show", help="print the entries readably, unchecked")
    show.add_argument("bundle", type=Path, help="the bundle, a JSON file")
    return parser


def _trust(parser: argparse.ArgumentParser) -> None:
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key", metavar="VKEY", help="the log's key as its owner publishes it: name+id+Base64")
    key.add_argument("--key-file", metavar="FILE", type=Path, help="a file that holds that one line")
    parser.add_argument(
        "--policy", metavar="FILE", type=Path, help="the logs and witnesses you trust (c2sp.org/tlog-policy)"
    )


def _read(path: Path, limit: int) -> bytes:
    """Return the file, or one byte over the limit, which the reader of that format then refuses."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise _UnusableError(f"{path} cannot be read: {error.strerror or error}") from None


def _trusted_key(options: argparse.Namespace) -> VerifyingKey | None:
    vkey: str | None = options.key
    if options.key_file is not None:
        vkey = _read(options.key_file, MAX_NOTE_BYTES).decode("utf-8", "replace").strip()
    if vkey is None:
        return None
    try:
        return VerifyingKey.parse(vkey)
    except VerificationError as error:
        raise _UnusableError(f"the trusted key is not one: {error.message}") from None


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    try:
        return Policy.parse(_read(path, MAX_NOTE_BYTES))
    except VerificationError as error:
        raise _UnusableError(f"{path} is not a policy: {error.message}") from None


def _roots(path: Path | None) -> Sequence[x509.Certificate]:
    if path is None:
        return ()
    try:
        return x509.load_pem_x509_certificates(_read(path, MAX_NOTE_BYTES))
    except ValueError:
        raise _UnusableError(f"{path} holds no certificates in PEM") from None


def _verify(options: argparse.Namespace) -> int:
    try:
        report = verify_bundle(
            _read(options.bundle, MAX_BUNDLE_BYTES),
            trusted_key=_trusted_key(options),
            outside_checkpoint=None if options.checkpoint is None else _read(options.checkpoint, MAX_NOTE_BYTES),
            policy=_policy(options.policy),
            tsa_roots=_roots(options.tsa_roots),
        )
    except VerificationError as error:
        print(json.dumps(failure_json(error), indent=2) if options.json else "\n".join(failure_lines(error)))
        return FAILED
    print(json.dumps(success_json(report), indent=2) if options.json else "\n".join(success_lines(report)))
    return PROVED


def _receipt(options: argparse.Namespace) -> int:
    key, policy = _trusted_key(options), _policy(options.policy)
    if policy is None:
        if key is None:
            raise _UnusableError("a receipt proves nothing by itself: give --key or --policy")
        policy = Policy(logs=(PolicyLog(key=key),), witnesses=(), groups=(), quorum=None)
    body = _read(options.body, MAX_BUNDLE_BYTES)
    try:
        proved = verify_tlog_proof(_read(options.receipt, MAX_NOTE_BYTES), body, policy)
    except VerificationError as error:
        print(f"NOT PROVED: {printable(error.message)}")
        return FAILED
    checkpoint, witnesses = proved.judgement.checkpoint, ", ".join(proved.judgement.witnesses) or "none"
    print(f"PROVED: the entry is number {proved.index} of the log {printable(checkpoint.origin)}")
    print(f"  at {checkpoint.size} entries; witnesses of your policy: {printable(witnesses)}")
    print("\n".join(describe_entry(proved.index, body)))
    return PROVED


def _show(data: bytes) -> int:
    try:
        bundle = read_bundle(data)
    except VerificationError as error:
        raise _UnusableError(f"this is not a bundle: {error.message}") from None
    print(f"{len(bundle.entries)} entries as the bundle shows them. Nothing here has been checked: run verify.")
    for entry in sorted(bundle.entries, key=lambda entry: entry.index):
        print("\n".join(describe_entry(entry.index, entry.body, entry.content)))
    return PROVED


if __name__ == "__main__":
    run("python -m audits.merkle")
