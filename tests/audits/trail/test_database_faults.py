"""The database crashes in the middle, and its disk fills up: nothing that a caller was told of is lost."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connections
from django.db.utils import Error as DatabaseError
from pytest_django import DjangoDbBlocker

from audits.errors import DomainError
from audits.models import Entry
from audits.trail.loop import run_forever
from audits.trail.verification import verify
from governance.embedded import ensure_running, postmaster, release, stop
from tests.audits.trail.occasions import some_act
from tests.database import ROLES, Cluster, Database, EmbeddedServer, django_uses

pytestmark = pytest.mark.slow

_DISK = 200  # Megabytes of the disk that fills up.


@contextmanager
def own_server(data_dir: Path, blocker: DjangoDbBlocker) -> Iterator[Database]:
    """A database on a server of the test's own, which flushes what it commits."""
    before = {alias: dict(connections.settings[alias]) for alias in ROLES}
    server = EmbeddedServer(data_dir)
    with blocker.unblock():
        _lead_django_to({alias: server.settings(role) for alias, role in ROLES.items()})
        try:
            cluster = Cluster(server)
            cluster.make_template(durable=True)
            with django_uses(cluster.template):
                yield Database(name=cluster.template, cluster=cluster)
        finally:
            _lead_django_to(before)
            release(data_dir)
            stop(data_dir)


def _lead_django_to(given: dict[str, dict[str, object]]) -> None:
    connections.close_all()
    for wrapper in connections.all(initialized_only=True):
        del connections[wrapper.alias]
    for alias, values in given.items():
        connections.settings[alias].update(values)


@pytest.fixture
def spot() -> Iterator[Path]:
    """A folder that the server's user may pass through, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Tellers:
    """Threads that record acts for as long as they are asked to, and note those that they were told are done."""

    def __init__(self, count: int) -> None:
        self.told: list[UUID] = []
        self.failed = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._tell, args=(number,)) for number in range(count)]
        self._threads.append(threading.Thread(target=run_forever, args=(self._stop,)))

    def __enter__(self) -> "Tellers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _tell(self, number: int) -> None:
        try:
            while not self._stop.is_set():
                try:
                    with some_act(subject=f"test:{number}") as opened:
                        pass
                except (DatabaseError, DomainError, OSError):
                    self.failed += 1
                    connections.close_all()
                    time.sleep(0.02)
                else:
                    self.told.append(opened.id)
        finally:
            connections.close_all()


def check(database: Database, told: list[UUID]) -> None:
    size = database.sequence()
    report = verify()
    assert [finding for step in report.steps for finding in step.findings] == []
    assert report.entries == size
    assert set(told) <= set(Entry.objects.values_list("act_id", flat=True))


def test_a_database_that_crashes_again_and_again_loses_no_act_that_was_told(
    spot: Path, own_directories: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    with own_server(spot / "data", django_db_blocker) as database:
        with Tellers(3) as tellers:
            for _ in range(3):
                time.sleep(1.0)
                server = ensure_running(spot / "data")
                postmaster.signal_process(server.pid, server.pgdata, signal.SIGQUIT)
                postmaster.wait_gone(server.pgdata, patience=20)
            time.sleep(1.0)
        assert tellers.failed
        assert len(tellers.told) > 20
        check(database, tellers.told)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount the small disk that this fills")
def test_a_disk_that_fills_up_stops_the_trail_and_nothing_that_was_told_is_lost(
    spot: Path, own_directories: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    with _small_disk(spot) as disk, own_server(disk / "data", django_db_blocker) as database:
        ballast = disk / "ballast"
        with Tellers(2) as tellers:
            time.sleep(0.5)
            with ballast.open("wb") as file:
                try:
                    while True:
                        os.write(file.fileno(), bytes(1 << 20))
                except OSError:
                    pass
            deadline = time.monotonic() + 20
            while not tellers.failed and time.monotonic() < deadline:
                time.sleep(0.1)
            ballast.unlink()
            time.sleep(1.0)
        assert tellers.failed
        assert tellers.told
        check(database, tellers.told)


@contextmanager
def _small_disk(spot: Path) -> Iterator[Path]:
    disk = spot / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK}m,mode=711", "tmpfs", str(disk)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # noqa: S607
