"""The command that checks a permit offline: ``python -m governance.permits verify permit.dsse.json ...``.

It reads files and the clock, and nothing else. It exits 0 if the permit holds, 1 if it does not, 2 if it
cannot tell.
"""

import argparse
import hashlib
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from governance.permits.envelopes import read_envelope
from governance.permits.errors import PermitError
from governance.permits.keys import VerifyingKey, load_verifying_key, read_keys_document
from governance.permits.verification import STEPS, verify_permit

_EPILOG = "Exit status: 0 the permit holds, 1 it does not, 2 a file or argument cannot be used."


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    asked = _parser().parse_args(arguments)
    try:
        keys = _keys(asked.public_key.read_bytes())
        data = asked.permit.read_bytes()
        digest = asked.digest or _digest(asked.artifact)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except PermitError as error:
        print(f"{asked.public_key}: {error.message}", file=sys.stderr)
        return 2
    return _verify(data, keys, digest, asked)


def _verify(data: bytes, keys: list[VerifyingKey], digest: str, asked: argparse.Namespace) -> int:
    at: datetime = asked.at or datetime.now(UTC)
    failed: PermitError | None = None
    for key in keys:
        try:
            permit = verify_permit(
                read_envelope(data),
                key,
                digest=digest,
                environment=asked.environment,
                at=at,
                verifier_id=asked.verifier_id,
            )
        except PermitError as error:
            # Of several keys, the failure that came furthest is the one to tell.
            if failed is None or error.step > failed.step:
                failed = error
        else:
            for number, step in enumerate(STEPS, start=1):
                print(f"{number}. ok      {step}")
            print(
                f"Permit holds: {permit.model} {permit.version} may run in {permit.environment} until "
                f"{permit.expires:%Y-%m-%dT%H:%M:%SZ} (decision {permit.decision_id}, key {permit.key_id})."
            )
            return 0
    if failed is None:
        print("There is no key to check with.", file=sys.stderr)
        return 2
    for number, step in enumerate(STEPS[: failed.step - 1], start=1):
        print(f"{number}. ok      {step}")
    print(f"{failed.step}. FAILED  {failed.message}")
    print("This is no permit for what was asked.")
    return 1


def _keys(data: bytes) -> list[VerifyingKey]:
    """The keys in a PEM file or in a published document of keys."""
    if data.lstrip().startswith(b"{"):
        return list(read_keys_document(data).values())
    return [load_verifying_key(data)]


def _digest(artifact: Path) -> str:
    with artifact.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(text: str) -> str:
    digest = text.removeprefix("sha256:").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise argparse.ArgumentTypeError("a SHA-256 has 64 hexadecimal digits")
    return digest


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a time as in 2026-11-21T10:00:00Z") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("the time needs its zone, as in 2026-11-21T10:00:00Z")
    return moment


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m governance.permits", description="Checks permits offline.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="check a permit", description="Check a permit.", epilog=_EPILOG)
    verify.add_argument("permit", type=Path, help="the permit, a DSSE envelope in JSON")
    verify.add_argument("--public-key", type=Path, required=True, help="the key in PEM, or a published keys.json")
    what = verify.add_mutually_exclusive_group(required=True)
    what.add_argument("--digest", type=_sha256, metavar="SHA256", help="the digest of what is to run")
    what.add_argument("--artifact", type=Path, metavar="FILE", help="the file that is to run")
    verify.add_argument("--environment", required=True, help="where it is to run, such as production")
    verify.add_argument("--at", type=_moment, metavar="TIME", help="when it is to run; now if not given")
    verify.add_argument("--verifier-id", metavar="URI", help="the verifier that must have given it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
