"""Where the trail's key comes from, and when none is made."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from audits.merkle.notes import SigningKey, VerifyingKey
from audits.trail.keys import NoTrailKey, signing_key, verifying_key


def test_a_key_is_made_once_for_this_machine_alone(own_directories: Path) -> None:
    first = signing_key()
    assert signing_key().verifying_key == first.verifying_key == verifying_key()
    assert first.name == "countersign.local/trail"
    path = own_directories / "keys" / "trail.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_key_may_be_given_as_a_setting(own_directories: Path, settings: Settings) -> None:
    given = SigningKey.from_raw("x", bytes(32))
    settings.TRAIL_KEY = given.to_pem().decode()
    settings.TRAIL_ORIGIN = "bank.example/trail"
    assert verifying_key().public == given.verifying_key.public
    assert verifying_key().name == "bank.example/trail"
    assert not (own_directories / "keys").exists()


def test_in_production_no_key_is_made(own_directories: Path, settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(NoTrailKey, match="COUNTERSIGN_TRAIL_KEY"):
        signing_key()
    assert not (own_directories / "keys").exists()
    with pytest.raises(CommandError, match="no signing key"):
        call_command("trailkey")


def test_a_key_that_has_signed_is_not_replaced_by_another(own_directories: Path) -> None:
    signing_key()
    (own_directories / "signer").mkdir()
    (own_directories / "signer" / "checkpoint").write_text("something")
    (own_directories / "keys" / "trail.pem").unlink()
    with pytest.raises(NoTrailKey, match="restore it from a backup"):
        signing_key()


def test_a_key_that_is_none_is_refused(own_directories: Path, settings: Settings) -> None:
    settings.TRAIL_KEY = "-----BEGIN NOTHING-----"
    with pytest.raises(NoTrailKey, match="cannot be used"):
        signing_key()


def test_the_command_prints_the_key_that_others_verify_with(own_directories: Path) -> None:
    out = StringIO()
    call_command("trailkey", stdout=out)
    assert VerifyingKey.parse(out.getvalue().strip()) == verifying_key()
