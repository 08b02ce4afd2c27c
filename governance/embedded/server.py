"""One PostgreSQL server per data directory, started when the first process needs it, stopped after the last.

It never signals a process that is not a postgres of that directory, and never stops a server that others use.
"""

import atexit
import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from governance.embedded import cluster, layout, locks, postmaster, roles
from governance.embedded.errors import EmbeddedError, from_os_error
from governance.embedded.layout import Layout
from governance.embedded.passwords import ROLE_NAMES, Role, read_password
from governance.embedded.wheel import runnable_programs


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that was seen to answer. Two are equal when they are the same run of the same postmaster."""

    data_dir: Path
    pgdata: Path
    socket_dir: Path
    port: int
    pid: int
    version: str = field(compare=False)

    def params(self, role: Role, dbname: str = roles.DATABASE) -> dict[str, str | int]:
        """Keyword arguments for ``psycopg.connect``; the password is read from its file each time."""
        return {
            "host": str(self.socket_dir),
            # Given and empty, so that a PGHOSTADDR in the environment leads nowhere else.
            "hostaddr": "",
            "port": self.port,
            "user": ROLE_NAMES[role],
            "password": read_password(self.data_dir / "secrets", role),
            "dbname": dbname,
        }

    def url(self, role: Role, dbname: str = roles.DATABASE) -> str:
        """The same as a libpq URL. It holds the password: for programs, not for logs."""
        values = {name: quote(os.fsencode(str(value)), safe="") for name, value in self.params(role, dbname).items()}
        return (
            f"postgresql://{values['user']}:{values['password']}@/{values['dbname']}"
            f"?host={values['host']}&hostaddr=&port={values['port']}"
        )


@dataclass(frozen=True, kw_only=True)
class Status:
    """What is known of a data directory's server without starting it."""

    initialized: bool
    running: bool
    pid: int | None = None
    pgdata: Path | None = None
    socket_dir: Path | None = None
    log: Path | None = None


@dataclass(kw_only=True)
class _Use:
    """This process's share in a server: the open file holds the shared lock."""

    server: Server
    lock: int
    directory: Path  # /proc/PID/cwd of the postmaster
    identity: tuple[int, int]  # Device and inode of the cluster's directory.

    def lives(self) -> bool:
        """Whether the postmaster that we know still runs. One system call: every new connection asks."""
        try:
            found = self.directory.stat()
        except PermissionError:
            return postmaster.is_postgres_of(self.server.pid, self.server.pgdata)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self.identity


_uses: dict[Path, _Use] = {}
_guard = threading.RLock()


def _forget_in_child() -> None:
    # A forked child gets copies of the parent's locks: it drops them, so that they mean the parent
    # alone, and takes its own when it uses the server. The guard may be held by a thread it lacks.
    global _guard
    _guard = threading.RLock()
    for use in _uses.values():
        with contextlib.suppress(OSError):
            os.close(use.lock)
    _uses.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def ensure_running(data_dir: Path, *, keep_running: bool = False) -> Server:
    """The server of this data directory: found, started, recovered or made, whatever is needed; it answers.

    The process counts as one of its users until it ends; the last user stops it, unless one of them asked to
    ``keep_running`` (then only ``stop`` does). Cheap to call again: the kernel is asked whether the
    postmaster lives. Raises ``EmbeddedError``.
    """
    use = _uses.get(data_dir) or _uses.get(data_dir.resolve())
    if use is not None and not keep_running and use.lives():
        return use.server
    return confirm_running(data_dir, keep_running=keep_running)


def confirm_running(data_dir: Path, *, keep_running: bool = False) -> Server:
    """Like ``ensure_running``, but never content with what was known: the server is asked for an answer."""
    data_dir = _absolute(data_dir)
    with _guard, _machine_errors(f"start the database in {data_dir}"):
        layout.prepare(data_dir)
        with locks.starting(layout.starting_lock(data_dir)):
            place = layout.decide(data_dir)
            use = _uses.get(data_dir)
            lock = use.lock if use is not None else locks.join_users(place.users_lock)
            try:
                server = _bring_up(place)
                if keep_running:
                    # A new file, because one that root left is not ours to write.
                    place.keep.unlink(missing_ok=True)
                    place.keep.write_text(f"{server.pid}\n", encoding="ascii")
            except BaseException:
                if use is None:
                    os.close(lock)
                raise
            if use is None:
                atexit.register(_leave, data_dir, os.getpid())
            found = server.pgdata.stat()
            _uses[data_dir] = _Use(
                server=server,
                lock=lock,
                directory=Path(f"/proc/{server.pid}/cwd"),
                identity=(found.st_dev, found.st_ino),
            )
            return server


def _bring_up(place: Layout) -> Server:
    programs = runnable_programs(place.account.can_run, layout.copies_folder(place))
    cluster.initialize(place, programs)
    version = _attach(place)
    started = version is None
    if version is None:
        # One that is stopping, that lost its pid file or whose socket was swept away is ended first.
        if not postmaster.stop_postmaster(place.pgdata):
            raise EmbeddedError(f"A former server of {place.pgdata} can't be ended: restart the machine.")
        version = cluster.start(place, programs)
    noted = postmaster.read_pid_file(place.pgdata)
    if noted is None:
        raise EmbeddedError(f"PostgreSQL ended right after its start. Look at its log and try again: {place.log}")
    if started or not roles.are_complete(place):
        try:
            roles.ensure(place, noted)
        except psycopg.Error as error:
            raise EmbeddedError(f"Could not prepare the database's roles: {error}. Its log: {place.log}") from error
    return Server(
        data_dir=place.data_dir,
        pgdata=place.pgdata,
        socket_dir=noted.socket_dir,
        port=noted.port,
        pid=noted.pid,
        version=version,
    )


def _attach(place: Layout) -> str | None:
    """The version of the server that runs already; None where one has to be started."""
    pid, noted = postmaster.find_postmaster(place.pgdata), postmaster.read_pid_file(place.pgdata)
    if pid is None or noted is None or noted.pid != pid or noted.status == "stopping":
        return None
    try:
        return cluster.await_answer(place, pid)
    except cluster.NoAnswer:
        return None


def _leave(data_dir: Path, pid: int) -> None:
    """At the end of the process that joined: give up the share; stop the server if it was the last."""
    use = _uses.get(data_dir)
    if use is None or pid != os.getpid():
        return
    del _uses[data_dir]
    os.close(use.lock)
    # A process that ends has nobody to tell; the next user finds the server and puts things right.
    with contextlib.suppress(OSError, EmbeddedError):
        place = layout.locate(data_dir)
        if place is None:
            return
        with (
            locks.starting(layout.starting_lock(data_dir), patience=20.0),
            locks.nobody_uses(place.users_lock) as free,
        ):
            if free and not _is_kept(place):
                postmaster.stop_postmaster(place.pgdata)


def _is_kept(place: Layout) -> bool:
    try:
        kept = place.keep.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return False
    return kept == str(postmaster.find_postmaster(place.pgdata))


def release(data_dir: Path) -> None:
    """Stop being a user of the server now instead of at the end of the process; the last user stops it."""
    with _guard:
        _leave(_absolute(data_dir), os.getpid())


def stop(data_dir: Path) -> bool:
    """Stop the server for everybody (fast shutdown); gives whether one ran. Raises ``EmbeddedError``."""
    data_dir = _absolute(data_dir)
    with _guard, _machine_errors(f"stop the database in {data_dir}"):
        place = layout.locate(data_dir) if data_dir.is_dir() else None
        if place is None:
            return False
        with locks.starting(layout.starting_lock(data_dir)):
            running = postmaster.find_postmaster(place.pgdata) is not None
            if not postmaster.stop_postmaster(place.pgdata):
                raise EmbeddedError(f"PostgreSQL does not end. Look at its log: {place.log}")
            place.keep.unlink(missing_ok=True)
            return running


def status(data_dir: Path) -> Status:
    """What runs for this data directory; changes and starts nothing. Raises ``EmbeddedError``."""
    data_dir = _absolute(data_dir)
    with _machine_errors(f"look at the database in {data_dir}"):
        place = layout.locate(data_dir) if data_dir.is_dir() else None
        if place is None:
            return Status(initialized=False, running=False)
        pid, noted = postmaster.find_postmaster(place.pgdata), postmaster.read_pid_file(place.pgdata)
        return Status(
            initialized=True,
            running=pid is not None,
            pid=pid,
            pgdata=place.pgdata,
            socket_dir=noted.socket_dir if pid is not None and noted is not None else None,
            log=place.log,
        )


def _absolute(data_dir: Path) -> Path:
    # One spelling per directory: locks, socket and cached values are found by it.
    return data_dir if data_dir in _uses else data_dir.resolve()


@contextlib.contextmanager
def _machine_errors(doing: str) -> Iterator[None]:
    if not Path("/proc/self/stat").exists():
        raise EmbeddedError(
            f"Could not {doing}: the embedded PostgreSQL needs Linux with /proc. "
            "Set DATABASE_URL and DATABASE_OWNER_URL to use a PostgreSQL server of your own."
        )
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing=doing) from error
