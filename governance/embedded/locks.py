"""Two file locks that let processes share one server: one to start or stop it, one held by all that use it.

They are ``flock`` locks: the kernel frees them when a process dies, so ``kill -9`` leaves nothing behind.
Nothing here ever trusts a list of process ids.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from governance.embedded.errors import EmbeddedError

_PATIENCE = 180.0  # Seconds; a first start on a slow disk takes ten.


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _try(handle: int, operation: int) -> bool:
    try:
        fcntl.flock(handle, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def starting(path: Path, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold the right to start or stop the server; waits ``patience`` seconds for whoever has it."""
    handle = _open(path)
    try:
        deadline = time.monotonic() + patience
        while not _try(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Another process has been starting or stopping the database for {patience:.0f} seconds "
                    f"(it holds {path}). Look what it waits for (fuser {path}), end it, and try again."
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def join_users(path: Path) -> int:
    """Become one of the server's users; gives the open file that holds the lock until it is closed.

    Call it while holding ``starting``: only then is it sure that nobody is about to stop the server.
    """
    handle = _open(path)
    if _try(handle, fcntl.LOCK_SH):
        return handle
    os.close(handle)
    raise EmbeddedError(f"The file {path} is locked by a program that is not ours: end it (fuser {path}).")


@contextlib.contextmanager
def lent_to_server(path: Path, *, patience: float = 10.0) -> Iterator[int]:
    """An open, locked file for the server to inherit: the lock then lasts as long as any of its processes.

    That we get it says that no process of a former server lives, not even one that the kernel hides from us
    because it belongs to another container: a second server on the same files would destroy them.
    """
    handle = _open(path)
    try:
        deadline = time.monotonic() + patience
        while not _try(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The database's server runs already where this process can't see it (it holds {path}), "
                    "perhaps in another container that shares the data directory. Stop it there, or set "
                    "DATABASE_URL and DATABASE_OWNER_URL in both to use a PostgreSQL server of your own."
                )
            time.sleep(0.02)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def nobody_uses(path: Path) -> Iterator[bool]:
    """Whether no process uses the server; true all through the block if ``starting`` is held."""
    handle = _open(path)
    try:
        yield _try(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)
