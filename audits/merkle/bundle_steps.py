"""What each step of verifying a bundle checks, and the words in which it says so.

It never lets a later step rest on an earlier one that did not hold: the order is that of ``STEPS``.

RFC 6962, RFC 9162, RFC 8785, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature, RFC 3161; docs/bundle.md.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.x509 import Certificate

from audits.merkle.bundle_shape import Bundle, BundleEntry, read_bundle, within_container_limit
from audits.merkle.canonical import Json, read_canonical
from audits.merkle.checkpoints import Checkpoint, open_checkpoint
from audits.merkle.encoding import to_base64
from audits.merkle.errors import Passed, VerificationError, excerpt
from audits.merkle.notes import VerifyingKey
from audits.merkle.policy import Policy
from audits.merkle.timestamps import verify_timestamp
from audits.merkle.tree import leaf_hash, verify_consistency, verify_inclusion

STEPS = {
    "shape": "The file has the right shape",
    "key": "The key is the log's",
    "checkpoint": "That key signed the checkpoint",
    "witnesses": "The witnesses you trust saw that checkpoint",
    "entries": "Every entry is written exactly as the log writes",
    "inclusion": "Every entry is in the log, unaltered",
    "content": "Every content is the one that its entry names",
    "timestamps": "A timestamp authority you trust saw the log",
    "outside": "The log agrees with the checkpoint kept outside",
}
"""The numbered steps in order, each with what it proves."""

ENTRY_FORMAT = "countersign/entry/v1"

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class SignerKey:
    """A key that may have signed for the log, up to ``last`` entries where it is retired."""

    key: VerifyingKey
    last: int | None


def check_shape(data: bytes) -> tuple[Bundle, Passed]:
    """1. The file is a bundle of the known format, within its limits, with no field unknown."""
    bundle = read_bundle(data)
    return bundle, Passed(step="shape", said=f"{len(bundle.entries)} entries, {len(data)} bytes")


def check_key(bundle: Bundle, trusted: Sequence[VerifyingKey]) -> tuple[tuple[SignerKey, ...], Passed]:
    """2. The keys that may have signed the checkpoint: those of the bundle that the verifier trusts."""
    own = signer_keys(bundle)
    if not trusted:
        said = f"taken from the bundle itself, so compare it with the one the log publishes: {own[0].key.vkey}"
        return own, Passed(step="key", said=said, proved=False)
    usable = tuple(signer for signer in own if signer.key in trusted)
    if not usable:
        given = ", ".join(key.vkey for key in trusted)
        raise VerificationError(f"the bundle was made with the key {own[0].key.vkey}, you trust {given}", step="key")
    if usable[0].last is None:
        return usable, Passed(step="key", said=f"the one you trust: {usable[0].key.vkey}")
    said = f"you trust one that the log has retired since: {usable[0].key.vkey}, after {usable[0].last} entries"
    return usable, Passed(step="key", said=said)


def signer_keys(bundle: Bundle) -> tuple[SignerKey, ...]:
    """All keys that the bundle names, the present one first. They must be keys of one name, none retired twice.

    A present key that is retired too is good up to that size alone: its successor has not signed yet.
    """
    present = VerifyingKey.parse(bundle.key)
    retired = [SignerKey(key=VerifyingKey.parse(item.key), last=item.last) for item in bundle.retired_keys]
    lasts = {signer.key: signer.last for signer in retired}
    if len(lasts) != len(retired):
        raise VerificationError("the bundle retires the same key twice", step="key")
    if {key.name for key in lasts} - {present.name}:
        raise VerificationError("the bundle names keys of several logs", step="key")
    others = (signer for signer in retired if signer.key != present)
    return (SignerKey(key=present, last=lasts.get(present)), *others)


def check_checkpoint(bundle: Bundle, signers: Sequence[SignerKey]) -> tuple[Checkpoint, Passed]:
    """3. A usable key signed the checkpoint, within what it may sign; origin and key name are the same."""
    checkpoint, signer = open_signed(bundle.checkpoint, signers)
    if checkpoint.origin != bundle.origin:
        raise VerificationError("the bundle names another log than its checkpoint", step="checkpoint")
    said = f"{checkpoint.origin} at {checkpoint.size} entries, root {to_base64(checkpoint.root)}"
    if signer.last is not None:
        said += f", by a key that was retired after {signer.last} entries"
    return checkpoint, Passed(step="checkpoint", said=said)


def open_signed(note: str | bytes, signers: Iterable[SignerKey]) -> tuple[Checkpoint, SignerKey]:
    """Return the checkpoint and who of ``signers`` signed it; a retired key never beyond its last size."""
    refused: VerificationError | None = None
    for signer in signers:
        try:
            checkpoint = open_checkpoint(note, signer.key)
        except VerificationError as error:
            refused = refused or error
            continue
        if signer.last is not None and checkpoint.size > signer.last:
            refused = VerificationError(
                f"signed at {checkpoint.size} entries by a key that was retired after {signer.last}", step="checkpoint"
            )
            continue
        return checkpoint, signer
    raise refused or VerificationError("there is no key to check the signature with", step="checkpoint")


def check_witnesses(bundle: Bundle, signers: Sequence[SignerKey], policy: Policy | None) -> tuple[None, Passed]:
    """4. Every cosignature of a witness of the policy holds, and they are as many as its quorum asks for."""
    if policy is None or not (policy.witnesses or policy.quorum):
        return None, Passed(step="witnesses", said="you gave no policy that names any", asked=False)
    judgement = policy.judge(bundle.checkpoint, logs=[signer.key for signer in signers])
    times = [f"{excerpt(name)[1:-1]} at {_utc(at)}" for name, at in judgement.witnesses.items()]
    who = f"cosigned by {', '.join(times)}" if times else "no witness of the policy cosigned it"
    if not judgement.quorum_met:
        raise VerificationError(
            f"the policy's quorum {excerpt(policy.quorum or '')} is not met: {who}", step="witnesses"
        )
    if policy.quorum is None and not times:
        said = "the policy asks for none, and none cosigned"
        return None, Passed(step="witnesses", said=said, asked=False)
    return None, Passed(step="witnesses", said=who)


def _utc(at: int) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"second {at}"


def check_entries(bundle: Bundle, checkpoint: Checkpoint) -> tuple[Mapping[int, Json], Passed]:
    """5. Each body is canonical JSON, each index is below the checkpoint's size and comes once."""
    bodies: dict[int, Json] = {}

    def check(entry: BundleEntry) -> None:
        if entry.index >= checkpoint.size:
            raise VerificationError(f"the checkpoint has {checkpoint.size} entries only", step="entries")
        if entry.index in bodies:
            raise VerificationError("the index comes twice", step="entries")
        bodies[entry.index] = None
        if not within_container_limit(entry.body):
            raise VerificationError("the body has too many brackets and braces", step="entries")
        body = read_canonical(entry.body)
        # Only what names a content is looked at again: the rest need not be kept.
        bodies[entry.index] = content_named(body)

    _check_each(bundle, check, step="entries")
    return bodies, Passed(step="entries", said=f"{len(bodies)} bodies in canonical JSON, each index once")


def content_named(body: Json) -> Json:
    """What an entry's body says of changes kept beside it, as ``{"content": ...}``; None where it holds them itself."""
    if isinstance(body, dict) and body.get("format") == ENTRY_FORMAT and "content" in body:
        return {"content": body["content"]}
    return None


def check_inclusion(bundle: Bundle, checkpoint: Checkpoint) -> tuple[None, Passed]:
    """6. Each body is hashed again, and its proof leads from its index to the checkpoint's root."""

    def check(entry: BundleEntry) -> None:
        verify_inclusion(
            leaf=leaf_hash(entry.body),
            index=entry.index,
            size=checkpoint.size,
            proof=entry.proof,
            root=checkpoint.root,
        )

    _check_each(bundle, check, step="inclusion")
    count = len(bundle.entries)
    said = f"{count} of {count} entries lead to the signed root"
    indexes = [entry.index for entry in bundle.entries]
    if count > 1 and max(indexes) - min(indexes) + 1 == count:
        said += f"; none is left out from {min(indexes)} to {max(indexes)}"
    return None, Passed(step="inclusion", said=said)


def check_content(bundle: Bundle, bodies: Mapping[int, Json]) -> tuple[tuple[int, ...], Passed]:
    """7. Contents have the length and SHA-256 that the entry names; returns the indexes whose content is not given."""
    named = 0
    missing: list[int] = []

    def check(entry: BundleEntry) -> None:
        nonlocal named
        body = bodies[entry.index]
        if not isinstance(body, dict):
            if entry.content is not None:
                raise VerificationError("the entry names no content, and one is given", step="content")
            return
        named += 1
        length, digest = _length_and_digest(body["content"])
        if entry.content is None:
            missing.append(entry.index)
            return
        if len(entry.content) != length:
            raise VerificationError(
                f"the content has {len(entry.content)} bytes, the entry says {length}", step="content"
            )
        if hashlib.sha256(entry.content).hexdigest() != digest:
            raise VerificationError("the content is not the one that the entry names", step="content")
        if not within_container_limit(entry.content):
            raise VerificationError("the content has too many brackets and braces", step="content")
        read_canonical(entry.content)

    _check_each(bundle, check, step="content")
    if not named:
        return (), Passed(step="content", said="every entry is whole in itself", asked=False)
    said = f"{named - len(missing)} of {named} contents are given, and each is the one named"
    return tuple(sorted(missing)), Passed(step="content", said=said, proved=not missing)


def _length_and_digest(content: Json) -> tuple[int, str]:
    if isinstance(content, dict) and content.keys() == {"length", "sha256"}:
        length, digest = content["length"], content["sha256"]
        if (
            isinstance(length, int)
            and not isinstance(length, bool)
            and length >= 0
            and isinstance(digest, str)
            and _DIGEST.fullmatch(digest)
        ):
            return length, digest
    raise VerificationError("the entry names a content without its length and SHA-256", step="content")


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


def known_signers(bundle: Bundle, trusted: Iterable[VerifyingKey]) -> tuple[SignerKey, ...]:
    """Who may have signed older checkpoints of the log: the bundle's keys, and what else the verifier trusts."""
    own = signer_keys(bundle)
    others = [key for key in trusted if all(key != signer.key for signer in own)]
    return (*own, *(SignerKey(key=key, last=None) for key in others))


def check_timestamps(
    bundle: Bundle, checkpoint: Checkpoint, signers: Sequence[SignerKey], roots: Sequence[Certificate]
) -> tuple[None, Passed]:
    """8. Each token is over a checkpoint of this log, by an authority under ``roots``."""
    if not bundle.timestamps:
        return None, Passed(step="timestamps", said="the bundle holds none", asked=bool(roots), proved=not roots)
    seen: list[tuple[datetime, int]] = []
    largest = 0
    for timestamp in bundle.timestamps:
        stamped, _ = open_signed(timestamp.checkpoint, signers)
        require_same_log(bundle, checkpoint, stamped, name="a timestamped checkpoint")
        largest = max(largest, stamped.size)
        if roots:
            seen.append((verify_timestamp(timestamp.token, timestamp.checkpoint, roots), stamped.size))
    if not roots:
        said = (
            f"{len(bundle.timestamps)} of checkpoints of this log, up to {largest} entries: whose they are was not "
            "checked, since you gave no root certificates (--tsa-roots)"
        )
        return None, Passed(step="timestamps", said=said, proved=False)
    said = "; ".join(f"the first {size} entries existed at {at:%Y-%m-%dT%H:%M:%SZ}" for at, size in sorted(seen))
    return None, Passed(step="timestamps", said=said)


def check_outside(
    bundle: Bundle, checkpoint: Checkpoint, signers: Sequence[SignerKey], note: str | bytes
) -> tuple[Checkpoint, Passed]:
    """9. A key of the log signed the checkpoint kept outside, and one of the two logs begins with the other."""
    outside, _ = open_signed(note, signers)
    require_same_log(bundle, checkpoint, outside, name="the checkpoint kept outside")
    if outside.size == 0:
        said = "it is of the empty log, which every log begins with: this says nothing"
        return outside, Passed(step="outside", said=said, proved=False)
    if outside.size == checkpoint.size:
        return outside, Passed(step="outside", said=f"same root at {outside.size} entries")
    older, newer = sorted((outside.size, checkpoint.size))
    return outside, Passed(step="outside", said=f"the log of {newer} entries begins with the log of {older}")


def require_same_log(bundle: Bundle, checkpoint: Checkpoint, other: Checkpoint, *, name: str) -> None:
    """Raise unless the bundle proves that ``checkpoint`` and ``other`` are of one log that only grew."""
    older, newer = sorted((other, checkpoint), key=lambda item: item.size)
    proof: tuple[bytes, ...] | None = ()
    if 0 < older.size < newer.size:
        wanted = (older.size, newer.size)
        proof = next((c.proof for c in bundle.consistency if (c.first, c.second) == wanted), None)
    if proof is None:
        raise VerificationError(
            f"{name} has {other.size} entries, the bundle's {checkpoint.size}: a "
            f"consistency proof from {older.size} to {newer.size} is needed and the bundle holds none; ask "
            "the log for a bundle with it",
            step="outside",
        )
    verify_consistency(first=older.size, first_root=older.root, second=newer.size, second_root=newer.root, proof=proof)
