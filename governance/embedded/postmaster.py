"""Which process is the server of a cluster, found out from the kernel and not from a file's word.

A process is signaled only after it was seen to be a ``postgres`` with this very directory as its own, through
a handle (pidfd) that cannot pass to another process. Format of postmaster.pid: PostgreSQL, utils/pidfile.h.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class PidFile:
    """What postmaster.pid says; ``status`` is ``starting``, ``ready``, ``stopping`` or empty."""

    pid: int
    port: int
    socket_dir: Path
    status: str


def read_pid_file(pgdata: Path) -> PidFile | None:
    """The pid file, or None where there is none or it is cut short or is no pid file."""
    try:
        lines = (pgdata / "postmaster.pid").read_bytes().split(b"\n")
        pid, port, folder = int(lines[0]), int(lines[3]), os.fsdecode(lines[4])
    except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
        return None
    if pid <= 0 or not folder.startswith("/"):
        return None
    status = lines[7].decode("ascii", "replace").strip() if len(lines) > 7 else ""
    return PidFile(pid=pid, port=port, socket_dir=Path(folder), status=status)


def is_postgres_of(pid: int, pgdata: Path) -> bool:
    """Whether this process is a living postgres (postmaster or one of its children) of this directory.

    A zombie has neither program nor directory, so it does not count.
    """
    try:
        program = str(Path(f"/proc/{pid}/exe").readlink())
        home, wanted = Path(f"/proc/{pid}/cwd").stat(), pgdata.stat()
    except PermissionError:
        return _is_postmaster_by_command(pid, pgdata)
    except OSError:
        return False
    same = (home.st_dev, home.st_ino) == (wanted.st_dev, wanted.st_ino)
    # The kernel adds "(deleted)" after the wheel was replaced under a running server.
    return same and program.removesuffix(" (deleted)").endswith("/postgres")


def _is_postmaster_by_command(pid: int, pgdata: Path) -> bool:
    """For root without CAP_SYS_PTRACE (a plain container): owner and command line."""
    try:
        folder = _PROC / str(pid)
        owner, wanted = folder.stat().st_uid, pgdata.stat().st_uid
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    ours = os.fsencode(pgdata)
    return owner == wanted and words[0].endswith(b"/postgres") and words[1:3] == [b"-D", ours]


def processes_of(pgdata: Path) -> set[int]:
    """All living postgres processes of this directory, children included if the kernel shows them."""
    return {
        int(entry.name)
        for entry in _PROC.iterdir()
        if entry.name.isdecimal() and is_postgres_of(int(entry.name), pgdata)
    }


def find_postmaster(pgdata: Path) -> int | None:
    """The running postmaster of this directory, whatever the pid file says; None where none runs."""
    noted = read_pid_file(pgdata)
    if noted is not None and is_postgres_of(noted.pid, pgdata):
        return noted.pid
    family = processes_of(pgdata)
    # Children orphaned by kill -9 of their postmaster have a parent outside the family too, but not
    # this command.
    return next((pid for pid in family if _parent(pid) not in family and _has_postmaster_command(pid)), None)


def _has_postmaster_command(pid: int) -> bool:
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    # A child rewrites its command line to "postgres: checkpointer" and the like.
    return len(words) > 2 and words[1] == b"-D"


def _parent(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def signal_process(pid: int, pgdata: Path, number: signal.Signals) -> bool:
    """Signal a process of this directory; gives False, and signals nobody, if it is not one (any more)."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # The handle keeps the number from being reused, so what is checked now is what gets the signal.
        if not is_postgres_of(pid, pgdata):
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)
        return True
    finally:
        os.close(handle)


def wait_gone(pgdata: Path, *, patience: float, only: int | None = None) -> bool:
    """Wait until no process of this directory lives (or the one named); False after ``patience`` s."""
    deadline = time.monotonic() + patience
    while is_postgres_of(only, pgdata) if only is not None else processes_of(pgdata):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def stop_postmaster(pgdata: Path, *, patience: float = 60.0) -> bool:
    """Fast shutdown (SIGINT: transactions are rolled back, a checkpoint is written); immediate if that hangs.

    Gives whether the directory is left without any process. Where none runs, that is at once.
    """
    pid = find_postmaster(pgdata)
    for number in (signal.SIGINT, signal.SIGQUIT):
        if pid is None or not signal_process(pid, pgdata, number):
            break
        if wait_gone(pgdata, patience=patience, only=pid):
            break
    return clear_orphans(pgdata)


def clear_orphans(pgdata: Path) -> bool:
    """Wait for children that outlived a killed postmaster; they end by themselves, or are told to.

    Two generations of processes on one directory would damage it. (PostgreSQL's own check of shared memory
    refuses that too.)
    """
    for number, patience in (
        (None, 5.0),
        (signal.SIGTERM, 5.0),
        (signal.SIGQUIT, 5.0),
        (signal.SIGKILL, 5.0),
    ):
        if number is not None:
            for pid in processes_of(pgdata):
                signal_process(pid, pgdata, number)
        if wait_gone(pgdata, patience=patience):
            return True
    return False
