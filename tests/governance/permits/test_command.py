"""The command that a stranger runs: steps on standard output, and an exit status that scripts can use."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.json_documents import JSON
from governance.permits.__main__ import main
from governance.permits.envelopes import sign_envelope
from governance.permits.keys import SigningKey, generate_key, keys_document
from tests.governance.permits.conftest import DIGEST

AT = "2026-11-22T00:00:00Z"


@pytest.fixture
def files(tmp_path: Path, permit: dict[str, JSON], key: SigningKey) -> Path:
    """A folder with a permit, its key in both forms, and a key of somebody else."""
    (tmp_path / "permit.dsse.json").write_text(json.dumps(permit))
    (tmp_path / "key.pem").write_bytes(key.verifying.pem())
    other = generate_key()
    (tmp_path / "other.pem").write_bytes(other.verifying.pem())
    (tmp_path / "keys.json").write_text(json.dumps(keys_document([other.verifying, key.verifying])))
    return tmp_path


def run(files: Path, *more: str, key: str = "key.pem", permit: str = "permit.dsse.json") -> int:
    arguments = [
        "verify",
        str(files / permit),
        "--public-key",
        str(files / key),
        "--environment",
        "production",
    ]
    return main([*arguments, "--at", AT, *more])


def test_it_lists_seven_steps_and_exits_0(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--digest", DIGEST) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines[:7]] == [f"{number}. ok" for number in range(1, 8)]
    assert lines[7].startswith("Permit holds: progression 7 may run in production until 2026-12-21T10:00:00Z")


def test_it_works_out_the_digest_of_a_file(
    files: Path, statement: Callable[..., dict[str, JSON]], key: SigningKey
) -> None:
    artifact = files / "model.skops"
    artifact.write_bytes(b"the bytes that are about to run")
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
    (files / "own.json").write_text(json.dumps(sign_envelope(statement(digest=digest), key)))
    assert run(files, "--artifact", str(artifact), permit="own.json") == 0
    artifact.write_bytes(b"other bytes")
    assert run(files, "--artifact", str(artifact), permit="own.json") == 1


def test_it_takes_a_published_document_of_keys(files: Path) -> None:
    assert run(files, "--digest", f"sha256:{DIGEST}", key="keys.json") == 0


def test_it_names_the_step_that_failed_and_exits_1(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--digest", "00" * 32) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines[:4]] == ["1. ok    ", "2. ok    ", "3. ok    ", "4. FAILED"]
    assert lines[-1] == "This is no permit for what was asked."
    assert run(files, "--digest", DIGEST, key="other.pem") == 1
    assert run(files, "--digest", DIGEST, "--at", "2027-11-22T00:00:00Z") == 1
    assert run(files, "--digest", DIGEST, "--environment", "staging") == 1
    assert run(files, "--digest", DIGEST, "--verifier-id", "https://elsewhere.example") == 1


def test_of_several_keys_it_tells_the_failure_that_came_furthest(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, "--digest", "00" * 32, key="keys.json") == 1
    assert "4. FAILED" in capsys.readouterr().out


def test_a_permit_that_cannot_be_read_is_no_permit(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "broken.json").write_bytes(b'{"payload": ')
    assert run(files, "--digest", DIGEST, permit="broken.json") == 1
    assert "1. FAILED" in capsys.readouterr().out


def test_files_and_arguments_that_cannot_be_used_exit_2(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--digest", DIGEST, key="missing.pem") == 2
    assert run(files, "--digest", DIGEST, key="permit.dsse.json") == 2
    assert run(files, "--artifact", str(files / "missing")) == 2
    assert "No such file" in capsys.readouterr().err
    for wrong in (["--digest", "short"], ["--digest", DIGEST, "--at", "today"], []):
        with pytest.raises(SystemExit) as stopped:
            run(files, *wrong)
        assert stopped.value.code == 2


def test_it_runs_in_a_process_without_django(files: Path) -> None:
    program = (
        "import runpy, sys\nsys.modules['django'] = None\nrunpy.run_module('governance.permits', run_name='__main__')\n"
    )
    arguments = ["verify", "permit.dsse.json", "--public-key", "key.pem", "--digest", DIGEST]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--environment", "production", "--at", AT],
        cwd=files,
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
