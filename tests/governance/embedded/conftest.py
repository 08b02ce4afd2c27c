"""Real servers in throw-away data directories.

The folders are not pytest's ``tmp_path``: as root that lies behind a folder of mode 0700, which the
server's user can't pass, and the cluster would go to /var/lib (one test asks for exactly that).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.embedded import layout, release, stop

ROOT = Path(__file__).resolve().parents[3]


def discard(data_dir: Path) -> None:
    """Stop the server and remove all that it left outside its data directory."""
    release(data_dir)
    stop(data_dir)
    place = layout.locate(data_dir)
    if place is None:
        return
    folder = layout.socket_folder(place)
    if folder.parent != place.home:
        shutil.rmtree(folder)
    if not place.home.is_relative_to(data_dir):
        shutil.rmtree(place.home)
        place.home.with_name(f"{place.home.name}.data-directory").unlink()


@pytest.fixture(scope="session")
def spot() -> Iterator[Path]:
    """A folder that every OS user may pass through, gone after the tests."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def shared(spot: Path) -> Iterator[Path]:
    """One data directory for all tests that put back what they break."""
    yield spot / "shared"
    discard(spot / "shared")


@pytest.fixture
def fresh(spot: Path) -> Iterator[Callable[[str], Path]]:
    """Makes names of data directories of the test's own, discarded afterwards."""
    made: list[Path] = []

    def name(text: str) -> Path:
        made.append(spot / text)
        return made[-1]

    yield name
    for data_dir in made:
        discard(data_dir)
        shutil.rmtree(data_dir, ignore_errors=True)


class Process:
    """Another Python process that runs a few lines and talks over its standard input and output."""

    def __init__(self, data_dir: Path, code: str) -> None:
        lines = (
            "import os, sys",
            "from pathlib import Path",
            "from governance.embedded import ensure_running, status, stop",
            "data_dir = Path(sys.argv[1])",
            code,
        )
        self.popen = subprocess.Popen(
            [sys.executable, "-c", "\n".join(lines), str(data_dir)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def end(self) -> int:
        """Let it go on from its ``input()`` and wait for its end."""
        self.popen.communicate("\n", timeout=60)
        return self.popen.returncode

    def kill(self) -> None:
        self.popen.kill()
        self.popen.communicate(timeout=60)


USER = "print(ensure_running(data_dir).pid, flush=True); input()"


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts other processes; by default one that uses the server, prints its pid and waits."""
    made: list[Process] = []

    def process(data_dir: Path, code: str = USER) -> Process:
        made.append(Process(data_dir, code))
        return made[-1]

    yield process
    for one in made:
        if one.popen.poll() is None:
            one.kill()
        for stream in (one.popen.stdin, one.popen.stdout):
            if stream is not None:
                stream.close()
