"""Making a cluster (initdb), starting its server and waiting until it answers.

It never lets anyone in without a password, never listens on TCP and never takes a half-made cluster for
a whole one.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psycopg

from governance.embedded import layout as places
from governance.embedded import locks, postmaster
from governance.embedded.errors import EmbeddedError, from_output
from governance.embedded.layout import Layout
from governance.embedded.passwords import ROLE_NAMES, ensure_password, read_password, sync_folder

_INITDB = (
    "--username=postgres",
    "--auth-local=scram-sha-256",
    "--auth-host=scram-sha-256",
    "--data-checksums",
    "--encoding=UTF8",
    # Byte order of code points, the same on every machine: no index breaks when the C library
    # changes.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--set=shared_buffers=128MB",
    "--set=max_connections=100",
    "--set=password_encryption=scram-sha-256",
    "--set=timezone=UTC",
    "--set=log_timezone=UTC",
    "--set=log_line_prefix=%m [%p] %q%u@%d ",
)

# On the start line, so that an edit of postgresql.conf can't loosen them by accident.
_ALWAYS = {
    "listen_addresses": "",
    "port": str(places.PORT),
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "logging_collector": "off",
}

_SCRATCH = "pgdata.incomplete"
_INITDB_PATIENCE = 60.0  # Seconds.
_START_PATIENCE = 300.0  # Seconds; recovery after a crash may have to replay a gigabyte.
_ANSWER_PATIENCE = 20.0  # Seconds that a server which says it is ready may take to answer.
_LOG_LIMIT = 16 * 1024 * 1024


class NoAnswer(EmbeddedError):
    """The server ended, or nobody listens on its socket: starting it again is the cure."""


def initialize(layout: Layout, programs: Path) -> None:
    """Make the cluster in a scratch folder, then rename it into place; nothing to do where there is one."""
    if (layout.pgdata / "PG_VERSION").exists():
        _check_release(layout)
        return
    if layout.pgdata.exists() and any(layout.pgdata.iterdir()):
        raise EmbeddedError(f"{layout.pgdata} holds something that is no PostgreSQL cluster: move it away, try again.")
    layout.ready.unlink(missing_ok=True)
    ensure_password(layout.secrets, "superuser")
    # An initdb whose parent was killed goes on by itself: the lock that it inherited says so.
    with locks.lent_to_server(layout.running_lock, patience=_INITDB_PATIENCE) as running:
        code, output = _initdb(layout, programs, running)
    scratch = layout.home / _SCRATCH
    if code != 0:
        shutil.rmtree(scratch, ignore_errors=True)
        raise from_output(output, doing=f"make a database cluster in {layout.home}")
    scratch.rename(layout.pgdata)
    sync_folder(layout.home)


def _initdb(layout: Layout, programs: Path, running: int) -> tuple[int, str]:
    scratch = layout.home / _SCRATCH
    if scratch.exists():
        shutil.rmtree(scratch)
    password_file = _lend_password(layout)
    command: list[str | Path] = [programs / "initdb", *_INITDB, f"--pwfile={password_file}", "-D", scratch]
    try:
        return layout.account.run(command, cwd=layout.home, keep_open=[running])
    finally:
        password_file.unlink(missing_ok=True)


def _check_release(layout: Layout) -> None:
    release = (layout.pgdata / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    if release != "18":
        raise EmbeddedError(
            f"{layout.pgdata} was made by PostgreSQL {release or '(no number)'}, and the programs are 18's: "
            "dump it with the old programs (pg_dump) and restore it into a new data directory."
        )


def _lend_password(layout: Layout) -> Path:
    """A copy that initdb, running as the server's OS user, may read; the caller removes it."""
    path = layout.home / "password.incomplete"
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        if layout.account.drop:
            os.fchown(file.fileno(), layout.account.uid, layout.account.gid)
        file.write(read_password(layout.secrets, "superuser"))
    return path


def start(layout: Layout, programs: Path) -> str:
    """Start the server of a cluster that has none and wait until it answers; gives the server's version.

    Call it while holding the starting lock. A pid file left by a dead server is removed here, after
    the kernel has said that no process of this directory lives.
    """
    if not postmaster.clear_orphans(layout.pgdata):
        raise EmbeddedError(
            f"Processes of a former server still hold {layout.pgdata} and can't be ended "
            f"({sorted(postmaster.processes_of(layout.pgdata))}): end them or restart the machine."
        )
    with locks.lent_to_server(layout.running_lock) as running:
        _rotate_log(layout)
        before = layout.log.stat().st_size if layout.log.exists() else 0
        pid = _launch(layout, programs, running)
    return await_answer(layout, pid, log_from=before)


def _launch(layout: Layout, programs: Path, running: int) -> int:
    (layout.pgdata / "postmaster.pid").unlink(missing_ok=True)
    folder = places.socket_folder(layout)
    for name in (f".s.PGSQL.{places.PORT}", f".s.PGSQL.{places.PORT}.lock"):
        (folder / name).unlink(missing_ok=True)
    settings = {**_ALWAYS, "unix_socket_directories": '"' + str(folder).replace('"', '""') + '"'}
    command = [str(programs / "postgres"), "-D", str(layout.pgdata)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    # The shell puts the server into the background and ends: the server is nobody's child, so nobody has to
    # reap it. All paths are arguments, never text of the script.
    script = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
    with layout.account.spawn(
        ["/bin/sh", "-c", script, "sh", layout.log, *command],
        cwd=layout.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        keep_open=[running],
    ) as shell:
        said, _ = shell.communicate()
    if not said.strip().isdecimal():
        raise from_output(said, doing="start PostgreSQL")
    return int(said)


def await_answer(layout: Layout, pid: int, *, log_from: int | None = None) -> str:
    """Wait until the postmaster answers a query by the superuser; gives the server's version.

    Raises ``NoAnswer`` when it ends or its socket is gone, ``EmbeddedError`` when it answers, but not as
    it should.
    """
    begun = time.monotonic()
    ready_since: float | None = None
    while True:
        noted = postmaster.read_pid_file(layout.pgdata)
        now = time.monotonic()
        if noted is not None and noted.pid == pid and noted.status == "ready":
            ready_since = ready_since or now
            try:
                return _ask(layout, noted)
            except psycopg.OperationalError as error:
                if now - ready_since > _ANSWER_PATIENCE:
                    raise EmbeddedError(
                        f"PostgreSQL runs but refuses us: {str(error).strip()}. Its log: {layout.log}"
                    ) from error
                if not _listens(noted) and now - ready_since > 1.0:
                    raise NoAnswer(f"PostgreSQL runs, but its socket is gone from {noted.socket_dir}.") from error
        # A fork that has not become postgres yet has neither its program nor its directory.
        lives = postmaster.is_postgres_of(pid, layout.pgdata)
        if not lives and (now - begun > 1.0 or not Path(f"/proc/{pid}").exists()):
            raise NoAnswer(from_output(log_tail(layout, log_from), doing="start PostgreSQL", log=layout.log).message)
        if now - begun > _START_PATIENCE:
            raise EmbeddedError(
                f"PostgreSQL has been starting for {_START_PATIENCE:.0f} seconds; it may still be "
                f"recovering after a crash. Look at its log and try again: {layout.log}"
            )
        time.sleep(0.02)


def connect_superuser(
    layout: Layout, noted: postmaster.PidFile, dbname: str
) -> "psycopg.Connection[tuple[object, ...]]":
    """A connection in autocommit mode as the superuser; raises ``psycopg.OperationalError``."""
    return psycopg.connect(
        host=str(noted.socket_dir),
        hostaddr="",  # Else a PGHOSTADDR in the environment would lead elsewhere.
        port=noted.port,
        user=ROLE_NAMES["superuser"],
        password=read_password(layout.secrets, "superuser"),
        dbname=dbname,
        connect_timeout=10,
        autocommit=True,
    )


def _ask(layout: Layout, noted: postmaster.PidFile) -> str:
    """The version of the server that answers there, which must be this cluster's own."""
    try:
        with connect_superuser(layout, noted, "postgres") as connection:
            query = "SELECT current_setting('data_directory'), current_setting('server_version')"
            folder, version = connection.execute(query).fetchone() or ("", "")
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        raise EmbeddedError(
            f"The superuser's password in {layout.secrets} is not the one of the cluster in {layout.pgdata}: "
            "restore the folder 'secrets' from the same backup as the cluster."
        ) from None
    if not Path(str(folder)).samefile(layout.pgdata):
        raise EmbeddedError(f"Another server answers on {noted.socket_dir}: it serves {folder}. Stop it first.")
    return str(version)


def _listens(noted: postmaster.PidFile) -> bool:
    """Whether anybody accepts connections on the socket; a full queue counts as somebody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fsencode(noted.socket_dir / f".s.PGSQL.{noted.port}"))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
        return True


def log_tail(layout: Layout, start_at: int | None = None) -> str:
    """The end of PostgreSQL's own log, from a byte offset on if one is given; empty where there is none."""
    try:
        with os.fdopen(os.open(layout.log, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(start_at or 0, size - 4000, 0))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _rotate_log(layout: Layout) -> None:
    with contextlib.suppress(FileNotFoundError):
        if layout.log.stat().st_size > _LOG_LIMIT:
            layout.log.rename(layout.log.with_suffix(".log.1"))
