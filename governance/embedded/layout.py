"""Where the cluster, its socket, its log, the locks and the passwords of one data directory lie.

It never widens the mode of a folder that was there before, and never follows a link where a secret or
socket goes.
Socket paths: 107 bytes at most (unix(7), sun_path).
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from governance.embedded import postmaster
from governance.embedded.account import Account, account_for
from governance.embedded.errors import EmbeddedError
from governance.embedded.passwords import secret_path

PORT = 5432  # Only a part of the socket's name: the server listens on no TCP port.
_SOCKET_LIMIT = 107
_SHARED = Path("/var/lib/countersign")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """``home`` is the server's OS user's (mode 0700); the rest of ``data_dir`` is the service's."""

    data_dir: Path
    home: Path
    account: Account

    @property
    def pgdata(self) -> Path:
        return self.home / "pgdata"

    @property
    def log(self) -> Path:
        return self.home / "postgresql.log"

    @property
    def ready(self) -> Path:
        """Written when the roles and the database are complete.

        Here and not in ``home``: as root we write nothing into a folder where another user could have
        put a link.
        """
        return self.data_dir / "postgresql.ready"

    @property
    def keep(self) -> Path:
        """Holds the pid of a postmaster that the last user must not stop."""
        return self.data_dir / "postgresql.keep"

    @property
    def secrets(self) -> Path:
        return self.data_dir / "secrets"

    @property
    def running_lock(self) -> Path:
        """Held by every process of the server itself, seen or not (it may live in another container)."""
        return self.data_dir / "postgresql.running"

    @property
    def users_lock(self) -> Path:
        return self.data_dir / "postgresql.users"


def starting_lock(data_dir: Path) -> Path:
    """Held to decide, make, start or stop; known before anything else is."""
    return data_dir / "postgresql.starting"


def prepare(data_dir: Path) -> None:
    """Make the data directory if need be: 0700, or 0711 for root, whose server must pass through it."""
    if "\n" in str(data_dir) or "\r" in str(data_dir):
        raise EmbeddedError("The path of the data directory holds a line break: choose another COUNTERSIGN_DATA.")
    try:
        str(data_dir).encode()
    except UnicodeEncodeError:
        raise EmbeddedError(
            "The path of the data directory is not valid UTF-8: choose another COUNTERSIGN_DATA."
        ) from None
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)


def locate(data_dir: Path) -> Layout | None:
    """The layout of a data directory that has a cluster, changing nothing; None if it has none."""
    for home in (data_dir / "postgresql", _noted_home(data_dir)):
        if home is not None and (home / "pgdata" / "PG_VERSION").exists():
            return Layout(data_dir=data_dir, home=home, account=account_for(home / "pgdata"))
    return None


def decide(data_dir: Path) -> Layout:
    """Choose where the cluster lies and make its home. Call it while holding the starting lock."""
    layout = locate(data_dir)
    if layout is None:
        inside = data_dir / "postgresql"
        account = account_for(inside / "pgdata")
        home = inside if account.can_enter(data_dir) else _SHARED / _digest(data_dir)
        layout = Layout(data_dir=data_dir, home=home, account=account)
        if home != inside:
            _set_abandoned_aside(layout)
    if layout.home.parent == _SHARED:
        _SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    private_folder(layout.home, layout.account)
    if layout.home.parent == _SHARED:
        _claim(layout)
    return layout


def socket_folder(layout: Layout) -> Path:
    """A folder with a plain path for the socket, which only the server's OS user (and root) can enter."""
    name = f"countersign-{_digest(layout.data_dir)}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    choices = [layout.home / "socket"]
    if layout.account.drop:
        choices.append(Path("/run") / name)
    elif runtime.startswith("/") and Path(runtime).is_dir():
        choices.append(Path(runtime) / name)
    choices.append(Path("/tmp") / f"countersign-{layout.account.uid}-{_digest(layout.data_dir)}")  # noqa: S108
    for folder in choices:
        # libpq takes a comma for the start of a second host.
        fits = len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= _SOCKET_LIMIT and "," not in str(folder)
        if not fits or not os.access(folder.parent, os.W_OK):
            continue
        private_folder(folder, layout.account)
        if layout.account.can_enter(folder):
            return folder
    raise EmbeddedError(
        "There is no folder for the database's socket: the data directory's path is too long for one "
        f"({_SOCKET_LIMIT} bytes) or holds a comma, and none can be made in $XDG_RUNTIME_DIR, /run or /tmp. "
        "Choose a shorter COUNTERSIGN_DATA, or set XDG_RUNTIME_DIR to a short folder of your own."
    )


def private_folder(folder: Path, account: Account) -> None:
    """Make a folder of mode 0700 for the account, or check that the one that is there is such a one."""
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        pass
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedError(f"{folder} is not a folder, or is a link: move it away and try again.")
    if account.drop and found.st_uid == 0:
        # Made by us, then killed before it was handed over.
        account.own(folder)
    elif found.st_uid != account.uid:
        raise EmbeddedError(
            f"{folder} belongs to user id {found.st_uid}, not to {account.uid}, which runs the database: "
            "run as that user, or move the folder away."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def _digest(data_dir: Path) -> str:
    return hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]


def _pointer(data_dir: Path) -> Path:
    return data_dir / "postgresql.location"


def _noted_home(data_dir: Path) -> Path | None:
    try:
        first = _pointer(data_dir).read_text(encoding="utf-8", errors="surrogateescape").partition("\n")[0]
    except FileNotFoundError:
        return None
    home = Path(first)
    return home if home.parent == _SHARED and home.name.isalnum() else None


def _set_abandoned_aside(layout: Layout) -> None:
    """A cluster of this path whose data directory was deleted, passwords included: kept, but out of the way."""
    if layout.pgdata.exists() and not secret_path(layout.secrets, "superuser").exists():
        postmaster.stop_postmaster(layout.pgdata)
        layout.home.rename(layout.home.with_name(f"{layout.home.name}.abandoned-{token_hex(4)}"))


def _claim(layout: Layout) -> None:
    """Note on both sides which data directory and which cluster belong together.

    A data directory that was moved keeps its cluster; a copy of one must not share it with the original.
    """
    claim = _SHARED / f"{layout.home.name}.data-directory"
    if claim.exists():
        other = Path(claim.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n"))
        if other.is_dir() and not other.samefile(layout.data_dir) and _noted_home(other) == layout.home:
            raise EmbeddedError(
                f"{layout.data_dir} is a copy of {other}, whose database lies in {layout.home}: two "
                f"data directories can't share it. Use the original, or delete {_pointer(layout.data_dir)} "
                "and restore a dump."
            )
    claim.write_text(f"{layout.data_dir}\n", encoding="utf-8", errors="surrogateescape")
    _pointer(layout.data_dir).write_text(
        f"{layout.home}\n\nThe database of this data directory lies in the folder above, because the OS\n"
        "user that runs PostgreSQL can't reach this one. Back up both; keep this file.\n",
        encoding="utf-8",
        errors="surrogateescape",
    )


def copies_folder(layout: Layout) -> Path:
    """A folder where a copy of PostgreSQL's programs may lie, reachable by the server's OS user."""
    if layout.account.drop:
        return _SHARED
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return Path(cache if cache.startswith("/") else Path.home() / ".cache") / "countersign"
