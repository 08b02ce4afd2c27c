"""The offline verifier as a stranger runs it: another process, no Django, exit status and plain words."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audits.merkle.__main__ import main

TOP = Path(__file__).parents[3]

# A finder that comes first and refuses: what a machine without Django would do, and louder.
WITHOUT_DJANGO = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "rest_framework", "psycopg", "governance", "registry"}:
            raise AssertionError("the verifier tried to import " + name)
sys.meta_path.insert(0, Refuse())
sys.argv = ["audits.merkle", *sys.argv[1:]]
runpy.run_module("audits.merkle", run_name="__main__", alter_sys=True)
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_DJANGO, *map(str, arguments)]
    return subprocess.run(command, cwd=TOP, capture_output=True, check=False, encoding="utf-8", timeout=60)


@pytest.fixture
def files(tmp_path: Path, log: Any, forked: Any) -> Path:
    (tmp_path / "bundle.json").write_bytes(log.bundle())
    forged = log.bundle().replace("Zürich".encode(), b"Bern", 1)
    (tmp_path / "forged.json").write_bytes(forged)
    (tmp_path / "log.vkey").write_text(log.key.verifying_key.vkey + "\n", "utf-8")
    (tmp_path / "older.txt").write_text(log.checkpoint(13), "utf-8")
    (tmp_path / "forked.txt").write_text(forked.checkpoint(13), "utf-8")
    (tmp_path / "unrelated.txt").write_text(log.checkpoint(12), "utf-8")
    return tmp_path


def test_it_runs_without_django_and_exits_0_when_all_is_proved(files: Path) -> None:
    done = run("verify", files / "bundle.json", "--key-file", files / "log.vkey", "--checkpoint", files / "older.txt")
    assert (done.returncode, done.stderr) == (0, "")
    numbered = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert [line[:2] for line in numbered] == [f"{number}." for number in range(1, 10)]
    assert [line for line in numbered if not line.endswith((": ok", ": not asked"))] == []
    assert len([line for line in numbered if line.endswith(": ok")]) == 6
    assert "PROVED: 3 entries are in the log countersign.example/trail" in done.stdout
    assert "NOT PROVED" not in done.stdout
    assert "This does not prove:" in done.stdout


def test_it_exits_1_and_names_the_entry_when_one_is_forged(files: Path) -> None:
    done = run("verify", files / "forged.json", "--key-file", files / "log.vkey")
    assert done.returncode == 1
    assert "6. Every entry is in the log, unaltered: FAILED" in done.stdout
    assert "entry 3: the inclusion proof leads to another root (1 of 3 entries failed)" in done.stdout
    assert "do not rely on anything" in done.stdout


def test_without_a_key_it_says_so_and_prints_the_key_to_compare(
    files: Path, log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(files / "bundle.json")]) == 0
    said = capsys.readouterr().out
    assert "2. The key is the log's: NOT PROVED" in said
    assert "in a log that calls itself countersign.example/trail" in said
    assert "NOT PROVED: the identity of the log" in said
    assert f"Key to compare: {log.key.verifying_key.vkey}" in said


def test_a_foreign_key_fails_and_later_steps_are_not_reached(
    files: Path, stranger: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(files / "bundle.json"), "--key", stranger.key.verifying_key.vkey]) == 1
    said = capsys.readouterr().out
    assert "1. The file has the right shape: ok" in said
    assert "2. The key is the log's: FAILED" in said
    assert said.count(": not reached") == 7


@pytest.mark.parametrize(
    ("checkpoint", "says"),
    [("forked.txt", "another root|first tree"), ("unrelated.txt", "from 12 to 21 is needed")],
)
def test_a_checkpoint_that_cannot_be_reconciled_fails(
    files: Path, checkpoint: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(files / "bundle.json"), "--checkpoint", str(files / checkpoint)]) == 1
    said = capsys.readouterr().out
    assert "9. The log agrees with the checkpoint kept outside: FAILED" in said
    assert re.search(says, said)


def test_json_output_is_for_machines(files: Path, log: Any, capsys: pytest.CaptureFixture[str]) -> None:
    key = log.key.verifying_key.vkey
    assert main(["verify", str(files / "bundle.json"), "--key", key, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["verified"], result["identity_proved"], result["entries"]) == (True, True, 3)
    assert main(["verify", str(files / "forged.json"), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["verified"], result["failed_step"], result["first_failed_index"]) == (
        False,
        "inclusion",
        3,
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "missing.json"], "cannot be read: No such file"),
        (["missing.json"], "cannot be read: No such file"),
        (["verify", "."], "cannot be read"),
        (["verify", "bundle.json", "--key", "nonsense"], "the trusted key is not one"),
        (["verify", "bundle.json", "--key-file", "bundle.json"], "the trusted key is not one"),
        (["verify", "bundle.json", "--checkpoint", "missing.txt"], "cannot be read"),
        (["show", "older.txt"], "this is not a bundle"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_used_exits_2_and_says_why(
    files: Path,
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(files)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


def test_wrong_arguments_exit_2() -> None:
    for arguments in ([], ["verify"], ["verify", "x", "--key", "a", "--key-file", "b"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_show_prints_entries_in_words_and_that_they_are_unchecked(files: Path) -> None:
    done = run("show", files / "bundle.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing here has been checked" in done.stdout
    for line in (
        "#3  2026-11-30T19:36:03.123456  governance.approval.granted",
        "    actor    user:3",
        "    subject  registry.modelversion:3",
        "    reason   Fairness within limits; groups are large enough",
        "    changed  governance_approval 3: granted, note",
    ):
        assert line in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("no json", "#3  (not readable as an entry)  no json"),
        ("[1]", "#3  (not readable as an entry)  [1]"),
        ('{"a":1}', '#3  (another kind of entry)  {"a": 1}'),
        ('{"act":{}}', "#3  no time  no kind"),
        ('{"act":{"kind":"a.b","reason":"\\u001b[2J\\u202e\\u009b"}}', "    reason   \\x1b[2J\\u202e\\x9b"),
        ('{"act":{"kind":7,"actor":{"id":1}}}', '    actor    {"id": 1}'),
        ('{"act":{},"changes":[3,{"op":"I"},{"op":9,"diff":[],"key":0}]}', "    added    no table"),
        ('{"act":{"reason":"' + "x" * 5000 + '"}}', "    reason   " + "x" * 197 + "..."),
        ('{"act":{"reason":"\\ud800"}}', "    reason   \\ud800"),
        ('{"act":{"data":' + "[" * 900 + "]" * 900 + "}}", "#3  no time  no kind"),
        ("[" * 100_000, "#3  (not readable as an entry)  " + "[" * 197 + "..."),
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_show_never_fails_on_a_body_and_never_obeys_it(
    files: Path, log: Any, body: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = log.fields()
    fields["entries"] = [{"index": 3, "body": body, "proof": []}]
    (files / "odd.json").write_text(json.dumps(fields), "utf-8")
    assert main(["show", str(files / "odd.json")]) == 0
    assert line in capsys.readouterr().out.splitlines()


def test_a_terminal_without_the_script_gets_escapes(files: Path) -> None:
    command = [sys.executable, "-m", "audits.merkle", "show", str(files / "bundle.json")]
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(TOP)}
    shown = files / "bundle.json"
    shown.write_text(shown.read_text("utf-8").replace("user:3", "user:Zürich"), "utf-8")
    done = subprocess.run(command, cwd=TOP, capture_output=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0
    assert b"user:Z\\xfcrich" in done.stdout
