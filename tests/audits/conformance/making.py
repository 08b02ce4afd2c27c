"""Makes fixtures/conformance: good and bad bundles, each with what a verifier must answer and why.

    python -m tests.audits.conformance.making

The same source gives the same bytes: keys are fixed, and Ed25519 draws nothing at random. Never edit
its output by hand.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.audits.conformance import cases_of_format, cases_of_keys
from tests.audits.conformance.case import Case
from tests.audits.conformance.world import FOLDER, World
from tests.audits.merkle.test_attacks import ATTACKS, edited

README = """# Conformance: what any verifier of a bundle must answer

One folder a case: `bundle.json`, and `expected.json` with

| field | is |
|---|---|
| `what` | why, in a sentence |
| `answer` | `proved`; `partly` (it holds, but no key was given, so not whose log it is); `not proved` |
| `step` | where it must fail: `shape key checkpoint witnesses entries inclusion content timestamps outside` |
| `index` | the lowest entry that fails, where entries do |
| `key`, `policy`, `checkpoint`, `roots` | what the verifier trusts: files beside this one |

A step is not reached where an earlier one fails. The format is in `docs/bundle.md`. `verify_bundle`, `verify.pyz` in a
process of its own and `verify.html` in Chromium answer all of them alike (`tests/audits/conformance`). The files are
made by `python -m tests.audits.conformance.making`; a test holds that they are what it makes.
"""


@dataclass(frozen=True, kw_only=True)
class _Made:
    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, case: Case) -> None:
        assert f"{case.name}/bundle.json" not in self.files, case.name
        self.files[f"{case.name}/bundle.json"] = case.data
        said = json.dumps(case.expected(), indent=1, ensure_ascii=False) + "\n"
        self.files[f"{case.name}/expected.json"] = said.encode()


def files() -> dict[str, bytes]:
    """Every file of the folder, by its path in it."""
    world = World()
    made = _Made(files={"README.md": README.encode(), **world.files()})
    for file in ATTACKS:
        made.add(_attack(json.loads(file.read_text("utf-8")), world))
    for case in (*cases_of_keys.cases(world), *cases_of_format.cases(world)):
        made.add(case)
    return made.files


def _attack(attack: dict[str, Any], world: World) -> Case:
    outside = attack.get("outside")
    return Case(
        name=f"bad-{attack['name']}",
        what=attack["what"],
        data=edited(attack, world.logs),
        step=attack["step"],
        key="log.vkey" if attack.get("trusted", True) else None,
        checkpoint=None if outside is None else f"{outside.replace(' ', '-')}.txt",
        index=attack.get("index"),
    )


def write(folder: Path) -> None:
    """Write the folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    write(FOLDER)
