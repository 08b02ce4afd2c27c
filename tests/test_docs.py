"""The documents say what the code does: settings, events, commands and files named in them exist."""

import re
from pathlib import Path

from audits.trail.act import EVENTS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_every_setting_and_no_other() -> None:
    settings = (ROOT / "governance" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env(?:bool|int|list|secret)?\(\s*"([A-Z_]+)"', settings))
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE))
    assert listed == read


def test_the_environment_is_read_in_the_settings_and_nowhere_else() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for floor in ("audits", "registry", "governance")
        for path in (ROOT / floor).rglob("*.py")
        if re.search(r"os\.environ\b|os\.getenv\b", path.read_text(encoding="utf-8"))
    ]
    # The processes that measure and the embedded server make environments for their children.
    allowed = re.compile(r"governance/environment\.py|governance/wsgi\.py|governance/embedded/.*|audits/evidence/.*")
    assert [reader for reader in readers if not allowed.fullmatch(reader)] == []


def test_each_floor_lists_its_events_in_its_readme_and_no_other() -> None:
    for floor in ("audits", "registry", "governance"):
        text = (ROOT / floor / "README.md").read_text(encoding="utf-8")
        listed = set(re.findall(r"^\| `([a-z]+\.[a-z_]+\.[a-z_]+)` \|", text, re.MULTILINE))
        assert listed == {kind for kind in EVENTS if kind.startswith(f"{floor}.")}, floor


def test_every_file_that_a_readme_links_to_exists() -> None:
    for readme in [ROOT / "README.md", *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", readme.read_text(encoding="utf-8")):
            assert (readme.parent / target).exists(), f"{readme.name} links to {target}"


def test_the_readme_names_only_commands_that_run_has() -> None:
    script = (ROOT / "run").read_text(encoding="utf-8")
    named = set(re.findall(r"\./run ([a-z]+)", README))
    had = set(re.findall(r"^ {4}(?:([a-z]+(?: \| [a-z]+)*)\))", script, re.MULTILINE))
    commands = {word for group in had for word in group.split(" | ")}
    assert named <= commands
