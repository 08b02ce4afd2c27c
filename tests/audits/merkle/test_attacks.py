"""Every file in attacks/ is something an attacker may try; the listing of that directory is the threat list.

A file has ``name``, ``what`` (in a sentence), ``edits`` to an honest bundle, ``step`` where it must be found
out, and ``says``, a piece of the message, so that it fails for its own reason. Optional: ``outside``, a
checkpoint kept outside ("older", "same", "newer", or one of them after "forked " or "stranger "), and
``trusted``: false for a verifier who holds no key.

Edits: {"set": path, "to": value}, {"remove": path}, {"insert": path, "value": value},
{"swap": path, "with": path}, {"flip": path} (one bit of Base 64), {"text": path, "replace": old, "by": new},
{"file": old, "by": new} (in the bytes of the file), {"take": path, "from": "forked" or "stranger"},
{"sign": text, "by": "log" or "stranger"} (the text of a checkpoint where {root} stands for the honest one).
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from audits.merkle.bundles import STEPS, verify_bundle
from audits.merkle.checkpoints import open_checkpoint
from audits.merkle.errors import VerificationError

SIZES = {"older": 13, "same": 21, "newer": 25}
ATTACKS = sorted((Path(__file__).parent / "attacks").glob("*.json"))


def parent(bundle: Any, path: list[Any]) -> tuple[Any, Any]:
    for part in path[:-1]:
        bundle = bundle[part]
    return bundle, path[-1]


def value_at(bundle: Any, path: list[Any]) -> Any:
    place, last = parent(bundle, path)
    return place[last]


def put(bundle: Any, path: list[Any], value: Any) -> None:
    place, last = parent(bundle, path)
    place[last] = value


def apply(edit: dict[str, Any], bundle: dict[str, Any], logs: dict[str, Any]) -> None:
    match edit:
        case {"set": path, "to": value}:
            put(bundle, path, value)
        case {"remove": path}:
            place, last = parent(bundle, path)
            del place[last]
        case {"insert": path, "value": value}:
            place, last = parent(bundle, path)
            place.insert(last, value)
        case {"swap": one, "with": other}:
            first, second = value_at(bundle, one), value_at(bundle, other)
            put(bundle, one, second)
            put(bundle, other, first)
        case {"flip": path}:
            data = bytearray(base64.b64decode(value_at(bundle, path)))
            data[-1] ^= 1
            put(bundle, path, base64.b64encode(data).decode())
        case {"text": path, "replace": old, "by": new}:
            text = value_at(bundle, path)
            assert old in text, f"nothing to replace in {text!r}"
            put(bundle, path, text.replace(old, new, 1))
        case {"take": path, "from": name}:
            put(bundle, path, value_at(logs[name].fields(), path))
        case {"sign": text, "by": name}:
            root = open_checkpoint(logs["log"].checkpoint(21), logs["log"].key.verifying_key).text().split("\n")[2]
            bundle["checkpoint"] = logs[name].key.sign_note(text.replace("{root}", root))
        case _:
            pytest.fail(f"no such edit: {edit}")


@pytest.fixture
def logs(log: Any, forked: Any, stranger: Any) -> dict[str, Any]:
    return {"log": log, "forked": forked, "stranger": stranger}


def outside_checkpoint(name: str | None, logs: dict[str, Any]) -> str | None:
    if name is None:
        return None
    whose, _, which = name.rpartition(" ")
    return str(logs[whose or "log"].checkpoint(SIZES[which]))


def edited(attack: dict[str, Any], logs: dict[str, Any]) -> bytes:
    """The honest bundle of ``logs["log"]`` as the attacker leaves it."""
    bundle = json.loads(logs["log"].bundle())
    for edit in attack["edits"]:
        if "file" not in edit:
            apply(edit, bundle, logs)
    data = json.dumps(bundle, ensure_ascii=True).encode()
    for edit in attack["edits"]:
        if "file" in edit:
            old, new = edit["file"].encode(), edit["by"].encode("utf-8", "surrogateescape")
            assert old in data, f"nothing to replace in {data!r}"
            data = data.replace(old, new, 1)
    return data


@pytest.mark.parametrize("file", ATTACKS, ids=lambda file: file.stem)
def test_the_attack_is_found_out_at_its_step(file: Path, logs: dict[str, Any]) -> None:
    attack = json.loads(file.read_text("utf-8"))
    assert attack["name"] == file.stem
    assert attack["what"].endswith(".")
    assert attack["step"] in STEPS
    data = edited(attack, logs)
    with pytest.raises(VerificationError) as caught:
        verify_bundle(
            data,
            trusted_key=logs["log"].key.verifying_key if attack.get("trusted", True) else None,
            outside_checkpoint=outside_checkpoint(attack.get("outside"), logs),
        )
    assert caught.value.step == attack["step"], caught.value.message
    assert attack["says"] in caught.value.message
    assert len(caught.value.message) < 600
    assert [passed.step for passed in caught.value.passed] == list(STEPS)[: list(STEPS).index(attack["step"])]


@pytest.mark.parametrize("name", [None, *SIZES])
def test_without_an_edit_the_bundle_verifies(name: str | None, logs: dict[str, Any]) -> None:
    key = logs["log"].key.verifying_key
    outside = outside_checkpoint(name, logs)
    assert verify_bundle(logs["log"].bundle(), trusted_key=key, outside_checkpoint=outside).entries == 3


def test_there_are_attacks_on_every_step() -> None:
    steps = {json.loads(file.read_text("utf-8"))["step"] for file in ATTACKS}
    # What witnesses and authorities said is attacked in fixtures/conformance, which holds their keys.
    assert steps == set(STEPS) - {"witnesses", "content", "timestamps"}
