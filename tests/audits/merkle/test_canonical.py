"""Canonical JSON: the RFC's own examples, what is refused, and that there is one spelling only."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.canonical import (
    MAX_DEPTH,
    CanonicalError,
    Json,
    canonical_bytes,
    is_canonical,
    read_canonical,
    sha256_hex,
)
from audits.merkle.errors import VerificationError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


def test_it_writes_the_example_of_the_rfc() -> None:
    # RFC 8785 section 3.2.2, its output in section 3.2.4.
    value: Json = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_bytes(value) == expected.encode()


def test_it_sorts_keys_by_utf_16_code_units() -> None:
    # RFC 8785 section 3.2.3.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = json.loads(canonical_bytes(dict.fromkeys(keys, 0)))
    assert list(written) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@given(VALUES)
def test_what_it_writes_is_canonical_and_reads_back_the_same(value: Json) -> None:
    data = canonical_bytes(value)
    assert is_canonical(data)
    assert canonical_bytes(read_canonical(data)) == data


@given(VALUES, st.integers(0), st.sampled_from([b" ", b"\n", b"0", b"\xef\xbb\xbf", b"\x00"]))
def test_one_byte_more_is_never_the_same_value(value: Json, position: int, extra: bytes) -> None:
    data = canonical_bytes(value)
    position %= len(data) + 1
    longer = data[:position] + extra + data[position:]
    assert not is_canonical(longer) or read_canonical(longer) != value


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (math.nan, "use null"),
        (math.inf, "use null"),
        ({"n": [-math.inf]}, "use null"),
        (2**53, "as text"),
        (-(2**53), "as text"),
        ("\ud800", "UTF-8|codepoints"),
        ({"\ud800": 1}, "surrogate"),
        ({1: "one"}, "keys must be strings"),
        (b"bytes", "unsupported type"),
        (1j, "unsupported type"),
    ],
    ids=repr,
)
def test_it_refuses_what_has_no_exact_form_and_says_what_to_do(value: Json, advice: str) -> None:
    with pytest.raises(CanonicalError, match=advice):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b' {"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":0.10}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":9007199254740993}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\u0041"}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u000A"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\x01"}',
        '{"a":1}'.encode("utf-16"),
        b"[" * 100_000,
        b"[" * 70 + b"]" * 70,
    ],
    ids=lambda data: ascii(data[:30]),
)
def test_it_knows_bytes_that_are_not_canonical(data: bytes) -> None:
    assert not is_canonical(data)
    with pytest.raises(VerificationError) as caught:
        read_canonical(data)
    assert caught.value.step == "canonical"
    assert len(str(caught.value)) < 250


def test_large_whole_floats_have_a_canonical_spelling() -> None:
    for number in (9007199254740994.0, 1e20, 1e21, -1e16):
        assert is_canonical(canonical_bytes(number))


def test_the_depth_limit_is_the_same_for_writing_and_reading() -> None:
    value: Json = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert is_canonical(canonical_bytes(value))
    with pytest.raises(CanonicalError, match="deeper"):
        canonical_bytes([value])
    endless: list[Json] = []
    endless.append(endless)
    with pytest.raises(CanonicalError, match="deeper"):
        canonical_bytes(endless)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(min_value=1e-8, max_value=1e25))
def test_doubles_are_read_in_the_spelling_that_is_written_and_in_no_other(number: float) -> None:
    data = canonical_bytes(number)
    assert data == rfc8785.dumps(number)
    assert read_canonical(data) == number
    for other in {repr(number), f"{number:.17g}", f"{number:e}", f"{number:.1f}"} - {data.decode()}:
        assert not is_canonical(other.encode()) or float(other) != number


@given(VALUES)
def test_the_readers_own_spelling_is_the_librarys(value: Json) -> None:
    loose = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert is_canonical(loose) == (loose == rfc8785.dumps(value))


def test_reading_verifying_and_opening_need_no_package_but_cryptography(log: Any, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_bytes(log.bundle())
    allowed = sorted({*sys.stdlib_module_names, "audits", "cryptography", "_cffi_backend"})
    program = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {allowed}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
import audits.merkle.tlog_proof, audits.merkle.tiles, audits.merkle.timestamps, audits.merkle.witnessing
from audits.merkle.__main__ import main
sys.exit(main(["verify", sys.argv[1], "--key", sys.argv[2]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "bundle.json"), log.key.verifying_key.vkey],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PROVED" in done.stdout


def test_the_digest_is_lower_case_hexadecimal() -> None:
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
