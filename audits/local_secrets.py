"""Secrets and keys that Countersign makes for itself in the data directory, for use on one machine.

Files are 0600 in a folder that is 0700, written aside and linked into place, so two processes that start at once agree.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
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
