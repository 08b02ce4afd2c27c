"""The passwords of the three database roles: random, one file each, readable by the service alone.

It never prints or logs one, and never replaces one that exists.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Literal

from governance.embedded.errors import EmbeddedError

Role = Literal["superuser", "owner", "application"]

ROLE_NAMES: dict[Role, str] = {
    "superuser": "postgres",
    "owner": "countersign_owner",
    "application": "countersign_app",
}


def secret_path(folder: Path, role: Role) -> Path:
    return folder / f"postgres-{role}"


def read_password(folder: Path, role: Role) -> str:
    """The password; raises ``EmbeddedError`` where the file is missing or empty."""
    path = secret_path(folder, role)
    try:
        password = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        password = ""
    if not password:
        raise EmbeddedError(
            f"The password file {path} is missing or empty: restore it from a backup of the data directory."
        )
    return password


def ensure_password(folder: Path, role: Role) -> bool:
    """Make the password if there is none; gives whether it is new.

    The folder is made with mode 0700, the file with 0600 and whole or not at all, on disk before it is used.
    """
    _ensure_private(folder)
    path = secret_path(folder, role)
    try:
        if path.stat().st_size:
            return False
    except FileNotFoundError:
        pass
    scratch = folder / f".{path.name}.{secrets.token_hex(8)}"
    try:
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(folder)
    return True


def sync_folder(folder: Path) -> None:
    """Put the folder's own entries on disk, so that a rename inside it outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _ensure_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedError(f"{folder} is not a folder (or is a link): move it away; the passwords must lie there.")
    if os.geteuid() not in (0, found.st_uid):
        raise EmbeddedError(f"{folder} belongs to another user: run as its owner, or choose another COUNTERSIGN_DATA.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
