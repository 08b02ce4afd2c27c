"""Envelopes, compared with an independent library and with plain OpenSSL."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from governance.json_documents import JSON
from governance.permits.envelopes import pae, read_envelope, sign_envelope, verify_envelope
from governance.permits.errors import PermitError
from governance.permits.keys import SigningKey, generate_key
from governance.permits.statements import statement_bytes

Statement = Callable[..., dict[str, JSON]]


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of DSSE's protocol document."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_are_counted_in_bytes() -> None:
    assert pae("ü", "ä".encode()) == b"DSSEv1 2 \xc3\xbc 2 \xc3\xa4"


def test_a_signed_envelope_gives_the_statement_back(statement: Statement, key: SigningKey) -> None:
    envelope = sign_envelope(statement(), key)
    assert verify_envelope(json.loads(json.dumps(envelope)), key.verifying) == statement()


def test_securesystemslib_verifies_what_was_signed(permit: dict[str, Any], key: SigningKey) -> None:
    scheme = "ecdsa-sha2-nistp256"
    theirs = SSlibKey(key.id, "ecdsa", scheme, {"public": key.verifying.pem().decode()})
    envelope = Envelope.from_dict({**permit, "signatures": [dict(signature) for signature in permit["signatures"]]})
    accepted = envelope.verify([theirs], threshold=1)
    assert set(accepted) == {key.id}
    assert envelope.pae() == pae(permit["payloadType"], base64.b64decode(permit["payload"]))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL's command is not installed")
def test_openssl_verifies_the_signature_over_the_encoding(
    permit: dict[str, Any], key: SigningKey, tmp_path: Path
) -> None:
    signed = pae(permit["payloadType"], base64.b64decode(permit["payload"]))
    (tmp_path / "signed").write_bytes(signed)
    (tmp_path / "sig").write_bytes(base64.b64decode(permit["signatures"][0]["sig"]))
    (tmp_path / "key.pem").write_bytes(key.verifying.pem())
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "signed"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).stdout == b"Verified OK\n"
    (tmp_path / "signed").write_bytes(signed + b" ")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("model", ["plain", "größe “x”", 'a\tb\\"\u2028\u007f', "模型🙂"])
def test_the_fast_writer_gives_the_canonical_bytes(model: str, statement: Statement) -> None:
    document = statement(model=model)
    assert statement_bytes(document) == rfc8785.dumps(document)


plain = st.recursive(
    st.text() | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=126), max_size=5), children, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(max_codepoint=126), max_size=5), plain, max_size=5))
def test_whatever_the_fast_writer_takes_it_writes_canonically(document: dict[str, Any]) -> None:
    assert statement_bytes(document) == rfc8785.dumps(document)


@pytest.mark.parametrize("value", [1.0, 0.5, True, None, 2**53, {"ü": 1}, ("a",), "\ud800", b"x"], ids=repr)
def test_the_fast_writer_refuses_what_it_would_write_otherwise(value: Any) -> None:
    with pytest.raises(PermitError):
        statement_bytes({"value": value})


def test_the_alphabet_for_urls_is_taken_too(statement: Statement, key: SigningKey) -> None:
    envelope: Any = sign_envelope(statement(model="???>>>~~~"), key)
    turned = str.maketrans("+/", "-_")
    envelope["payload"] = envelope["payload"].translate(turned).rstrip("=")
    envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"].translate(turned)
    assert verify_envelope(envelope, key.verifying) == statement(model="???>>>~~~")


def test_one_good_signature_among_others_is_enough(permit: dict[str, Any], key: SigningKey) -> None:
    other = {"keyid": "x", "sig": base64.b64encode(b"nonsense").decode()}
    assert verify_envelope({**permit, "signatures": [other, *permit["signatures"]]}, key.verifying)


def test_the_key_id_is_a_hint_and_decides_nothing(permit: dict[str, Any], key: SigningKey) -> None:
    renamed = {**permit["signatures"][0], "keyid": "somebody else"}
    assert verify_envelope({**permit, "signatures": [renamed]}, key.verifying)
    stranger = generate_key()
    forged = sign_envelope({"a": "b"}, stranger)
    forged["signatures"][0]["keyid"] = key.id  # type: ignore[index, call-overload]
    with pytest.raises(PermitError) as refused:
        verify_envelope(forged, key.verifying)
    assert refused.value.step == 2


ATTACKS: list[tuple[str, Callable[[dict[str, Any]], object], int]] = [
    ("payload replaced", lambda e: {**e, "payload": base64.b64encode(b'{"a": 1}').decode()}, 2),
    (
        "payload extended",
        lambda e: {**e, "payload": base64.b64encode(base64.b64decode(e["payload"]) + b" ").decode()},
        2,
    ),
    ("type changed", lambda e: {**e, "payloadType": "application/json"}, 1),
    ("no signature", lambda e: {**e, "signatures": []}, 1),
    ("signature missing", lambda e: {k: v for k, v in e.items() if k != "signatures"}, 1),
    ("signature not base 64", lambda e: {**e, "signatures": [{"sig": "!"}]}, 1),
    ("signature empty", lambda e: {**e, "signatures": [{"sig": ""}]}, 1),
    ("signature of zeros", lambda e: {**e, "signatures": [{"sig": base64.b64encode(bytes(70)).decode()}]}, 2),
    ("signature not DER", lambda e: {**e, "signatures": [{"sig": "AAAA"}]}, 2),
    ("signatures no list", lambda e: {**e, "signatures": e["signatures"][0]}, 1),
    ("payload not base 64", lambda e: {**e, "payload": "a"}, 1),
    ("payload a number", lambda e: {**e, "payload": 5}, 1),
    ("a list", lambda e: [e], 1),
    ("nothing", lambda e: None, 1),
    ("a float inside", lambda e: {**e, "x": 1.5}, 1),
]


@pytest.mark.parametrize(("change", "step"), [a[1:] for a in ATTACKS], ids=[a[0] for a in ATTACKS])
def test_it_refuses_a_changed_envelope(
    change: Callable[[dict[str, Any]], object], step: int, permit: dict[str, Any], key: SigningKey
) -> None:
    with pytest.raises(PermitError) as refused:
        verify_envelope(change(permit), key.verifying)
    assert refused.value.step == step


@pytest.mark.parametrize("payload", [b"[]", b"not json", b'{"a":1,"a":2}', b'{"a":1.5}', b"\xff"])
def test_it_refuses_a_signed_payload_that_is_no_sound_object(payload: bytes, key: SigningKey) -> None:
    kind = "application/vnd.in-toto+json"
    signature = base64.b64encode(key.sign(pae(kind, payload))).decode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"sig": signature}],
    }
    with pytest.raises(PermitError) as refused:
        verify_envelope(envelope, key.verifying)
    assert refused.value.step == 3


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"payload": 1, "payload": 2}', b"x" * 2_000_000])
def test_a_file_that_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(PermitError) as refused:
        read_envelope(data)
    assert refused.value.step == 1
