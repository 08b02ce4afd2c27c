"""A log with a fork of it, and witnesses over loopback: in this process, or as one that can be killed."""

import hashlib
import http.client
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.cosignatures import Cosigner, WitnessKey
from audits.merkle.notes import SigningKey
from audits.merkle.tree import Tree, leaf_hash
from audits.merkle.witnessing import AddCheckpoint
from governance.witness.server import WitnessServer
from governance.witness.service import Witness
from governance.witness.state import State

ROOT = Path(__file__).resolve().parents[3]
NAME = "witness.example/w1"


@dataclass(frozen=True, kw_only=True)
class Log:
    key: SigningKey
    tree: Tree

    def note(self, size: int) -> str:
        root = self.tree.root(size)
        return sign_checkpoint(Checkpoint(origin=self.key.name, size=size, root=root), self.key)

    def request(self, old: int, size: int) -> bytes:
        proof = self.tree.consistency_proof(old, size) if old <= size else ()
        return AddCheckpoint(old=old, proof=proof, note=self.note(size)).format()


def make_log(name: str = "log.example/trail", *, forged_at: int | None = None) -> Log:
    bodies = [b"forged" if number == forged_at else str(number).encode() for number in range(300)]
    key = SigningKey.from_raw(name, hashlib.sha256(name.encode()).digest())
    return Log(key=key, tree=Tree(map(leaf_hash, bodies)))


@dataclass(frozen=True, kw_only=True)
class Said:
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a witness answers, and its public keys."""

    url: str
    keys: tuple[WitnessKey, ...] = ()

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(str(parts.hostname), parts.port or 0, timeout=20)

    def post(self, body: bytes, path: str = "/add-checkpoint") -> Said:
        connection = self.connect()
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            return Said(status=answer.status, content_type=answer.getheader("Content-Type", ""), body=answer.read())
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class Process:
    """A witness in a process of its own."""

    process: "subprocess.Popen[str]"
    address: Address


@pytest.fixture(scope="session")
def log() -> Log:
    return make_log()


@pytest.fixture(scope="session")
def fork() -> Log:
    """The same log by its own key with another entry 7."""
    return make_log(forged_at=7)


@pytest.fixture
def here(tmp_path: Path, log: Log) -> Iterator[Address]:
    """A witness in this process, over loopback."""
    keys = [Cosigner.from_seed(NAME, bytes(range(32)))]
    state = State(tmp_path / "state")
    witness = Witness(keys=keys, logs=[log.key.verifying_key], state=state)
    with WitnessServer(witness, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield Address(url=server.address, keys=tuple(key.witness_key for key in keys))
        server.shutdown()
        thread.join()
    state.close()


@pytest.fixture
def start(tmp_path: Path, log: Log) -> Iterator[Callable[..., Process]]:
    """Start witnesses on one state, the way a second organization does."""
    environment = {"PATH": os.environ["PATH"], "COUNTERSIGN_DATA": str(tmp_path / "data")}
    with ExitStack() as stack, (tmp_path / "errors").open("a") as errors:

        def started(*arguments: str, command: tuple[str, ...] = ("-m", "governance.witness")) -> Process:
            process = subprocess.Popen(
                [
                    sys.executable, *command, "--key", str(tmp_path / "witness.key"), "--name", NAME,
                    "--state", str(tmp_path / "state"), "--log", log.key.verifying_key.vkey,
                    "--listen", "127.0.0.1:0", *arguments,
                ],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment,
            )  # fmt: skip
            stack.callback(process.stdout.close)  # type: ignore[union-attr]
            stack.callback(process.wait)
            stack.callback(process.kill)
            keys = []
            for line in process.stdout or ():
                if " at http://" in line:
                    url = line.partition(" at ")[2].partition("/ ")[0]
                    return Process(process=process, address=Address(url=url, keys=tuple(keys)))
                keys.append(WitnessKey.parse(line.strip()))
            raise AssertionError((tmp_path / "errors").read_text())

        yield started
