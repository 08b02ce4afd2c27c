"""The witness's command line, the same with Django and without.

It never starts with less than one log to follow.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from audits.merkle.cosignatures import Algorithm
from audits.merkle.errors import VerificationError
from audits.merkle.notes import VerifyingKey
from audits.merkle.policy import MAX_POLICY_BYTES, Policy
from governance.witness.errors import WitnessError
from governance.witness.keys import load_or_make
from governance.witness.server import WitnessServer
from governance.witness.service import Witness
from governance.witness.state import State

ALGORITHMS: tuple[Algorithm, ...] = ("ed25519", "ml-dsa-44")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; ``run`` takes what comes of them."""
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="private keys; made where absent")
    parser.add_argument("--name", help="the witness's name, as in example.org/witness; needed to make its keys")
    parser.add_argument(
        "--algorithms",
        nargs="+",
        choices=ALGORITHMS,
        default=list(ALGORITHMS),
        help="keys to make: ed25519, which everybody reads, and ml-dsa-44, which quantum computers do not break",
    )
    parser.add_argument("--log", action="append", default=[], metavar="VKEY", help="a log to follow, by its key")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="logs to follow: the log lines of a tlog-policy")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where it remembers what it cosigned; never lose it")
    parser.add_argument("--listen", default="127.0.0.1:8901", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--print-key", action="store_true", help="print the public keys and stop")


def run(options: argparse.Namespace) -> None:
    """Make or read the keys, print them, and answer until SIGTERM or SIGINT. Raises ``WitnessError``."""
    keys = load_or_make(options.key, name=options.name, algorithms=tuple(dict.fromkeys(options.algorithms)))
    for key in keys:
        _say(key.witness_key.vkey)
    if options.print_key:
        return
    logs = _logs(options.log, options.policy)
    host, port = _address(options.listen)
    if options.state is None:
        raise WitnessError("say where the witness keeps what it cosigned: --state DIR")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    state = State(options.state)
    try:
        with WitnessServer(Witness(keys=keys, logs=logs, state=state), host, port) as server:
            for number in (signal.SIGTERM, signal.SIGINT):
                # From another thread: shutdown waits for the loop that this signal interrupts.
                signal.signal(number, lambda *_: Thread(target=server.shutdown).start())
            _say(f"Witness of {len({key.name for key in logs})} logs at {server.address}/ (POST add-checkpoint)")
            server.serve_forever()
    finally:
        state.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run without Django and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m governance.witness", description=__doc__.partition("\n")[0])
    add_arguments(parser)
    try:
        run(parser.parse_args(arguments))
    except WitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _logs(vkeys: Sequence[str], policy: Path | None) -> tuple[VerifyingKey, ...]:
    try:
        logs = [VerifyingKey.parse(vkey) for vkey in vkeys]
        if policy is not None:
            with policy.open("rb") as file:
                logs += [log.key for log in Policy.parse(file.read(MAX_POLICY_BYTES + 1)).logs]
    except VerificationError as error:
        raise WitnessError(f"the logs to follow cannot be read: {error.message}") from None
    except OSError as error:
        raise WitnessError(f"{policy} cannot be read: {error.strerror or error}") from None
    if not logs:
        raise WitnessError("name a log to follow: --log VKEY, or --policy FILE with a log line")
    return tuple(dict.fromkeys(logs))


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()):
        raise WitnessError(f"--listen takes HOST:PORT, as in 127.0.0.1:8901, not {listen!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
