"""Proof bundles: entries of the trail with all that a stranger needs to check them, in one file.

It never takes the log's identity from the bundle itself, and never calls proved what the bundle cannot prove.

Format "countersign/bundle/v1" (see ``bundle_shape``); RFC 6962, RFC 9162, RFC 8785, c2sp.org/tlog-checkpoint.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography.x509 import Certificate

from audits.merkle.bundle_shape import FORMAT, BundleEntry, Consistency, RetiredKey, Timestamp
from audits.merkle.bundle_steps import (
    STEPS,
    check_checkpoint,
    check_content,
    check_entries,
    check_inclusion,
    check_key,
    check_outside,
    check_shape,
    check_timestamps,
    check_witnesses,
    known_signers,
)
from audits.merkle.canonical import Json
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.encoding import to_base64
from audits.merkle.errors import Passed, VerificationError
from audits.merkle.notes import VerifyingKey
from audits.merkle.policy import Policy

__all__ = [
    "STEPS",
    "BundleEntry",
    "Consistency",
    "Report",
    "RetiredKey",
    "Timestamp",
    "build_bundle",
    "verify_bundle",
]

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
    retired_keys: Iterable[RetiredKey] = (),
    timestamps: Iterable[Timestamp] = (),
    selection: Mapping[str, Json] | None = None,
) -> bytes:
    """Return the bundle file (UTF-8 JSON, ends in a newline) for entries of the log of ``key``.

    ``checkpoint`` is the signed note that the proofs lead to, with the witnesses' lines. Raises
    ``VerificationError`` if the result would not verify: a bundle that does not hold never leaves the house.
    """
    value: dict[str, object] = {
        "format": FORMAT,
        "origin": key.name,
        "key": key.vkey,
        "retired_keys": [{"key": item.key, "last": item.last} for item in retired_keys],
        "checkpoint": checkpoint,
        "entries": [_entry(entry) for entry in sorted(entries, key=lambda entry: entry.index)],
        "consistency": [
            {"first": item.first, "second": item.second, "proof": [to_base64(node) for node in item.proof]}
            for item in consistency
        ],
        "timestamps": [{"checkpoint": item.checkpoint, "token": to_base64(item.token)} for item in timestamps],
        "selection": selection,
        "about": about,
    }
    for name in ("retired_keys", "consistency", "timestamps", "selection"):
        if not value[name]:
            del value[name]
    data = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8") + b"\n"
    verify_bundle(data, trusted_key=key)
    return data


def _entry(entry: BundleEntry) -> dict[str, object]:
    value: dict[str, object] = {
        "index": entry.index,
        "body": entry.body.decode("utf-8", "replace"),
        "proof": [to_base64(node) for node in entry.proof],
    }
    if entry.content is not None:
        value["content"] = entry.content.decode("utf-8", "replace")
    return value


def verify_bundle(
    data: bytes,
    *,
    trusted_key: VerifyingKey | None,
    outside_checkpoint: str | bytes | None = None,
    policy: Policy | None = None,
    tsa_roots: Sequence[Certificate] = (),
) -> Report:
    """Verify a bundle without access to the log.

    1. Shape: the file is a bundle of the known format, within its limits, with no field unknown.
    2. Key: it is ``trusted_key`` or a log's of ``policy``, which the verifier got some other way. Without any the
       bundle's own keys are used, and the report says that the log's identity was not proved.
    3. Checkpoint: such a key signed it, a retired one not beyond its last size, and origin, key name and the
       bundle's origin are the same.
    4. Witnesses, only with ``policy``: as many as it asks for cosigned it.
    5. Entries: each body is canonical JSON, each index is below the checkpoint's size and comes once.
    6. Inclusion: each body is hashed again, and its proof leads from its index to the checkpoint's root.
    7. Content: what an entry names by digest and the bundle gives has that length and digest.
    8. Timestamps: each is over a checkpoint of this log, by an authority under ``tsa_roots``.
    9. Outside, only with ``outside_checkpoint``: a key of the log signed it, and it has the same root at the
       same size, or the bundle holds the consistency proof between the two sizes.

    Raises ``VerificationError`` at the first step that fails, with the steps that passed; for steps 5 to 7
    with the lowest index that failed and the number of entries that did.
    """
    passed: list[Passed] = []

    def hold(step: str, check: Callable[[], tuple[_Value, Passed]]) -> _Value:
        try:
            value, done = check()
        except VerificationError as error:
            raise VerificationError(
                error.message, step=step, index=error.index, failures=error.failures, passed=passed
            ) from error
        passed.append(done)
        return value

    # 1. Shape.
    bundle = hold("shape", lambda: check_shape(data))
    # 2. Key.
    trusted = [] if trusted_key is None else [trusted_key]
    trusted += [] if policy is None else [log.key for log in policy.logs]
    signers = hold("key", lambda: check_key(bundle, trusted))
    # 3. Checkpoint.
    checkpoint = hold("checkpoint", lambda: check_checkpoint(bundle, signers))
    # 4. Witnesses.
    hold("witnesses", lambda: check_witnesses(bundle, signers, policy))
    # 5. Entries.
    bodies = hold("entries", lambda: check_entries(bundle, checkpoint))
    # 6. Inclusion.
    hold("inclusion", lambda: check_inclusion(bundle, checkpoint))
    # 7. Content.
    missing = hold("content", lambda: check_content(bundle, bodies))
    # 8. Timestamps.
    known = known_signers(bundle, trusted)
    hold("timestamps", lambda: check_timestamps(bundle, checkpoint, known, tsa_roots))
    # 9. Outside.
    outside = None
    if outside_checkpoint is None:
        passed.append(Passed(step="outside", said="you gave none", asked=False))
    else:
        kept = outside_checkpoint
        outside = hold("outside", lambda: check_outside(bundle, checkpoint, known, kept))
    indexes = [entry.index for entry in bundle.entries]
    return Report(
        origin=checkpoint.origin,
        key=bundle.key,
        identity_proved=bool(trusted),
        checkpoint=checkpoint,
        entries=len(indexes),
        first_index=min(indexes),
        last_index=max(indexes),
        outside=outside,
        passed=tuple(passed),
        not_proved=_not_proved(identity=bool(trusted), outside=outside, without_content=missing),
    )


def _not_proved(*, identity: bool, outside: Checkpoint | None, without_content: Sequence[int]) -> tuple[str, ...]:
    said = []
    if not identity:
        said.append("Whose log this is: the key came with the bundle. Compare it with the one its owner publishes.")
    if outside is None or outside.size == 0:
        said.append("That everybody is shown this same log: compare with a checkpoint that was kept outside the log.")
    else:
        said.append(f"That the log was not forked after the first {outside.size} entries of the outside checkpoint.")
    if without_content:
        said.append(f"What entry {without_content[0]} and others of its kind changed: their contents are not given.")
    said.append("That these are all the entries on the matter: a bundle shows what it holds, not what was left out.")
    said.append("That what the entries say is true, or when it was written: the times in them are the log's own.")
    said.append('Anything under "about" or "selection": no signature covers it.')
    return tuple(said)
