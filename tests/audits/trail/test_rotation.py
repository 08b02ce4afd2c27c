"""The trail's key is rotated: old receipts stay good, the old key signs nothing more, and a kill loses neither."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from pytest_django import Settings

from audits.merkle.checkpoints import Checkpoint as Signed
from audits.merkle.checkpoints import open_checkpoint, sign_checkpoint
from audits.merkle.errors import VerificationError
from audits.merkle.log_keys import RetiredKey, TrailKeys, parse_retired
from audits.merkle.notes import SigningKey, VerifyingKey
from audits.models import Checkpoint
from audits.trail import Actor, kms, rotation
from audits.trail.keys import (
    NoTrailKey,
    key_file,
    next_key_file,
    retired_file,
    retired_keys,
    signer_state,
    signing_key,
    trail_keys,
    verifying_key,
)
from audits.trail.log import entries_about, latest_checkpoint
from audits.trail.rotation import SUBJECT, CannotRotate, finish_rotation, rotate
from audits.trail.signer_state import KeyRetired, TrailAlarm
from audits.trail.verification import verify
from tests.audits.trail.occasions import some_act, some_user
from tests.database import Database

OPERATOR = Actor.system("trailkey", via="command")
ORIGIN = "countersign.local/trail"


def add_people(count: int) -> None:
    """Acts, each of which changes one row."""
    for _ in range(count):
        with some_act():
            some_user(f"person-{uuid4().hex[:8]}")


def checkpoint_of(key: SigningKey, size: int) -> str:
    return sign_checkpoint(Signed(origin=key.name, size=size, root=bytes(32)), key)


def test_a_retired_key_is_good_up_to_its_last_size_and_no_further() -> None:
    old, new, stranger = (SigningKey.from_raw(ORIGIN, bytes([number]) * 32) for number in (1, 2, 3))
    keys = TrailKeys(present=new.verifying_key, retired=(RetiredKey(key=old.verifying_key, last=7),))
    assert keys.open(checkpoint_of(old, 7)).size == 7
    assert keys.opened_by(checkpoint_of(new, 900)) == (
        Signed(origin=ORIGIN, size=900, root=bytes(32)),
        new.verifying_key,
    )
    for note in (checkpoint_of(old, 8), checkpoint_of(stranger, 3)):
        assert not keys.signed(note)
        with pytest.raises(VerificationError):
            keys.open(note)
    # Both lines on one checkpoint: the present key's carries it.
    both = checkpoint_of(old, 8) + checkpoint_of(new, 8).rpartition("\n\n")[2]
    assert keys.opened_by(both)[1] == new.verifying_key


def test_a_present_key_that_is_listed_as_retired_is_limited_as_well() -> None:
    key = SigningKey.from_raw(ORIGIN, bytes(32))
    keys = TrailKeys(present=key.verifying_key, retired=(RetiredKey(key=key.verifying_key, last=2),))
    assert keys.signed(checkpoint_of(key, 2))
    assert not keys.signed(checkpoint_of(key, 3))


def test_the_list_of_retired_keys_is_read_strictly() -> None:
    vkey = SigningKey.from_raw(ORIGIN, bytes(32)).verifying_key.vkey
    assert [key.last for key in parse_retired(f"# first\n{vkey} 7, {vkey} 8\n\n{vkey} 9 # moved\n")] == [7, 8, 9]
    for bad in (vkey, f"{vkey} -1", f"{vkey} ٣", f"{vkey} 1 2", f"x{vkey} 3", f"{vkey} {2**63}"):
        with pytest.raises(VerificationError):
            parse_retired(bad)
    other = SigningKey.from_raw("another.example/log", bytes(32)).verifying_key
    with pytest.raises(VerificationError, match="not of the log"):
        TrailKeys(present=VerifyingKey.parse(vkey), retired=(RetiredKey(key=other, last=1),))


def test_a_list_that_cannot_be_read_is_an_error_that_names_it(own_directories: Path, settings: Settings) -> None:
    settings.TRAIL_RETIRED_KEYS = "nonsense"
    with pytest.raises(NoTrailKey, match="COUNTERSIGN_TRAIL_RETIRED_KEYS"):
        trail_keys()


def test_a_rotation_keeps_old_checkpoints_good_and_starts_with_the_new_key(database: Database) -> None:
    add_people(2)
    database.sequence()
    before, old_note = verifying_key(), latest_checkpoint().note  # type: ignore[union-attr]
    out = StringIO()
    call_command("trailkey", "rotate", "--reason", "yearly", stdout=out)
    after = verifying_key()
    assert after != before
    assert after.vkey in out.getvalue()
    newest = latest_checkpoint()
    assert newest is not None
    assert open_checkpoint(newest.note, after).size == newest.size
    # The old key's last checkpoint covers the announcement of the new one, and nothing of what came after.
    announced, rotated = entries_about([SUBJECT])
    assert [announced.kind, rotated.kind] == ["audits.key.announced", "audits.key.rotated"]
    assert after.vkey.encode() in bytes(announced.body)
    (retired,) = trail_keys().retired
    assert (retired.key, retired.last) == (before, announced.index + 1)
    assert rotated.index == retired.last
    last = Checkpoint.objects.get(size=retired.last)
    assert open_checkpoint(last.note, before).size == retired.last
    assert trail_keys().signed(old_note)
    report = verify()
    assert report.ok, report
    out = StringIO()
    call_command("trailkey", "retired", stdout=out)
    assert out.getvalue() == f"{before.vkey} {retired.last}\n"
    # The old private half is nowhere any more.
    assert [path.name for path in key_file().parent.iterdir()] == ["trail.pem"]


@pytest.mark.parametrize("data", ["{}", '{"old":[],"new":1}'])
def test_an_act_of_a_keys_kind_that_names_none_stops_no_rotation(database: Database, data: str) -> None:
    with database.application() as application:
        for kind in ("audits.key.announced", "audits.key.rotated"):
            application.execute("SELECT audits_open_act(%s, 'user:1', 'sql', %s, '', %s)", [kind, SUBJECT, data])
    database.sequence()
    rotate(actor=OPERATOR)
    assert verify().ok


def test_a_later_act_neither_lifts_a_retired_keys_last_size_nor_takes_its_announcement_away(database: Database) -> None:
    add_people(2)
    database.sequence()
    old = verifying_key().vkey
    rotate(actor=OPERATOR)
    with database.application() as application:
        for kind in ("audits.key.announced", "audits.key.rotated"):
            data = json.dumps({"old": old, "new": verifying_key().vkey, "last": 1000})
            application.execute("SELECT audits_open_act(%s, 'user:1', 'sql', %s, '', %s)", [kind, SUBJECT, data])
    database.sequence()
    assert verify().ok
    retired_file().write_text(f"{old} 1000\n", encoding="utf-8")
    assert [finding.code for step in verify().steps for finding in step.findings] == ["retired_key"]


def test_keys_are_rotated_again_and_again(database: Database) -> None:
    seen = [verifying_key()]
    for _ in range(3):
        add_people(1)
        seen.append(rotate(actor=OPERATOR).new)
    assert [retired.key for retired in trail_keys().retired] == seen[:-1]
    assert len(set(seen)) == 4
    assert verify().ok


def test_a_sequencer_that_was_at_work_takes_up_the_new_key(database: Database) -> None:
    add_people(1)
    at_work = database.sequencer()
    at_work.drain()
    rotate(actor=OPERATOR)
    add_people(1)
    with pytest.raises(KeyRetired):
        at_work.drain()
    assert signer_state().keys().opened_by(signer_state().note())[1] == verifying_key()
    database.sequence()
    assert verify().ok


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _after(name: str) -> Callable[..., None]:
    done = getattr(rotation, name)

    def do_then_die(*args: object, **named: object) -> None:
        done(*args, **named)
        raise KeyboardInterrupt

    return do_then_die


@pytest.mark.parametrize("step", ["act", "_covered", "_retire", "local_file", "_record_finished", "replace_file"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rotation_killed_at_any_step_is_finished_by_running_it_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    add_people(1)
    database.sequence()
    before = verifying_key()
    if step == "_record_finished":  # Its second call, once the key has changed.
        kill = _after(step) if when == "after" else _die
        whole = rotation._record_finished
        monkeypatch.setattr(
            rotation,
            step,
            lambda actor: (kill if verifying_key() != before else whole)(actor),
        )
    else:
        monkeypatch.setattr(rotation, step, _after(step) if when == "after" else _die)
    with pytest.raises(KeyboardInterrupt):
        rotate(actor=OPERATOR)
    monkeypatch.undo()
    # Whatever was done, the trail goes on: with the old key, or with its successor.
    add_people(1)
    database.sequence()
    assert verify().ok
    finish_rotation(actor=OPERATOR)
    if verifying_key() == before:
        rotate(actor=OPERATOR)
    kinds = [entry.kind for entry in entries_about([SUBJECT])]
    assert kinds == ["audits.key.announced", "audits.key.rotated"]
    assert [retired.key for retired in retired_keys()] == [before]
    assert not next_key_file().exists()
    assert verify().ok


def test_a_checkpoint_of_a_retired_key_beyond_its_last_size_is_found(database: Database, own_directories: Path) -> None:
    add_people(1)
    database.sequence()
    old = signing_key()
    done = rotate(actor=OPERATOR)
    add_people(1)
    size = database.sequence()
    newest = Checkpoint.objects.get(size=size)
    forged = sign_checkpoint(Signed(origin=old.name, size=size, root=bytes(newest.root)), old)
    with database.superuser() as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("ALTER TABLE audits_checkpoint DISABLE TRIGGER audits_refuse")
        attacker.execute("UPDATE audits_checkpoint SET note = %s WHERE size = %s", [forged, size])
        attacker.execute("ALTER TABLE audits_checkpoint ENABLE ALWAYS TRIGGER audits_refuse")
    report = verify()
    assert report.steps[0].findings[0].code == "bad_signature"
    assert "retired key" in report.steps[0].findings[0].message
    found = latest_checkpoint()
    assert found is not None
    assert found.size < size
    # Nor does the signer take it for its own memory.
    (own_directories / "signer" / "checkpoint").write_text(forged)
    with pytest.raises(TrailAlarm, match="retired"):
        database.sequence()
    assert done.retired.last < size


class FakeService:
    """A key service in this process, which stands for one that is not."""

    seed = bytes([9]) * 32
    broken = False

    def public_key(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        if self.broken:
            raise TimeoutError("no answer")
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


class ForgetfulService(FakeService):
    """Signs with another key than the one that it names."""

    def sign(self, message: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(bytes(32)).sign(message)


SERVICE = f"{__name__}.FakeService"


@pytest.fixture
def key_service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> type[FakeService]:
    """The setting that names a key service; the factory is this module's class."""
    classes = {SERVICE: FakeService, "nowhere.Service": None, "tests.Forgetful": ForgetfulService}

    def found(path: str) -> object:
        if classes[path] is None:
            raise ImportError(f"no module {path}")
        return classes[path]

    monkeypatch.setattr(kms, "import_string", found)
    kms._service.cache_clear()
    settings.TRAIL_KMS = SERVICE
    return FakeService


def test_a_key_service_signs_and_no_private_key_is_here(database: Database, key_service: type[FakeService]) -> None:
    add_people(1)
    size = database.sequence()
    newest = latest_checkpoint()
    assert newest is not None
    expected = SigningKey.from_raw(ORIGIN, FakeService.seed)
    assert open_checkpoint(newest.note, expected.verifying_key).size == size
    assert newest.note == sign_checkpoint(
        Signed(origin=ORIGIN, size=size, root=bytes(newest.root)), expected
    )  # Ed25519 is deterministic.
    assert not key_file().exists()
    assert verify().ok


def test_a_key_service_that_fails_makes_acts_wait(
    database: Database, key_service: type[FakeService], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_people(1)
    monkeypatch.setattr(FakeService, "broken", True)
    with pytest.raises(kms.KeyServiceFailed, match="no answer"):
        database.sequence()
    monkeypatch.undo()


def test_a_key_service_whose_signature_does_not_hold_is_refused(
    database: Database, key_service: type[FakeService], settings: Settings
) -> None:
    settings.TRAIL_KMS = "tests.Forgetful"
    add_people(1)
    with pytest.raises(kms.KeyServiceFailed, match="not a signature"):
        database.sequence()
    settings.TRAIL_KMS = "nowhere.Service"
    with pytest.raises(NoTrailKey, match="no module"):
        signing_key()


def test_a_key_of_a_setting_is_rotated_to_one_that_the_operator_brings(
    database: Database, settings: Settings, key_service: type[FakeService]
) -> None:
    settings.TRAIL_KMS = ""
    settings.TRAIL_KEY = SigningKey.from_raw("x", bytes([4]) * 32).to_pem().decode()
    before = verifying_key()
    add_people(1)
    with pytest.raises(CannotRotate, match="--to"):
        rotate(actor=OPERATOR)
    successor = SigningKey.from_raw(ORIGIN, FakeService.seed).verifying_key
    for wrong in (before, SigningKey.from_raw("another.example", bytes(32)).verifying_key):
        with pytest.raises(CannotRotate):
            rotate(actor=OPERATOR, successor=wrong)
    with pytest.raises(CommandError, match="verifier key"):
        call_command("trailkey", "rotate", "--to", "nonsense")
    out = StringIO()
    call_command("trailkey", "rotate", "--to", successor.vkey, stdout=out)
    assert "COUNTERSIGN_TRAIL_KEY" in out.getvalue()
    # Acts wait for the new key, and nothing is signed with the old one.
    add_people(1)
    with pytest.raises(KeyRetired, match="start it again"):
        database.sequence()
    assert verify().ok
    settings.TRAIL_KEY, settings.TRAIL_KMS = None, SERVICE
    finish_rotation(actor=OPERATOR)
    database.sequence()
    assert [entry.kind for entry in entries_about([SUBJECT])] == ["audits.key.announced", "audits.key.rotated"]
    newest = latest_checkpoint()
    assert newest is not None
    assert trail_keys().opened_by(newest.note)[1] == successor
    assert verify().ok
