"""Verification finds what is wrong with the published files, and with the list of retired keys."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audits.merkle.checkpoints import Checkpoint as Signed
from audits.merkle.checkpoints import sign_checkpoint
from audits.merkle.tiles import TileName
from audits.trail import Actor
from audits.trail.keys import retired_file, signing_key, verifying_key
from audits.trail.publishing.publisher import Publisher
from audits.trail.publishing.source import tile_files
from audits.trail.rotation import rotate
from audits.trail.verification import verify
from tests.database import Database

Grow = Callable[[int], int]


def codes() -> list[str]:
    return [finding.code for step in verify().steps for finding in step.findings]


@pytest.fixture
def published(database: Database, grow: Grow) -> Path:
    """A log of more than 512 entries, published twice."""
    grow(520)
    Publisher(tile_files()).run()
    grow(7)
    Publisher(tile_files()).run()
    return tile_files().folder


def test_every_published_tile_is_compared(published: Path, grow: Grow) -> None:
    report = verify()
    assert report.ok
    (step,) = [step for step in report.steps if "tiles" in step.name]
    assert step.checked == 1 + 3 + 1  # The checkpoint, three tiles of leaves, one above them.
    # What the log has grown by since is no difference.
    grow(300)
    assert codes() == []


@pytest.mark.parametrize("level", [0, 1])
def test_a_tile_that_was_changed_or_removed_is_named(published: Path, level: int) -> None:
    name = TileName(level=0, index=1) if level == 0 else TileName(level=1, index=0, width=2)
    path = published / name.path
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    (finding,) = [finding for step in verify().steps for finding in step.findings]
    assert (finding.code, finding.key) == ("tile_changed", name.path)
    path.write_bytes(whole[:-32])
    assert codes() == ["tile_changed"]
    path.unlink()
    assert codes() == ["tile_missing"]
    path.write_bytes(whole)
    assert codes() == []


def test_a_partial_tile_of_before_is_compared_too(published: Path) -> None:
    width = min(tile_files().partial_widths(TileName(level=0, index=2)))
    path = published / TileName(level=0, index=2, width=width).path
    path.write_bytes(bytes(32 * width))
    assert codes() == ["tile_changed"]


def test_a_published_checkpoint_that_is_not_of_the_log_is_found(published: Path) -> None:
    checkpoint = published / "checkpoint"
    genuine = checkpoint.read_text("utf-8")
    size = int(genuine.split("\n")[1])
    checkpoint.write_text(genuine.replace("countersign.local", "other.local"), "utf-8")
    assert codes() == ["published_signature"]
    for forged, code in ((size, "published_root"), (size + 5, "published_beyond")):
        note = sign_checkpoint(Signed(origin=verifying_key().name, size=forged, root=bytes(32)), signing_key())
        checkpoint.write_text(note, "utf-8")
        assert code in codes()


def test_a_list_of_retired_keys_that_no_act_stands_behind_is_found(published: Path) -> None:
    done = rotate(actor=Actor.system("trailkey", via="command"))
    assert codes() == []
    listed = retired_file().read_text("utf-8")
    retired_file().write_text(listed.replace(f" {done.retired.last}", f" {done.retired.last + 1000}"), "utf-8")
    assert codes() == ["retired_key"]
    stranger = verifying_key().vkey
    assert stranger not in listed
    retired_file().write_text(f"{listed}{done.retired.key.vkey} 3\n", "utf-8")
    # The smaller of two sizes counts: the key's later checkpoints hold no longer.
    assert "bad_signature" in codes()


def test_published_files_removed_as_a_whole_are_missed_until_they_are_published_anew(published: Path) -> None:
    checkpoint = (published / "checkpoint").read_text()
    (published / "checkpoint").unlink()
    assert codes() == ["published_missing"]
    shutil.rmtree(published)
    assert codes() == ["published_missing"]
    Publisher(tile_files()).run()
    assert codes() == []
    assert (published / "checkpoint").read_text() == checkpoint
