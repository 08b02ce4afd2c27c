"""The three verifiers, asked alike: each gives its answer, where it failed, and how every step stood."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from audits.merkle.bundles import verify_bundle
from audits.merkle.errors import Passed, VerificationError
from audits.merkle.notes import VerifyingKey
from audits.merkle.policy import Policy
from audits.standalone import archive_bytes, page_bytes
from tests.audits.conformance.world import FOLDER
from tests.audits.standalone.chromium import Page


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verifier said: the answer, the step and entry that failed, and "step=state" for every step reached."""

    answer: str
    step: str | None
    index: int | None
    states: tuple[str, ...]


def expected_of_cases() -> dict[str, dict[str, Any]]:
    """What must be answered, by the case's name."""
    return {path.parent.name: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*/expected.json"))}


def by_the_server(name: str, expected: Mapping[str, Any]) -> Verdict:
    """``verify_bundle``, as the service calls it."""

    def given(what: str) -> bytes | None:
        return (FOLDER / expected[what]).read_bytes() if what in expected else None

    key, policy, roots = given("key"), given("policy"), given("roots")
    try:
        report = verify_bundle(
            (FOLDER / name / "bundle.json").read_bytes(),
            trusted_key=None if key is None else VerifyingKey.parse(key.decode().strip()),
            policy=None if policy is None else Policy.parse(policy),
            outside_checkpoint=given("checkpoint"),
            tsa_roots=() if roots is None else x509.load_pem_x509_certificates(roots),
        )
    except VerificationError as error:
        states = (*_states(error.passed), f"{error.step}=failed")
        return Verdict(answer="not proved", step=error.step, index=error.index, states=states)
    answer = "proved" if report.identity_proved else "partly"
    return Verdict(answer=answer, step=None, index=None, states=_states(report.passed))


def _states(passed: tuple[Passed, ...]) -> tuple[str, ...]:
    return tuple(
        f"{step.step}={'not-asked' if not step.asked else 'ok' if step.proved else 'unproved'}" for step in passed
    )


# All cases in one process, since starting Python 200 times would take longer than all the rest. -I and the file alone
# on the path: nothing of this project can take part.
_DRIVER = """
import contextlib, io, json, sys
sys.path.insert(0, sys.argv[1])
from audits.merkle import __main__ as program
assert program.__file__.startswith(sys.argv[1]), program.__file__
answers = []
for words in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = program.main(words)
    answers.append([status, json.loads(said.getvalue())])
print(json.dumps(answers))
"""


def by_the_archive(cases: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, Verdict]:
    """verify.pyz in a process of its own, all cases in turn."""
    program = folder / "verify.pyz"
    program.write_bytes(archive_bytes())
    flags = {"key": "--key-file", "policy": "--policy", "checkpoint": "--checkpoint", "roots": "--tsa-roots"}
    calls = []
    for name, expected in cases.items():
        words = [str(FOLDER / name / "bundle.json"), "--json"]
        for what, flag in flags.items():
            words += [flag, str(FOLDER / expected[what])] if what in expected else []
        calls.append(words)
    done = subprocess.run(
        [sys.executable, "-I", "-c", _DRIVER, str(program)],
        cwd=folder,
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    answers = json.loads(done.stdout)
    return {name: _of_json(*answer) for name, answer in zip(cases, answers, strict=True)}


def _of_json(status: int, said: Mapping[str, Any]) -> Verdict:
    words = {True: "ok", False: "unproved", None: "not-asked"}
    states = tuple(f"{step['step']}={words[step['ok']]}" for step in said["steps"])
    if status != 0:
        assert not said["verified"]
        step = said["failed_step"]
        states = (*states[:-1], f"{step}=failed")
        return Verdict(answer="not proved", step=step, index=said["first_failed_index"], states=states)
    return Verdict(answer="proved" if said["identity_proved"] else "partly", step=None, index=None, states=states)


class InTheBrowser:
    """verify.html, opened from a file and given files as a person would."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.file = folder / "verify.html"
        self.file.write_bytes(page_bytes())
        page.open(self.file.as_uri())
        self._given: dict[str, Path | None] = {"key": None, "policy": None, "checkpoint": None}

    def judge(self, name: str, expected: Mapping[str, Any]) -> Verdict:
        self.page.choose("#bundle")
        self.give("key", expected)
        self.give("policy", expected)
        self.give("checkpoint", expected)
        self.page.evaluate("delete document.getElementById('result').dataset.verdict")
        self.page.choose("#bundle", FOLDER / name / "bundle.json")
        verdict = self.page.wait("document.getElementById('result').dataset.verdict")
        data = self.page.evaluate("({...document.getElementById('result').dataset})")
        return Verdict(
            answer=verdict.replace("-", " "),
            step=data["step"] or None,
            index=int(data["index"]) if data["index"] else None,
            states=tuple(data["states"].split()),
        )

    def give(self, what: str, expected: Mapping[str, Any]) -> None:
        path = FOLDER / expected[what] if what in expected else None
        if self._given[what] == path:
            return
        self._given[what] = path
        if what == "key":
            text = "" if path is None else path.read_text("utf-8").strip()
            self.page.evaluate(f"document.getElementById('key').value = {json.dumps(text)}")
            return
        files = () if path is None else (path,)
        self.page.choose("#policy" if what == "policy" else "#outside", *files)
