"""Secrets and keys that Countersign makes for itself in the data directory, for use on one machine.

Files are 0600 in a folder that is 0700, written aside and linked into place, so two processes that start at once agree.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def local_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's bytes; made once by ``make`` where it is absent."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # Another process was first; then its file counts.
            os.link(aside, path)
    finally:
        aside.unlink()
    return path.read_bytes()


def local_secret(path: Path) -> str:
    """A random secret of 50 characters, the same at every start."""
    return local_file(path, lambda: secrets.token_urlsafe(38)[:50].encode()).decode()


def replace_file(path: Path, data: bytes) -> None:
    """Put the bytes in the file's place, whole or not at all; durable on return. One writer at a time."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f"{path.name}.new")
    with open(aside, "wb", opener=_private) as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


@contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    """Keep other processes of this machine, and other threads, out of the same part; ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make what was linked, renamed or removed in the folder survive a power failure."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
