"""Tiles and checkpoints are published as files, once each, and whoever follows them needs nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from audits.merkle.bundles import verify_bundle
from audits.merkle.checkpoints import Checkpoint as Signed
from audits.merkle.checkpoints import open_checkpoint, sign_checkpoint
from audits.merkle.notes import VerifyingKey
from audits.merkle.policy import Policy
from audits.merkle.tiles import TiledTree, TileName, changed_tiles, parse_tile_path, read_entry_bundle
from audits.merkle.tlog_proof import verify_tlog_proof
from audits.merkle.tree import Tree, leaf_hash, verify_consistency, verify_inclusion
from audits.models import Checkpoint, Entry
from audits.trail import Actor
from audits.trail.keys import signing_key, verifying_key
from audits.trail.log import bundle_of, inclusion_proof, tlog_proof
from audits.trail.publishing import publisher as module
from audits.trail.publishing.files import PublishingAlarm, TileFiles
from audits.trail.publishing.publisher import Publisher
from audits.trail.publishing.source import TileSource, tile_files
from audits.trail.rotation import rotate
from tests.audits.trail.publishing.web import fetched, service
from tests.database import Database
from tests.people import make_people, person

Grow = Callable[[int], int]


def publish() -> int:
    """Publish until nothing more waits; the published size."""
    publisher = Publisher(tile_files())
    while True:
        done = publisher.run()
        assert done is not None
        if not done.more:
            return done.size


def tiles(folder: Path) -> dict[str, bytes]:
    """Every file under tile/ by its path, each spelled as the specification spells it."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("tile/**/*") if path.is_file()}
    assert all(parse_tile_path(path).path == path for path in found)
    return found


def leaves() -> list[bytes]:
    return [bytes(leaf) for leaf in Entry.objects.order_by("index").values_list("leaf_hash", flat=True)]


def test_the_published_tiles_are_those_of_the_tree(database: Database, grow: Grow, own_directories: Path) -> None:
    assert publish() == 0
    seen: dict[str, bytes] = {}
    for more in (1, 254, 1, 1, 300):
        size = grow(more)
        assert publish() == size
        files = tiles(own_directories / "tiles")
        assert set(files) >= {name.path for name in changed_tiles(0, size)}
        # What was a full tile once stays as it is.
        full = {path: data for path, data in files.items() if ".p/" not in path}
        assert full.items() >= seen.items()
        seen = full
        note = tile_files().checkpoint()
        assert note is not None
        checkpoint = open_checkpoint(note, verifying_key())
        tree = TiledTree(size, lambda name: tile_files().read(name) or b"", root=checkpoint.root)
        assert [tree.leaf(index) for index in range(size)] == leaves()
    # Of a full tile no partial files are left, and nothing half-written anywhere.
    assert not [path for path in tiles(own_directories / "tiles") if path.startswith("tile/0/000.p")]
    assert not list((own_directories / "tiles" / ".new").iterdir())


def test_a_client_of_tiled_logs_follows_over_http(database: Database, grow: Grow) -> None:
    """It holds the log's key and nothing else of ours."""
    key = VerifyingKey.parse(verifying_key().vkey)
    with service() as address:

        def follow() -> tuple[Signed, TiledTree]:
            checkpoint = open_checkpoint(fetched(f"{address}/tlog/checkpoint"), key)
            return checkpoint, TiledTree(
                checkpoint.size, lambda name: fetched(f"{address}/tlog/{name.path}"), root=checkpoint.root
            )

        grow(300)
        publish()
        before, tree = follow()
        known = [tree.leaf(index) for index in range(before.size)]
        grow(400)
        publish()
        after, tree = follow()
        assert after.size > before.size >= 300
        verify_consistency(
            first=before.size,
            first_root=before.root,
            second=after.size,
            second_root=after.root,
            proof=tree.consistency_proof(before.size),
        )
        assert [tree.leaf(index) for index in range(before.size)] == known
        for index in (0, 255, 256, after.size - 1):
            verify_inclusion(
                leaf=tree.leaf(index),
                index=index,
                size=after.size,
                proof=tree.inclusion_proof(index),
                root=after.root,
            )


def test_tiles_may_be_cached_for_ever_and_the_checkpoint_not(database: Database, grow: Grow) -> None:
    grow(260)
    publish()
    client = Client()
    response = client.get("/tlog/tile/0/000")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.content == b"".join(leaves()[:256])
    assert "Cookie" not in response.headers.get("Vary", "")
    assert client.get("/tlog/checkpoint").headers["Cache-Control"] == "no-cache"
    # A client that comes late asks for a partial tile that became a full one.
    assert client.get("/tlog/tile/0/000.p/7").content == b"".join(leaves()[:7])
    for path in ("0/001", "0/999", "0/0", "00/000", "9/000", "0/000.p/0", "0/../checkpoint", "x", "0/x000/000"):
        response = client.get(f"/tlog/tile/{path}")
        assert response.status_code == 404, path
        assert response.json()["code"] == "not_found"
    assert client.post("/tlog/checkpoint").status_code == 405


def test_before_anything_is_published_there_is_nothing(database: Database) -> None:
    for path in ("checkpoint", "tile/0/000", "tile/0/000.p/1"):
        assert Client().get(f"/tlog/{path}").status_code == 404


def test_entries_are_for_those_who_may_read_the_trail(database: Database, grow: Grow) -> None:
    make_people()
    size = grow(10)
    publish()
    path = f"/tlog/tile/entries/000.p/{size}"
    assert Client().get(path).status_code == 401
    for name, status in (("auditor", 200), ("stranger", 403)):
        browser = Client()
        browser.force_login(person(name))
        response = browser.get(path)
        assert response.status_code == status, name
        if status == 200:
            entries = read_entry_bundle(response.content)
            assert [leaf_hash(entry) for entry in entries] == leaves()
            assert response.headers["Cache-Control"].startswith("private")
            assert browser.get(f"/tlog/tile/entries/000.p/{size + 1}").status_code == 404
            # Through the tree, each entry proved by its leaf.
            checkpoint = open_checkpoint(tile_files().checkpoint() or "", verifying_key())
            tree = TiledTree(
                size, lambda name, browser=browser: browser.get(f"/tlog/{name.path}").content, root=checkpoint.root
            )
            assert tree.entries(0) == entries


def test_two_publishers_do_not_write_at_once(database: Database, grow: Grow) -> None:
    grow(3)
    with tile_files().alone() as mine:
        assert mine
        assert Publisher(tile_files()).run() is None
    assert publish() == Checkpoint.objects.order_by("-size")[0].size


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["add", "sync", "publish", "forget_partial"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_it_goes_on_where_it_was(
    database: Database, grow: Grow, monkeypatch: pytest.MonkeyPatch, own_directories: Path, step: str, when: str
) -> None:
    grow(200)
    publish()
    whole = getattr(TileFiles, step)
    calls = 0

    def killed(self: TileFiles, *args: object) -> None:
        nonlocal calls
        calls += 1
        if when == "after":
            whole(self, *args)
        if calls > 1 or step != "add":
            raise Killed
        if when == "before":
            whole(self, *args)

    size = grow(400)
    monkeypatch.setattr(TileFiles, step, killed)
    with pytest.raises(Killed):
        publish()
    monkeypatch.undo()
    # Whatever is published has all its tiles.
    published = open_checkpoint(tile_files().checkpoint() or "", verifying_key())
    TiledTree(published.size, lambda name: tile_files().read(name) or b"", root=published.root)
    assert publish() == size
    assert {name.path for name in changed_tiles(0, size)} <= set(tiles(own_directories / "tiles"))


def test_a_tile_that_is_gone_is_made_again_and_a_wrong_one_is_an_alarm(
    database: Database, grow: Grow, own_directories: Path
) -> None:
    grow(600)
    publish()
    before = tiles(own_directories / "tiles")
    folder = own_directories / "tiles"
    for path in before:
        (folder / path).unlink()
    publish()
    assert tiles(folder) == before
    # A right edge that somebody changed cannot be built on.
    edge = folder / TileName(level=0, index=2, width=len(leaves()) - 512).path
    edge.write_bytes(bytes(len(edge.read_bytes())))
    grow(1)
    with pytest.raises(PublishingAlarm, match="do not hash"):
        publish()
    edge.unlink()
    assert publish() == len(leaves())


def test_a_database_that_was_rolled_back_is_not_published(database: Database, grow: Grow) -> None:
    grow(5)
    older = grow(5)
    publish()
    note = tile_files().checkpoint()
    with database.superuser() as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("ALTER TABLE audits_checkpoint DISABLE TRIGGER audits_refuse")
        attacker.execute("DELETE FROM audits_checkpoint WHERE size = %s", [older])
    with pytest.raises(PublishingAlarm, match="rolled back"):
        publish()
    assert tile_files().checkpoint() == note


def test_a_fork_is_not_published(database: Database, grow: Grow) -> None:
    size = grow(5)
    publish()
    note = tile_files().checkpoint()
    forged = sign_checkpoint(Signed(origin=verifying_key().name, size=size, root=bytes(32)), signing_key())
    with database.superuser() as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("ALTER TABLE audits_checkpoint DISABLE TRIGGER audits_refuse")
        attacker.execute("UPDATE audits_checkpoint SET note = %s, root = %s WHERE size = %s", [forged, bytes(32), size])
    with pytest.raises(PublishingAlarm, match="forked"):
        publish()
    assert tile_files().checkpoint() == note


def test_entries_that_were_changed_are_not_published(database: Database, grow: Grow) -> None:
    grow(5)
    publish()
    size = grow(5)
    with database.superuser() as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("ALTER TABLE audits_entry DISABLE TRIGGER audits_refuse")
        attacker.execute("UPDATE audits_entry SET leaf_hash = sha256('x') WHERE index = %s", [size - 2])
    with pytest.raises(PublishingAlarm, match="do not hash"):
        publish()
    assert open_checkpoint(tile_files().checkpoint() or "", verifying_key()).size < size


def test_a_long_log_is_published_in_steps(database: Database, grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    for _ in range(5):
        size = grow(60)
    publisher = Publisher(tile_files())
    done = publisher.run()
    assert done is not None
    assert done.more
    assert done.size < 160
    assert publish() == size


def test_the_next_publisher_goes_on_after_a_rotation(database: Database, grow: Grow) -> None:
    grow(5)
    publish()
    rotate(actor=Actor.system("trailkey", via="command"))
    size = grow(5)
    assert publish() == size


def test_proofs_come_from_tiles_and_their_cost_stays_logarithmic(
    database: Database, grow: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = grow(1200)
    publish()
    whole = Tree(leaves())
    expected = whole.inclusion_proof(3)
    read: list[int] = []
    original = TileSource.leaves

    def counted(self: TileSource, first: int, count: int) -> list[bytes]:
        read.append(count)
        return original(self, first, count)

    monkeypatch.setattr(TileSource, "leaves", counted)
    assert inclusion_proof(3, size) == expected
    assert inclusion_proof(3, 700) == whole.inclusion_proof(3, 700)
    assert read == []  # Published: no leaf hash comes from the database.
    # A checkpoint that is not published yet: the right edge alone is read there.
    size = grow(3)
    read.clear()
    assert inclusion_proof(3, size) == Tree(leaves()).inclusion_proof(3)
    assert sum(read) < 512
    # Damaged files do not matter to a proof.
    path = tile_files().folder / "tile/0/000"
    path.write_bytes(bytes(8192))
    assert inclusion_proof(3, size) == Tree(leaves()).inclusion_proof(3)


def test_a_receipt_is_a_tlog_proof_that_holds_offline(database: Database, grow: Grow) -> None:
    size = grow(5)
    publish()
    entry = Entry.objects.get(index=size - 2)
    policy = Policy.parse(Client().get("/.well-known/countersign/trail-policy").content)
    assert [log.key for log in policy.logs] == [verifying_key()]
    text = tlog_proof(entry.act_id)
    assert verify_tlog_proof(text, bytes(entry.body), policy).index == entry.index
    assert text.startswith("c2sp.org/tlog-proof")
    verify_bundle(bundle_of([entry.index], since=[2]), trusted_key=verifying_key())
