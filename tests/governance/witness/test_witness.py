"""A witness over real HTTP: what it answers, that it survives anything, and that it never says two things."""

import contextlib
import http.client
import itertools
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from audits.merkle.checkpoints import open_checkpoint
from audits.merkle.cosignatures import Cosigner, verify_cosignature
from audits.merkle.notes import SigningKey
from audits.merkle.witnessing import MAX_REQUEST_BYTES, read_cosignatures
from governance.witness import server as witness_server
from governance.witness import state as witness_state
from governance.witness.errors import WitnessError
from governance.witness.keys import load_or_make
from governance.witness.service import Witness
from governance.witness.state import State
from tests.governance.witness.conftest import NAME, ROOT, Address, Log, Process, make_log

Start = Callable[..., Process]


def test_it_cosigns_a_log_that_grows_and_nothing_else(here: Address, log: Log, fork: Log) -> None:
    before = int(time.time())
    first = here.post(log.request(0, 21))
    assert first.status == 200
    assert before <= verify_cosignature(log.note(21) + first.body.decode(), here.keys[0]) <= int(time.time())
    assert here.post(log.request(21, 21)).status == 200
    assert here.post(log.request(21, 40)).status == 200
    stale = here.post(log.request(21, 50))
    assert (stale.status, stale.content_type, stale.body) == (409, "text/x.tlog.size", b"40\n")
    assert here.post(fork.request(40, 50)).status == 422
    assert here.post(fork.request(40, 40)).status == 409
    assert here.post(log.request(41, 40)).status == 400
    assert here.post(b"old 0\n").status == 400
    assert here.post(make_log("other.example").request(0, 3)).status == 404
    unsigned = log.request(40, 50).replace(b"\n50\n", b"\n51\n")
    assert here.post(unsigned).status == 403
    # All that left no trace.
    assert here.post(log.request(40, 50)).status == 200


def test_a_fork_that_it_was_shown_is_kept_as_evidence(here: Address, tmp_path: Path, log: Log, fork: Log) -> None:
    here.post(log.request(0, 21))
    for _ in range(2):
        here.post(fork.request(21, 21))
    kept = sorted((tmp_path / "state" / "forks").iterdir())
    assert [path.suffix for path in kept] == [".checkpoint", ".cosigned"]
    forged, cosigned = (open_checkpoint(path.read_bytes(), log.key.verifying_key) for path in kept)
    assert forged.size == cosigned.size == 21
    assert forged.root != cosigned.root


def test_what_others_add_to_a_note_is_not_kept(here: Address, tmp_path: Path, log: Log) -> None:
    junk = "".join(f"\u2014 x{number}.example {'A' * 8}{'AAAA' * 900}\n" for number in range(90))
    assert here.post(log.request(0, 21) + junk.encode()).status == 200
    kept = next((tmp_path / "state").glob("*.checkpoint"))
    assert kept.read_text() == log.note(21)


def test_of_many_requests_at_once_from_one_size_exactly_one_advances(here: Address, log: Log) -> None:
    known = 0
    with ThreadPoolExecutor(16) as pool:
        for _ in range(4):
            asked = [log.request(known, size) for size in range(known + 1, known + 33)]
            answers = list(pool.map(here.post, asked))
            [advanced] = [known + 1 + place for place, said in enumerate(answers) if said.status == 200]
            refused = {(said.status, said.body) for said in answers if said.status != 200}
            assert refused == {(409, f"{advanced}\n".encode())}
            known = advanced


def test_clients_that_race_and_retry_leave_one_history(here: Address, log: Log) -> None:
    """Sixteen clients push the log on; the sizes cosigned never go back while time goes on."""

    def push(seed: int) -> list[tuple[int, int]]:
        done, known = [], 0
        for step in range(12):
            size = min(300, known + 1 + (seed * 7 + step * 5) % 23)
            said = here.post(log.request(known, size))
            if said.status == 200:
                [(_, at, _)] = read_cosignatures(said.body, log.note(size), here.keys)
                done.append((at, size))
                known = size
            else:
                assert said.status == 409
                known = int(said.body)
        return done

    with ThreadPoolExecutor(16) as pool:
        cosigned = list(itertools.chain.from_iterable(pool.map(push, range(16))))
    seconds = sorted({at for at, _ in cosigned})
    for earlier, later in itertools.pairwise(seconds):
        assert max(size for at, size in cosigned if at == earlier) <= min(size for at, size in cosigned if at == later)


def test_its_limits_on_what_a_stranger_sends(here: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    def raw(data: bytes) -> bytes:
        parts = urlsplit(here.url)
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=20) as connection:
            connection.sendall(data)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received

    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n"
    assert b" 413 " in raw(head + b"Content-Length: %d\r\n\r\n" % (MAX_REQUEST_BYTES + 1))
    assert b" 411 " in raw(head + b"\r\n")
    assert b" 411 " in raw(head + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert b" 400 " in raw(head + b"Content-Length: -1\r\n\r\n")
    assert b" 400 " in raw(head + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc")
    assert b" 501 " in raw(b"PUT / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b" 431 " in raw(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n")
    # One that drips or stays silent is cut off, and does not hold up others.
    monkeypatch.setattr(witness_server, "MAX_CONNECTION_SECONDS", 0.5)
    started = time.monotonic()
    assert raw(head + b"Content-Length: 10\r\n\r\nabc") == b""
    assert time.monotonic() - started < 5


def test_it_keeps_connections_alive_and_says_who_it_is(here: Address, log: Log) -> None:
    connection = here.connect()
    connection.request("POST", "/add-checkpoint", log.request(0, 5))
    assert connection.getresponse().read()
    connection.request("GET", "/")
    answer = connection.getresponse()
    page = answer.read().decode()
    assert answer.status == 200
    assert here.keys[0].vkey in page
    assert "log.example/trail 5" in page
    connection.request("GET", "/other")
    assert connection.getresponse().status == 404
    connection.close()
    assert here.post(b"x", path="/add-tree-head").status == 404


def test_further_connections_than_its_limit_are_closed(here: Address, log: Log) -> None:
    parts = urlsplit(here.url)
    waiting = []
    try:
        for _ in range(witness_server.MAX_CONNECTIONS):
            waiting.append(socket.create_connection((str(parts.hostname), parts.port or 0), timeout=20))
        time.sleep(0.3)
        with pytest.raises((ConnectionError, OSError)):
            here.post(log.request(0, 5))
    finally:
        for connection in waiting:
            connection.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert here.post(log.request(0, 5)).status == 200
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the connections were not given free")


@pytest.mark.slow
def test_a_second_organization_runs_it_without_a_database(start: Start, tmp_path: Path, log: Log) -> None:
    """`manage.py witness` in an empty data directory, with no setting: no PostgreSQL appears."""
    arguments = ["--key", str(tmp_path / "k"), "--name", NAME, "--print-key"]
    environment = {"PATH": os.environ["PATH"], "COUNTERSIGN_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "manage.py", "witness", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.partition("+")[0] for line in done.stdout.splitlines()] == [NAME, NAME]
    running = start(command=("manage.py", "witness"))
    said = running.address.post(log.request(0, 21))
    assert len(read_cosignatures(said.body, log.note(21), running.address.keys)) == 2
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(20) == 0
    assert [path.name for path in (tmp_path / "data").rglob("*") if path.is_file()] == ["django-secret-key"]


def test_it_needs_no_package_but_cryptography(tmp_path: Path) -> None:
    allowed = sorted({*sys.stdlib_module_names, "audits", "governance", "cryptography", "_cffi_backend"})
    program = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {allowed}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
from governance.witness.command import main
sys.exit(main(["--key", sys.argv[1], "--name", "w.example", "--print-key"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "key")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("w.example+")


def test_its_key_is_made_once_and_it_remembers_across_restarts(start: Start, tmp_path: Path, log: Log) -> None:
    first = start()
    assert [key.algorithm for key in first.address.keys] == ["ed25519", "ml-dsa-44"]
    assert first.address.post(log.request(0, 21)).status == 200
    first.process.send_signal(signal.SIGINT)
    assert first.process.wait(20) == 0
    second = start()
    assert second.address.keys == first.address.keys
    assert second.address.post(log.request(0, 30)).body == b"21\n"
    assert second.address.post(log.request(21, 30)).status == 200
    assert stat.S_IMODE((tmp_path / "witness.key").stat().st_mode) == 0o600


def test_a_second_process_on_one_state_is_refused(start: Start, log: Log) -> None:
    first = start()
    with pytest.raises(AssertionError, match="another witness runs on"):
        start()
    assert first.address.post(log.request(0, 21)).status == 200
    first.process.kill()
    first.process.wait()
    assert start().address.post(log.request(21, 22)).status == 200


@pytest.mark.slow
def test_killed_at_any_moment_it_never_forgets_what_it_cosigned(start: Start, log: Log) -> None:
    known = 0

    def kill(running: Process, delay: float) -> None:
        time.sleep(delay)
        running.process.kill()

    for round_number in range(6):
        running = start()
        with ThreadPoolExecutor(1) as pool, contextlib.suppress(OSError, http.client.HTTPException):
            # SIGKILL lands wherever it lands: before the file, after it, before the answer.
            pool.submit(kill, running, round_number * 0.013)
            while known < 300:
                said = running.address.post(log.request(known, known + 1))
                if said.status == 200:
                    known += 1
                else:
                    # It has stored one whose answer was lost, and never fewer than it answered.
                    assert (said.status, int(said.body)) == (409, known + 1)
                    known += 1
        running.process.wait()
    size = int(start().address.post(log.request(299, 300)).body)
    assert known <= size <= known + 1


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace", "folder"])
@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed-but-persisted"])
def test_a_step_of_storing_that_fails_leaves_nothing_cosigned(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch, step: str, persisted: bool
) -> None:
    state = State(tmp_path / "state")
    witness = Witness(keys=[Cosigner.from_seed(NAME, bytes(32))], logs=[log.key.verifying_key], state=state)
    assert witness.add_checkpoint(log.request(0, 5)).status == 200
    true = witness_state.replace_file

    def failing(path: Path, data: bytes) -> None:
        if persisted:
            true(path, data)
        elif step in ("write", "fsync", "replace"):
            path.with_name(f"{path.name}.new").write_bytes(data[: len(data) // 2])
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(witness_state, "replace_file", failing)
        failed = witness.add_checkpoint(log.request(5, 9))
        assert (failed.status, b"\xe2\x80\x94" in failed.body) == (500, False)
    stale = witness.add_checkpoint(log.request(5, 9))
    if persisted:
        assert (stale.status, stale.body) == (409, b"9\n")
        assert witness.add_checkpoint(log.request(9, 9)).status == 200
    else:
        assert stale.status == 200
    state.close()


def test_a_state_file_that_is_damaged_stops_its_log_and_no_other(tmp_path: Path, log: Log) -> None:
    other = make_log("other.example/trail")
    state = State(tmp_path / "state")
    witness = Witness(
        keys=[Cosigner.from_seed(NAME, bytes(32))],
        logs=[log.key.verifying_key, other.key.verifying_key],
        state=state,
    )
    witness.add_checkpoint(log.request(0, 5))
    kept = next((tmp_path / "state").glob("*.checkpoint"))
    for damaged in (b"", kept.read_bytes()[:-20], b"\0" * 200, other.note(5).encode()):
        kept.write_bytes(damaged)
        assert witness.add_checkpoint(log.request(5, 9)).status == 500
        assert witness.add_checkpoint(log.request(0, 9)).status == 500
        assert "log.example/trail unknown" in witness.description()
    assert witness.add_checkpoint(other.request(0, 9)).status == 200
    state.close()


def test_a_log_that_changed_its_key_is_still_the_same_log(tmp_path: Path, log: Log) -> None:
    new = Log(key=SigningKey.from_raw(log.key.name, bytes(32)), tree=log.tree)
    state = State(tmp_path / "state")
    keys = [Cosigner.from_seed(NAME, bytes(32))]
    assert Witness(keys=keys, logs=[log.key.verifying_key], state=state).add_checkpoint(log.request(0, 5)).status == 200
    rotated = Witness(keys=keys, logs=[log.key.verifying_key, new.key.verifying_key], state=state)
    assert rotated.add_checkpoint(new.request(0, 9)).body == b"5\n"
    assert rotated.add_checkpoint(new.request(5, 9)).status == 200
    state.close()


def test_keys_that_cannot_be_used_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(WitnessError, match="--name"):
        load_or_make(path, name=None, algorithms=("ed25519",))
    with pytest.raises(WitnessError, match="cannot be a witness's name"):
        load_or_make(path, name="a name", algorithms=("ed25519",))
    assert not path.exists()
    made = load_or_make(path, name=NAME, algorithms=("ed25519",))
    assert load_or_make(path, name=None, algorithms=("ml-dsa-44",))[0].witness_key == made[0].witness_key
    with pytest.raises(WitnessError, match=r"not of other\.example"):
        load_or_make(path, name="other.example", algorithms=("ed25519",))
    path.chmod(0o644)
    with pytest.raises(WitnessError, match="chmod 600"):
        load_or_make(path, name=NAME, algorithms=("ed25519",))
    path.write_text("nothing\n")
    with pytest.raises(WitnessError, match="cannot be used"):
        load_or_make(path, name=NAME, algorithms=("ed25519",))
    path.write_text("")
    with pytest.raises(WitnessError, match="does not hold"):
        load_or_make(path, name=NAME, algorithms=("ed25519",))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "name a log"),
        (["--log", "nonsense"], "cannot be read"),
        (["--policy", "absent"], "cannot be read"),
        (["--log", "VKEY", "--listen", "8901"], "HOST:PORT"),
        (["--log", "VKEY", "--listen", "127.0.0.1:99999", "--state", "s"], "cannot listen"),
        (["--log", "VKEY"], "--state"),
        (["--log", "VKEY", "--state", "key/below"], "cannot hold the state"),
    ],
)
def test_a_command_line_that_cannot_work_says_why(tmp_path: Path, log: Log, arguments: list[str], why: str) -> None:
    given = [log.key.verifying_key.vkey if argument == "VKEY" else argument for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "governance.witness", "--key", "key", "--name", NAME, *given],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_it_follows_the_logs_of_a_policy(tmp_path: Path, log: Log, start: Start) -> None:
    other = make_log("other.example/trail")
    (tmp_path / "policy").write_text(f"log {other.key.verifying_key.vkey}\nquorum none\n")
    running = start("--policy", str(tmp_path / "policy"))
    assert running.address.post(other.request(0, 5)).status == 200
    assert running.address.post(log.request(0, 5)).status == 200
