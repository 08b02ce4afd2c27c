"""Proof bundles: entries of the trail with all that a stranger needs to check them, in one file.

It never takes the log's identity from the bundle itself, and never calls proved what the bundle cannot prove.

Format "countersign/bundle/v1" (see ``bundle_shape``); RFC 6962, RFC 9162, RFC 8785, c2sp.org/tlog-checkpoint.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from audits.merkle.bundle_shape import (
    FORMAT,
    Bundle,
    BundleEntry,
    Consistency,
    read_bundle,
    within_container_limit,
)
from audits.merkle.canonical import Json, read_canonical
from audits.merkle.checkpoints import Checkpoint, open_checkpoint
from audits.merkle.encoding import to_base64
from audits.merkle.errors import Passed, VerificationError
from audits.merkle.notes import VerifyingKey
from audits.merkle.tree import leaf_hash, verify_consistency, verify_inclusion

__all__ = ["STEPS", "BundleEntry", "Consistency", "Report", "build_bundle", "verify_bundle"]

STEPS = {
    "shape": "The file has the right shape",
    "key": "The key is the log's",
    "checkpoint": "That key signed the checkpoint",
    "entries": "Every entry is written exactly as the log writes",
    "inclusion": "Every entry is in the log, unaltered",
    "outside": "The log agrees with the checkpoint kept outside",
}
"""The numbered steps in order, each with what it proves; the last needs an outside checkpoint."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a bundle that verified has proved, and what it has not.

    ``entries`` is the number proved, ``first_index`` and ``last_index`` the lowest and highest of them.
    ``not_proved`` are sentences for a person, never empty.
    """

    origin: str
    key: str
    identity_proved: bool
    checkpoint: Checkpoint
    entries: int
    first_index: int
    last_index: int
    outside: Checkpoint | None
    passed: tuple[Passed, ...]
    not_proved: tuple[str, ...]


def build_bundle(
    *,
    key: VerifyingKey,
    checkpoint: str,
    entries: Iterable[BundleEntry],
    about: Mapping[str, Json],
    consistency: Iterable[Consistency] = (),
) -> bytes:
    """Return the bundle file (UTF-8 JSON, ends in a newline) for entries of the log of ``key``.

    ``checkpoint`` is the signed note that the proofs lead to. Raises ``VerificationError`` if the result
    would not verify: a bundle that does not hold never leaves the house.
    """
    value: dict[str, object] = {
        "format": FORMAT,
        "origin": key.name,
        "key": key.vkey,
        "checkpoint": checkpoint,
        "entries": [
            {
                "index": entry.index,
                "body": entry.body.decode("utf-8", "replace"),
                "proof": [to_base64(node) for node in entry.proof],
            }
            for entry in sorted(entries, key=lambda entry: entry.index)
        ],
        "about": about,
    }
    proofs = [
        {"first": item.first, "second": item.second, "proof": [to_base64(node) for node in item.proof]}
        for item in consistency
    ]
    if proofs:
        value["consistency"] = proofs
    data = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8") + b"\n"
    verify_bundle(data, trusted_key=key)
    return data


def verify_bundle(
    data: bytes, *, trusted_key: VerifyingKey | None, outside_checkpoint: str | bytes | None = None
) -> Report:
    """Verify a bundle without access to the log.

    1. Shape: the file is a bundle of the known format, within its limits, with no field unknown.
    2. Key: it is ``trusted_key``, which the verifier got some other way. Without one the bundle's own key is
       used, and the report says that the log's identity was not proved.
    3. Checkpoint: that key signed it, and origin, key name and the bundle's origin are the same.
    4. Entries: each body is canonical JSON, each index is below the checkpoint's size and comes once.
    5. Inclusion: each body is hashed again, and its proof leads from its index to the checkpoint's root.
    6. Outside, only with ``outside_checkpoint``: the same key signed it, and it has the same root at the same
       size, or the bundle holds the consistency proof between the two sizes.

    Raises ``VerificationError`` at the first step that fails, with the steps that passed; for steps 4 and 5
    with the lowest index that failed and the number of entries that did.
    """
    passed: list[Passed] = []

    def hold(step: str, check: Callable[[], tuple[_Value, str]], *, proves: bool = True) -> _Value:
        try:
            value, said = check()
        except VerificationError as error:
            raise VerificationError(
                error.message, step=step, index=error.index, failures=error.failures, passed=passed
            ) from error
        passed.append(Passed(step=step, said=said, proved=proves))
        return value

    # 1. Shape.
    bundle = hold("shape", lambda: _check_shape(data))
    # 2. Key.
    key = hold("key", lambda: _check_key(bundle, trusted_key), proves=trusted_key is not None)
    # 3. Checkpoint.
    checkpoint = hold("checkpoint", lambda: _check_checkpoint(bundle, key))
    # 4. Entries.
    hold("entries", lambda: _check_entries(bundle, checkpoint))
    # 5. Inclusion.
    hold("inclusion", lambda: _check_inclusion(bundle, checkpoint))
    # 6. Outside.
    outside = None
    if outside_checkpoint is not None:
        outside = hold("outside", lambda: _check_outside(bundle, checkpoint, key, outside_checkpoint))
        if outside.size == 0:
            passed[-1] = replace(passed[-1], proved=False)
    indexes = [entry.index for entry in bundle.entries]
    return Report(
        origin=checkpoint.origin,
        key=key.vkey,
        identity_proved=trusted_key is not None,
        checkpoint=checkpoint,
        entries=len(indexes),
        first_index=min(indexes),
        last_index=max(indexes),
        outside=outside,
        passed=tuple(passed),
        not_proved=_not_proved(identity=trusted_key is not None, outside=outside),
    )


def _check_shape(data: bytes) -> tuple[Bundle, str]:
    bundle = read_bundle(data)
    return bundle, f"{len(bundle.entries)} entries, {len(data)} bytes"


def _check_key(bundle: Bundle, trusted: VerifyingKey | None) -> tuple[VerifyingKey, str]:
    key = VerifyingKey.parse(bundle.key)
    if trusted is None:
        return key, f"taken from the bundle itself, so compare it with the one the log publishes: {key.vkey}"
    if key != trusted:
        raise VerificationError(f"the bundle was made with the key {key.vkey}, you trust {trusted.vkey}", step="key")
    return key, f"the one you trust: {key.vkey}"


def _check_checkpoint(bundle: Bundle, key: VerifyingKey) -> tuple[Checkpoint, str]:
    checkpoint = open_checkpoint(bundle.checkpoint, key)
    if checkpoint.origin != bundle.origin:
        raise VerificationError("the bundle names another log than its checkpoint", step="checkpoint")
    said = f"{checkpoint.origin} at {checkpoint.size} entries, root {to_base64(checkpoint.root)}"
    return checkpoint, said


def _check_entries(bundle: Bundle, checkpoint: Checkpoint) -> tuple[None, str]:
    seen: set[int] = set()

    def check(entry: BundleEntry) -> None:
        if entry.index >= checkpoint.size:
            raise VerificationError(f"the checkpoint has {checkpoint.size} entries only", step="entries")
        if entry.index in seen:
            raise VerificationError("the index comes twice", step="entries")
        seen.add(entry.index)
        if not within_container_limit(entry.body):
            raise VerificationError("the body has too many brackets and braces", step="entries")
        read_canonical(entry.body)

    _check_each(bundle, check, step="entries")
    return None, f"{len(seen)} bodies in canonical JSON, each index once"


def _check_inclusion(bundle: Bundle, checkpoint: Checkpoint) -> tuple[None, str]:
    def check(entry: BundleEntry) -> None:
        verify_inclusion(
            leaf=leaf_hash(entry.body),
            index=entry.index,
            size=checkpoint.size,
            proof=entry.proof,
            root=checkpoint.root,
        )

    _check_each(bundle, check, step="inclusion")
    return None, f"{len(bundle.entries)} of {len(bundle.entries)} entries lead to the signed root"


def _check_each(bundle: Bundle, check: Callable[[BundleEntry], None], *, step: str) -> None:
    """Check all entries; raise for the lowest index that failed, so that two runs name the same one."""
    failed: dict[int, str] = {}
    failures = 0
    for entry in bundle.entries:
        try:
            check(entry)
        except VerificationError as error:
            failed.setdefault(entry.index, error.message)
            failures += 1
    if failed:
        index = min(failed)
        raise VerificationError(
            f"entry {index}: {failed[index]} ({failures} of {len(bundle.entries)} entries failed)",
            step=step,
            index=index,
            failures=failures,
        )


def _check_outside(
    bundle: Bundle, checkpoint: Checkpoint, key: VerifyingKey, note: str | bytes
) -> tuple[Checkpoint, str]:
    outside = open_checkpoint(note, key)
    older, newer = sorted((outside, checkpoint), key=lambda item: item.size)
    proof: tuple[bytes, ...] | None = ()
    if 0 < older.size < newer.size:
        wanted = (older.size, newer.size)
        proof = next((c.proof for c in bundle.consistency if (c.first, c.second) == wanted), None)
    if proof is None:
        raise VerificationError(
            f"the checkpoint kept outside has {outside.size} entries, the bundle's {checkpoint.size}: a "
            f"consistency proof from {older.size} to {newer.size} is needed and the bundle holds none; ask "
            "the log for a bundle with it",
            step="outside",
        )
    verify_consistency(first=older.size, first_root=older.root, second=newer.size, second_root=newer.root, proof=proof)
    if older.size == 0:
        return outside, "it is of the empty log, which every log begins with: this says nothing"
    if older.size == newer.size:
        return outside, f"same root at {outside.size} entries"
    return outside, f"the log of {newer.size} entries begins with the log of {older.size}"


def _not_proved(*, identity: bool, outside: Checkpoint | None) -> tuple[str, ...]:
    said = []
    if not identity:
        said.append("Whose log this is: the key came with the bundle. Compare it with the one its owner publishes.")
    if outside is None or outside.size == 0:
        said.append("That everybody is shown this same log: compare with a checkpoint that was kept outside the log.")
    else:
        said.append(f"That the log was not forked after the first {outside.size} entries of the outside checkpoint.")
    said.append("That these are all the entries on the matter: a bundle shows what it holds, not what was left out.")
    said.append("That what the entries say is true, or when it was written: the times in them are the log's own.")
    said.append('Anything under "about": no signature covers it.')
    return tuple(said)
