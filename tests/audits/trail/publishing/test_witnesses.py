"""Witnesses are asked for cosignatures; those that answer are kept, those that do not hold nothing up."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from audits.merkle.cosignatures import Cosigner, WitnessKey, verify_cosignature
from audits.merkle.notes import open_note
from audits.merkle.policy import Policy
from audits.merkle.tlog_proof import verify_tlog_proof
from audits.models import Checkpoint, Cosignature, Entry
from audits.trail import Actor
from audits.trail.keys import trail_keys, verifying_key
from audits.trail.log import tlog_proof
from audits.trail.publishing import outgoing, witnesses
from audits.trail.publishing.publisher import Publisher
from audits.trail.publishing.source import tile_files
from audits.trail.publishing.trust import BadPolicy, witness_policy
from audits.trail.publishing.witnesses import Witnesses
from audits.trail.rotation import rotate
from audits.trail.verification import verify
from governance.witness.server import WitnessServer
from governance.witness.service import Witness
from governance.witness.state import State
from tests.audits.trail.publishing.web import serving
from tests.database import Database

Grow = Callable[[int], int]


@contextmanager
def witness(folder: Path, name: str) -> Iterator[tuple[WitnessKey, str]]:
    """A witness of this log, in this process: its key and its address."""
    key = Cosigner.from_seed(name, name.encode().ljust(32, b".")[:32])
    state = State(folder / name)
    with WitnessServer(Witness(keys=(key,), logs=trail_keys().all(), state=state), "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield key.witness_key, server.address
        finally:
            server.shutdown()
            thread.join()
            state.close()


def trust(settings: Settings, folder: Path, *lines: str) -> None:
    """Make these lines the operator's tlog-policy."""
    path = folder / "witnesses.policy"
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    settings.WITNESSES = str(path)


def publisher() -> Publisher:
    return Publisher(tile_files(), ask=Witnesses(witness_policy()))


def test_the_published_checkpoint_carries_cosignatures(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        (one, first), (two, second) = (stack.enter_context(witness(tmp_path, name)) for name in ("w1", "w2"))
        trust(
            settings, tmp_path, f"witness w1 {one.vkey} {first}", f"witness w2 {two.vkey} {second}",
            "group both all w1 w2", "quorum both",
        )  # fmt: skip
        working = publisher()
        for more in (3, 300, 5):
            size = grow(more)
            working.run()
            note = tile_files().checkpoint() or ""
            assert Client().get("/tlog/checkpoint").content.decode() == note
            for key in (one, two):
                assert verify_cosignature(note, key) == pytest.approx(time.time(), abs=60)
            assert open_note(note, [verifying_key()]).text.split("\n")[1] == str(size)
        # The note in the table of checkpoints stays as it was signed.
        assert Checkpoint.objects.get(size=size).note.count("\N{EM DASH}") == 1
        assert Cosignature.objects.filter(size=size).count() == 2
        # Asked again about the same checkpoint, nothing happens; another publisher knows what was kept.
        working.run()
        publisher().run()
        assert Cosignature.objects.filter(size=size).count() == 2
        # What is published is what a verifier asks: its policy, and receipts that meet it.
        policy = Policy.parse(Client().get("/.well-known/countersign/trail-policy").content)
        assert {item.key for item in policy.witnesses} == {one, two}
        assert policy.judge(note).quorum_met
        entry = Entry.objects.get(index=2)
        proved = verify_tlog_proof(tlog_proof(entry.act_id), bytes(entry.body), policy)
        assert set(proved.judgement.witnesses) == {"w1", "w2"}
        # A witness goes on across a rotation of the log's key, once it knows the new one.
        assert verify().ok
    assert caplog.records == []


def test_a_witness_that_knows_more_than_we_remember_is_asked_again_from_there(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path
) -> None:
    with witness(tmp_path, "w1") as (key, address):
        trust(settings, tmp_path, f"witness w1 {key.vkey} {address}", "quorum w1")
        grow(3)
        publisher().run()
        size = grow(3)
        working = publisher()
        asking = working._ask
        assert isinstance(asking, Witnesses)
        asking._standing["w1"].known = 1  # As after a restored database: the witness answers 409.
        working.run()
        assert Cosignature.objects.filter(size=size).exists()


def test_a_witness_that_is_down_holds_nothing_up_and_is_said_once(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = Cosigner.from_seed("w1", bytes(32)).witness_key
    trust(settings, tmp_path, f"witness w1 {key.vkey} http://127.0.0.1:9", "quorum w1")
    size = grow(3)
    working = publisher()
    caplog.set_level(logging.WARNING)
    begun = time.monotonic()
    for _ in range(3):
        assert working.run() is not None
    assert time.monotonic() - begun < 3
    assert tile_files().checkpoint() == Checkpoint.objects.get(size=size).note
    said = [record.getMessage() for record in caplog.records]
    assert [message for message in said if "w1 does not cosign" in message and "does not answer" in message]
    assert len([message for message in said if "lacks its quorum" in message]) == 1
    assert len(said) == 2
    report = verify()
    assert report.ok  # For less than a day.


@pytest.mark.parametrize(
    "answer", ["200 OK", "403 Forbidden", "404 Not Found", "422 No", "500 Oh", "302 Found", "409 Old"]
)
def test_a_witness_that_answers_nonsense_is_an_alarm_and_nothing_is_kept(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    asked: list[bytes] = []

    def nonsense(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        asked.append(environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"]))))  # type: ignore[attr-defined]
        start(answer, [("Content-Type", "text/plain"), ("Location", "http://127.0.0.1:9/")])
        return ["\N{EM DASH} w1 AAAA\n".encode() if answer.startswith("200") else b"nonsense\n"]

    key = Cosigner.from_seed("w1", bytes(32)).witness_key
    with serving(nonsense) as address:
        trust(settings, tmp_path, f"witness w1 {key.vkey} {address}", "quorum none")
        size = grow(3)
        publisher().run()
    assert asked[0].startswith(b"old 0\n")
    assert "w1 does not cosign" in caplog.text
    assert not Cosignature.objects.exists()
    assert tile_files().checkpoint() == Checkpoint.objects.get(size=size).note


def test_a_slow_witness_is_left_behind(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnesses, "_ALL_TOGETHER", 0.3)

    def slow(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        time.sleep(1.5)
        start("500 Slow", [])
        return []

    key = Cosigner.from_seed("w1", bytes(32)).witness_key
    with serving(slow) as address:
        trust(settings, tmp_path, f"witness w1 {key.vkey} {address}", "quorum none")
        grow(3)
        working = publisher()
        begun = time.monotonic()
        working.run()
        working.run()  # Nor is it asked a second time meanwhile.
        assert time.monotonic() - begun < 1.3
        asking = working._ask
        assert isinstance(asking, Witnesses)
        thread = asking._standing["w1"].asking
        assert thread is not None
        thread.join()


def test_a_witness_that_knows_another_history_is_an_alarm(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with witness(tmp_path, "w1") as (key, address):
        trust(settings, tmp_path, f"witness w1 {key.vkey} {address}", "quorum none")
        older = grow(3)
        newer = grow(3)
        publisher().run()
        assert Cosignature.objects.filter(size=newer).exists()
        # The database and everything of ours is set back; the witness remembers.
        with database.superuser() as attacker:
            attacker.execute("SET session_replication_role = replica")
            for table in ("audits_checkpoint", "audits_cosignature"):
                attacker.execute(f"ALTER TABLE {table} DISABLE TRIGGER audits_refuse")
                attacker.execute(f"DELETE FROM {table} WHERE size > %s", [older])
        (tile_files().folder / "checkpoint").unlink()
        publisher().run()
        assert "rolled back" in caplog.text


def test_a_rotation_is_followed_by_a_witness_that_knows_both_keys(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path
) -> None:
    grow(3)
    rotate(actor=Actor.system("trailkey", via="command"))
    with witness(tmp_path, "w1") as (key, address):
        trust(settings, tmp_path, f"witness w1 {key.vkey} {address}", "quorum w1")
        grow(3)
        publisher().run()
        text = Client().get("/.well-known/countersign/trail-policy").content.decode()
        policy = Policy.parse(text)
        assert [log.key for log in policy.logs] == list(trail_keys().all())
        assert "is retired: it signs nothing beyond" in text
        assert policy.judge(tile_files().checkpoint() or "").quorum_met


def test_a_policy_that_cannot_be_read_is_an_error_that_names_it(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    trust(settings, tmp_path, "witness w1 nonsense", "quorum w1")
    with pytest.raises(BadPolicy, match="COUNTERSIGN_WITNESSES"):
        witness_policy()
    settings.WITNESSES = str(tmp_path / "nowhere")
    with pytest.raises(BadPolicy, match="cannot be read"):
        witness_policy()
    # Verification says so, and goes on.
    assert [finding.code for step in verify().steps for finding in step.findings] == ["bad_policy"]


def test_a_cosignature_that_was_changed_is_found_and_never_given_out(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path
) -> None:
    with witness(tmp_path, "w1") as (key, address):
        trust(settings, tmp_path, f"witness w1 {key.vkey} {address}", "quorum w1")
        size = grow(3)
        publisher().run()
    with database.superuser() as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("ALTER TABLE audits_cosignature DISABLE TRIGGER audits_refuse")
        attacker.execute("UPDATE audits_cosignature SET line = replace(line, 'A', 'B')")
        attacker.execute("ALTER TABLE audits_cosignature ENABLE ALWAYS TRIGGER audits_refuse")
    codes = [finding.code for step in verify().steps for finding in step.findings]
    assert codes == ["cosignature"]
    publisher().run()
    assert tile_files().checkpoint() == Checkpoint.objects.get(size=size).note


def test_addresses_of_other_kinds_are_not_asked() -> None:
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/", "nonsense"):
        with pytest.raises(outgoing.NoAnswer, match="not an address"):
            outgoing.post(url, b"", content_type="text/plain", seconds=1, limit=10)


def test_an_answer_has_a_limit() -> None:
    def long(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        start("200 OK", [])
        return [bytes(1000)]

    with serving(long) as address, pytest.raises(outgoing.NoAnswer, match="more length"):
        outgoing.post(address, b"", content_type="text/plain", seconds=5, limit=10)


def test_the_witness_of_manage_py_cosigns_from_its_own_process(
    database: Database, grow: Grow, settings: Settings, tmp_path: Path
) -> None:
    """End to end: a second organization runs the witness, and this log asks it."""
    command = [sys.executable, "manage.py", "witness", "--name", "w.example/w1", "--key", str(tmp_path / "w.key")]
    command += ["--state", str(tmp_path / "state"), "--listen", "127.0.0.1:0", "--log", verifying_key().vkey]
    process = subprocess.Popen(
        command,
        cwd=django_settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "COUNTERSIGN_DATA": str(tmp_path / "theirs")},
    )
    with process:
        try:
            assert process.stdout is not None
            keys, address = [], ""
            for line in process.stdout:
                if line.startswith("Witness of"):
                    address = next(word for word in line.split() if word.startswith("http://")).rstrip("/")
                    break
                keys.append(line.strip())
            trust(
                settings, tmp_path,
                *(f"witness w{number} {key} {address}" for number, key in enumerate(keys)),
                f"group all all {' '.join(f'w{number}' for number in range(len(keys)))}", "quorum all",
            )  # fmt: skip
            size = grow(3)
            publisher().run()
            size = grow(300)
            publisher().run()
            judgement = witness_policy().judge(tile_files().checkpoint() or "")
            assert judgement.quorum_met
            assert judgement.checkpoint.size == size
            assert len(judgement.witnesses) == len(keys) == 2
        finally:
            process.terminate()
