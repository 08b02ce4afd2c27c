"""The witness's private keys: made once, kept in one file of one line each.

It never replaces a key, and never shows one.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

from audits.local_secrets import local_file, sync_folder
from audits.merkle.cosignatures import SEED_BYTES, Algorithm, Cosigner
from audits.merkle.errors import VerificationError
from governance.witness.errors import WitnessError

MAX_KEYS = 4


def load_or_make(path: Path, *, name: str | None, algorithms: Sequence[Algorithm]) -> tuple[Cosigner, ...]:
    """Return the keys of the file; where it is absent, make one of each algorithm for ``name`` first.

    A file that is there must be of ``name`` if that is given; its algorithms are what they are.
    """

    def made() -> bytes:
        if name is None:
            raise WitnessError(f"{path} is not there yet: give the witness a name (--name) to make its keys")
        try:
            keys = [Cosigner.from_seed(name, secrets.token_bytes(SEED_BYTES), kind) for kind in algorithms]
        except VerificationError as error:
            raise WitnessError(f"{name!r} cannot be a witness's name: {error.message}") from None
        return "".join(f"{key.to_line()}\n" for key in keys).encode()

    try:
        data = local_file(path, made)
        # The key's public half is about to be given away: it must not be lost with the power.
        sync_folder(path.parent)
    except OSError as error:
        raise WitnessError(f"{path} cannot be read or made: {error.strerror or error}") from None
    keys = _parsed(path, data)
    if name is not None and any(key.witness_key.name != name for key in keys):
        raise WitnessError(f"{path} holds the keys of {keys[0].witness_key.name}, not of {name}: name another file")
    if path.stat().st_mode & 0o077:
        raise WitnessError(f"others can read {path}: chmod 600 it, or take a new name and key if they may have")
    return keys


def _parsed(path: Path, data: bytes) -> tuple[Cosigner, ...]:
    lines = data.decode("utf-8", "replace").splitlines()
    if not 1 <= len(lines) <= MAX_KEYS:
        raise WitnessError(f"{path} does not hold 1 to {MAX_KEYS} private keys, one a line")
    try:
        keys = tuple(Cosigner.parse(line) for line in lines)
    except ValueError as error:
        raise WitnessError(f"{path} cannot be used: {error}") from None
    if len({key.witness_key.name for key in keys}) > 1:
        raise WitnessError(f"{path} holds keys of several names: one witness has one name")
    return keys
