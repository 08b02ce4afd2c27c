"""Rotates the trail's key, so that receipts of the old one stay good and no two keys ever sign at once.

The old key's last checkpoint covers the act that announces the new one; then the old key is retired at that size, by
one file that is renamed into place; then the new one takes its place. Killed anywhere, either the old key goes on or
the rotation is finished by running it again. Never lets the old key sign once it is on the list.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from audits.errors import DomainError
from audits.local_secrets import local_file, replace_file
from audits.merkle.log_keys import RetiredKey
from audits.merkle.notes import SigningKey, VerifyingKey
from audits.models.trail import Entry
from audits.trail.act import act
from audits.trail.actor import Actor
from audits.trail.key_events import KeyAnnounced, KeyRotated
from audits.trail.keys import (
    next_key_file,
    read_key,
    retired_file,
    retired_keys,
    signer_state,
    signing_key,
    verifying_key,
)
from audits.trail.log import entry_of_act
from audits.trail.sequencer import LOCK, Sequencer, SequencerBusy

SUBJECT = "system:trail-key"
_PATIENCE = 10.0  # Seconds to wait for another sequencer's batch, and for the announcement to be under a checkpoint.


class CannotRotate(DomainError):
    """The key cannot be rotated as asked; the old one goes on."""

    code = "cannot_rotate"
    status = 409


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """``waits``: nothing is signed until the operator has given the processes the new key."""

    retired: RetiredKey
    new: VerifyingKey
    waits: bool


def rotate(*, actor: Actor, reason: str = "", successor: VerifyingKey | None = None) -> Rotation:
    """Retire the present key. The new one is made here, unless ``successor`` names one that the operator brings.

    Raises CannotRotate, SequencerBusy, or the sequencer's TrailAlarm: then the old key goes on.
    """
    with _sequencer_lock():
        _drain()
        _record_finished(actor)
        old = verifying_key()
        new = _successor(successor)
        # 1. An act names the new key, under a checkpoint that the old one signs.
        announced = _announcement(old, new)
        if announced is None:
            with act(KeyAnnounced(old=old.vkey, new=new.vkey), actor=actor, subject=SUBJECT, reason=reason) as opened:
                receipt = opened.id
        else:
            receipt = announced.act_id
        last = _covered(receipt)
        # 2. From here on the old key signs nothing: whoever is about to, reads this list under the same lock.
        retired = RetiredKey(key=old, last=last)
        _retire(retired)
        # 3. The new key takes its place, and its first checkpoint covers the act that says so.
        if verifying_key() != new:
            return Rotation(retired=retired, new=new, waits=True)
        _record_finished(actor)
    return Rotation(retired=retired, new=new, waits=False)


def finish_rotation(*, actor: Actor) -> None:
    """Record that an announced key has taken its place, where the rotation itself could not. Safe to run again."""
    if verifying_key() not in {retired.key for retired in retired_keys()} and _unrecorded():
        with _sequencer_lock():
            _record_finished(actor)


def _record_finished(actor: Actor) -> None:
    """The act audits.key.rotated for each retirement that has none, under the new key's checkpoint."""
    for retired, new in _unrecorded():
        with act(KeyRotated(old=retired.key.vkey, new=new, last=retired.last), actor=actor, subject=SUBJECT):
            pass
        _drain()


def _unrecorded() -> list[tuple[RetiredKey, str]]:
    """Retired keys whose announced successor signs now, and of which no act says so."""
    present = verifying_key().vkey
    recorded = {found["old"] for found in _said("audits.key.rotated")}
    successors = {found["old"]: found["new"] for found in _said("audits.key.announced")}
    return [
        (retired, present)
        for retired in retired_keys()
        if retired.key.vkey not in recorded and successors.get(retired.key.vkey) == present
    ]


def _announcement(old: VerifyingKey, new: VerifyingKey) -> Entry | None:
    for entry in Entry.objects.filter(subject=SUBJECT, kind="audits.key.announced").order_by("index"):
        said = _data(entry)
        if (said["old"], said["new"]) == (old.vkey, new.vkey):
            return entry
    return None


def _said(kind: str) -> list[dict[str, str]]:
    return [_data(entry) for entry in Entry.objects.filter(subject=SUBJECT, kind=kind).order_by("index")]


def _data(entry: Entry) -> dict[str, str]:
    """Old and new key; of an act that names none, since anybody in the application can open one, both are empty."""
    data: dict[str, object] = json.loads(bytes(entry.body))["act"]["data"]
    return {name: found if isinstance(found := data.get(name), str) else "" for name in ("old", "new")}


def _successor(given: VerifyingKey | None) -> VerifyingKey:
    path = next_key_file()
    if given is not None:
        if path.exists():
            raise CannotRotate(
                f"A rotation to the key in {path} was begun: finish it with ./run manage trailkey rotate, or move that "
                "file away."
            )
        new = given
    elif settings.TRAIL_KMS or settings.TRAIL_KEY:
        raise CannotRotate(
            "The present key comes from a setting, so its successor must too: make it, and name it with "
            "./run manage trailkey rotate --to VKEY (docs/trail-keys.md)."
        )
    else:
        local_file(path, lambda: SigningKey(settings.TRAIL_ORIGIN, Ed25519PrivateKey.generate()).to_pem())
        new = read_key(path).verifying_key
    old = verifying_key()
    if new.name != old.name:
        raise CannotRotate(f"The new key must bear the log's name, {old.name}: a log never changes it.")
    if new == old or new in {retired.key for retired in retired_keys()}:
        raise CannotRotate("This key signs already, or has signed before: a successor is a new key.")
    if old in {retired.key for retired in retired_keys()}:
        raise CannotRotate(
            "The present key is retired already: give the processes its successor, and start them again."
        )
    return new


def _covered(act_id: UUID) -> int:
    """The size of the last signed checkpoint, once that covers the act."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        _drain()
        entry, signed = entry_of_act(act_id), signer_state().load()
        if entry is not None and signed is not None and signed.size > entry.index:
            return signed.size
        if time.monotonic() > deadline:
            raise CannotRotate("The announcement of the new key does not get under a checkpoint: run this again.")
        time.sleep(0.05)


def _retire(retired: RetiredKey) -> None:
    path = retired_file()
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    replace_file(path, f"{before}{retired.line}\n".encode())


def _drain() -> None:
    Sequencer(key=signing_key(), state=signer_state()).drain()


@contextmanager
def _sequencer_lock() -> Iterator[None]:
    """The sequencer's own lock, held throughout: this session's runs nest in it, everybody else's wait."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        deadline = time.monotonic() + _PATIENCE
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            if cursor.fetchone()[0]:
                break
            if time.monotonic() > deadline:
                raise SequencerBusy("Another sequencer is at work: wait for it or stop it.")
            time.sleep(0.02)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
