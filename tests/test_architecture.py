"""The house's own rules, held by tests: contracts between the floors, sizes and names of files."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("audits", "registry", "governance")
TOP_LEVEL = {
    "manage.py", "pyproject.toml", "README.md", "governance", "registry", "audits", "templates", "tests", "fixtures",
    "LICENSE", "CHANGELOG.md", "run", "requirements.txt", "requirements-bench.txt",
    "requirements-dev.txt", "benchmarks", "docs", "deploy",
}  # fmt: skip
SAYS_NOTHING = {"utils", "helpers", "common", "core", "misc", "base"}
# Django looks for a database backend in a module of this name.
GIVEN_NAMES = {"audits/postgres/base.py", "governance/embedded/backend/base.py"}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    return [Path(line) for line in done.stdout.splitlines()]


def test_the_contracts_between_the_floors_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_else_stands_at_the_top_level() -> None:
    top = {path.parts[0] for path in tracked() if not path.parts[0].startswith(".")}
    assert top <= TOP_LEVEL


def test_no_file_is_too_big_to_live_in() -> None:
    python = [path for path in tracked() if path.suffix == ".py" and "migrations" not in path.parts]
    there = [path for path in python if (ROOT / path).exists()]
    sizes = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in there}
    assert {str(path): size for path, size in sizes.items() if size > 400} == {}


def test_every_file_has_a_name_that_says_something() -> None:
    named = [path for path in tracked() if path.parts[0] in FLOORS and path.stem in SAYS_NOTHING]
    assert [path for path in named if path.as_posix() not in GIVEN_NAMES] == []
