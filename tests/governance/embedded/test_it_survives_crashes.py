"""What kill -9, a stale pid file or a half-made cluster leave is put right, and nobody else is signaled."""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from governance.embedded import (
    EmbeddedError,
    Server,
    ensure_running,
    locks,
    postmaster,
    release,
    status,
    stop,
)


def kill_postmaster(server: Server) -> None:
    os.kill(server.pid, signal.SIGKILL)
    # Gone or a zombie; while it is dying it loses its program first and its directory later.
    until(lambda: not Path(f"/proc/{server.pid}/cwd").exists())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def write_pid_file(server: Server, content: str) -> None:
    path = server.pgdata / "postmaster.pid"
    found = path.stat() if path.exists() else server.pgdata.stat()
    path.write_text(content)
    os.chown(path, found.st_uid, found.st_gid)


def pid_file_of(server: Server, pid: int) -> str:
    lines = (
        pid,
        server.pgdata,
        1700000000,
        server.port,
        server.socket_dir,
        "",
        "  1234567   99",
        "ready   ",
        "",
    )
    return "\n".join(map(str, lines))


def test_committed_rows_are_there_after_kill_9_of_the_postmaster(shared):
    before = ensure_running(shared)
    with psycopg.connect(before.url("owner"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        connection.execute("INSERT INTO kept VALUES (2)")
    kill_postmaster(before)
    after = ensure_running(shared)
    assert after.pid != before.pid
    with psycopg.connect(after.url("owner"), autocommit=True) as connection:
        assert connection.execute("SELECT sum(n) FROM kept").fetchone() == (3,)
        connection.execute("DROP TABLE kept")


def test_a_process_that_got_the_pid_of_a_dead_server_is_not_signaled(shared):
    server = ensure_running(shared)
    stop(shared)
    caught: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    earlier = {number: signal.signal(number, lambda got, _frame: caught.append(got)) for number in numbers}
    try:
        write_pid_file(server, pid_file_of(server, os.getpid()))
        assert not status(shared).running
        assert stop(shared) is False
        again = ensure_running(shared)
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    assert again.pid not in (os.getpid(), server.pid)
    assert caught == []


def test_a_zombie_in_the_pid_file_is_dead(shared):
    server = ensure_running(shared)
    stop(shared)
    zombie = os.posix_spawn("/bin/true", ["true"], {})
    try:
        until(lambda: ") Z" in Path(f"/proc/{zombie}/stat").read_text())
        write_pid_file(server, pid_file_of(server, zombie))
        assert not status(shared).running
        assert ensure_running(shared).pid != zombie
    finally:
        os.waitpid(zombie, 0)


@pytest.mark.parametrize("content", ["", "123", "no number\n", "999999\n/elsewhere\n17000", "-1\n\n\n\n\n\n\n"])
def test_a_pid_file_that_is_cut_short_or_spoiled_does_no_harm(shared, content):
    server = ensure_running(shared)
    stop(shared)
    write_pid_file(server, content)
    assert ensure_running(shared).pid != server.pid


def test_a_living_server_whose_pid_file_was_cut_short_is_replaced_not_doubled(shared):
    server = ensure_running(shared)
    write_pid_file(server, "")
    release(shared)
    assert postmaster.find_postmaster(server.pgdata) in (server.pid, None)
    after = ensure_running(shared)
    assert after.pid != server.pid
    assert not postmaster.is_postgres_of(server.pid, server.pgdata)


def test_a_living_server_whose_socket_was_swept_away_is_started_again(shared, start):
    server = ensure_running(shared)
    (server.socket_dir / f".s.PGSQL.{server.port}").unlink()
    other = start(shared)
    pid = int(other.line())
    assert pid != server.pid
    assert other.end() == 0
    assert ensure_running(shared).pid == pid


def test_a_server_that_this_process_cannot_see_is_never_doubled(shared, monkeypatch):
    ensure_running(shared)
    stop(shared)
    with (shared / "postgresql.running").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        patient = locks.lent_to_server
        monkeypatch.setattr(locks, "lent_to_server", lambda path, **_: patient(path, patience=0.1))
        with pytest.raises(EmbeddedError, match="another container"):
            ensure_running(shared)
    monkeypatch.undo()
    assert ensure_running(shared).pid


def test_the_servers_own_processes_hold_the_running_lock(shared):
    ensure_running(shared)
    with (shared / "postgresql.running").open("r+") as probe, pytest.raises(BlockingIOError):
        fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.slow
def test_a_first_start_that_was_killed_half_way_is_finished(fresh, start):
    data_dir = fresh("half")
    beginner = start(data_dir)
    scratch = data_dir / "postgresql" / "pgdata.incomplete"
    until(lambda: (scratch / "PG_VERSION").exists())
    beginner.kill()
    assert not (data_dir / "postgresql.ready").exists()
    server = ensure_running(data_dir)
    assert not scratch.exists()
    with psycopg.connect(server.url("application")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_roles_that_were_not_finished_are_finished(shared):
    server = ensure_running(shared)
    with psycopg.connect(server.url("superuser"), autocommit=True) as connection:
        connection.execute("DROP OWNED BY countersign_app")
        connection.execute("REVOKE ALL ON DATABASE countersign FROM countersign_app")
    (shared / "postgresql.ready").unlink()
    with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE countersign")
        connection.execute("DROP ROLE countersign_app")
    release(shared)
    with psycopg.connect(ensure_running(shared).url("application")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("countersign_app",)
