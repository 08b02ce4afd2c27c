"""The OS user that PostgreSQL runs as: ourselves, or an unprivileged one when we are root.

It never lets the server run as root and never changes the mode of a folder it did not make.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from governance.embedded.errors import EmbeddedError, from_os_error

NAME = "countersign"

# Nothing of the caller's environment reaches the server: no PG* variable, no preload, no secret.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "LANG": "C", "TZ": "UTC"}


@dataclass(frozen=True, kw_only=True)
class Account:
    """``drop`` says that we are root and must become this user before a program of PostgreSQL runs."""

    uid: int
    gid: int
    drop: bool

    def own(self, path: Path) -> None:
        """Hand a file or folder that we made to this user; nothing to do when that is who we are."""
        if self.drop:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def spawn(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        stdout: int,
        stderr: int,
        keep_open: Sequence[int] = (),
    ) -> subprocess.Popen[str]:
        """Start a program as this user with a minimal environment, in a session of its own.

        Of our open files it gets ``keep_open`` and no other.
        """
        try:
            return subprocess.Popen(
                [str(part) for part in argv],
                cwd=cwd,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
                errors="replace",
                start_new_session=True,
                umask=0o077,
                pass_fds=keep_open,
                user=self.uid if self.drop else None,
                group=self.gid if self.drop else None,
                extra_groups=[] if self.drop else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            if isinstance(error, OSError):
                raise from_os_error(error, doing=f"start {argv[0]} as user id {self.uid}") from error
            raise EmbeddedError(f"Could not start {argv[0]} as user id {self.uid}: {error}.") from error

    def run(
        self, argv: Sequence[str | Path], *, cwd: Path = Path("/"), keep_open: Sequence[int] = ()
    ) -> tuple[int, str]:
        """Run a program as this user to its end; gives its exit code and all that it said."""
        pipe = subprocess.PIPE
        with self.spawn(argv, cwd=cwd, stdout=pipe, stderr=subprocess.STDOUT, keep_open=keep_open) as process:
            output, _ = process.communicate()
            return process.returncode, output

    def can_run(self, program: Path) -> bool:
        """Whether this user can reach and run the program: tried, not guessed from modes."""
        try:
            return self.run([program, "--version"])[0] == 0
        except EmbeddedError:
            return False

    def can_enter(self, folder: Path) -> bool:
        """Whether this user can enter the folder: tried, not guessed from modes."""
        return not self.drop or self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder])[0] == 0


def account_for(pgdata: Path) -> Account:
    """Ourselves; when we are root, the owner of the existing cluster, else the user ``countersign``.

    Following the owner lets root serve a data directory that an ordinary user made, and leave it
    usable for them.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), drop=False)
    try:
        found = pgdata.lstat()
    except (FileNotFoundError, NotADirectoryError):
        found = None
    if found is not None and found.st_uid != 0:
        return Account(uid=found.st_uid, gid=found.st_gid, drop=True)
    entry = _find() or _create()
    if entry.pw_uid == 0:
        raise EmbeddedError(f"The OS user {NAME!r} has user id 0; PostgreSQL refuses to run as root. Rename it.")
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, drop=True)


def _find() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    command = [
        "useradd",
        "--system",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        "--user-group",
        NAME,
    ]
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True, env=path)
        said = result.stderr.strip() or f"exit code {result.returncode}"
    except OSError as error:
        said = str(error)
    # Another process may have made it at the same moment: what counts is that it is there.
    if entry := _find():
        return entry
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and the OS user {NAME!r} could not be made ({said}). "
        f"Make it yourself ({' '.join(command)}), run as an ordinary user, "
        "or set DATABASE_URL and DATABASE_OWNER_URL to use a PostgreSQL server of your own."
    )
