"""Keys are of one kind, keep their id through every form, and never show themselves."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from audits.merkle.canonical import canonical_bytes
from governance.permits.errors import PermitError
from governance.permits.keys import (
    SigningKey,
    generate_key,
    keys_document,
    load_signing_key,
    load_verifying_key,
    read_keys_document,
)

SSH_KEYGEN = shutil.which("ssh-keygen")


def private_pem(key: Any) -> bytes:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert isinstance(pem, bytes)
    return pem


def public_pem(key: Any) -> bytes:
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert isinstance(pem, bytes)
    return pem


def test_a_key_keeps_its_id_through_its_files(key: SigningKey) -> None:
    again = load_signing_key(key.pem())
    assert again.id == key.id == load_verifying_key(key.verifying.pem()).id
    assert key.verifying.verify(b"data", again.sign(b"data"))
    assert not key.verifying.verify(b"other", again.sign(b"data"))


@pytest.mark.skipif(SSH_KEYGEN is None, reason="OpenSSH's ssh-keygen is not installed")
def test_the_id_is_the_fingerprint_that_openssh_prints(key: SigningKey, tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    file.write_bytes(
        key.verifying.public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    )
    command = [str(SSH_KEYGEN), "-l", "-f", file]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split()[1] == key.id


def test_the_id_is_sha256_of_the_openssh_form_in_unpadded_base_64(key: SigningKey) -> None:
    wire = key.verifying.public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(wire.split()[1])).digest()
    assert key.id == "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def test_a_key_with_a_password_needs_it() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    assert load_signing_key(pem, b"secret").id
    for wrong in (None, b"other"):
        with pytest.raises(PermitError, match="cannot be read"):
            load_signing_key(pem, wrong)


@pytest.mark.parametrize(
    "other",
    [
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["ed25519", "rsa", "p384"],
)
def test_it_refuses_keys_of_another_kind(other: Any) -> None:
    with pytest.raises(PermitError, match="P-256"):
        load_signing_key(private_pem(other))
    with pytest.raises(PermitError, match="P-256"):
        load_verifying_key(public_pem(other))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_it_refuses_files_that_hold_no_key(data: bytes) -> None:
    with pytest.raises(PermitError, match="cannot be read"):
        load_signing_key(data)
    with pytest.raises(PermitError, match="cannot be read"):
        load_verifying_key(data)


def test_a_signature_is_taken_as_der_or_as_two_plain_numbers(key: SigningKey) -> None:
    der = key.sign(b"data")
    r, s = decode_dss_signature(der)
    plain = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert key.verifying.verify(b"data", der)
    assert key.verifying.verify(b"data", plain)
    assert not key.verifying.verify(b"other", plain)
    for wrong in (b"", bytes(64), b"\xff" * 64, plain[:-1], plain[::-1]):
        assert not key.verifying.verify(b"data", wrong)


def test_a_private_key_is_no_public_key(key: SigningKey) -> None:
    with pytest.raises(PermitError):
        load_verifying_key(key.pem())


def test_nothing_secret_shows_in_a_printed_key(key: SigningKey) -> None:
    assert "private" not in repr(key)
    assert str(key.private.private_numbers().private_value) not in repr(key)


def test_the_published_document_gives_the_keys_back(key: SigningKey) -> None:
    other = generate_key()
    document = keys_document([key.verifying, other.verifying])
    found = read_keys_document(canonical_bytes(document))
    assert set(found) == {key.id, other.id}
    assert found[key.id].verify(b"data", key.sign(b"data"))
    assert {entry["alg"] for entry in json.loads(json.dumps(document))["keys"]} == {"ES256"}


def test_keys_of_other_kinds_in_the_document_are_passed_over(key: SigningKey) -> None:
    document: Any = keys_document([key.verifying])
    document["keys"].append({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})
    assert set(read_keys_document(json.dumps(document).encode())) == {key.id}


@pytest.mark.parametrize(
    "change",
    [
        {"kid": "SHA256:of another key"},
        {"x": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")},
        {"x": "AAAA"},
        {"y": "!"},
        {"x": 5},
    ],
)
def test_it_refuses_a_document_with_a_key_that_is_not_what_it_says(change: dict[str, Any], key: SigningKey) -> None:
    document: Any = keys_document([key.verifying])
    document["keys"][0].update(change)
    with pytest.raises(PermitError):
        read_keys_document(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "EC", "crv": "P-256"}]}'])
def test_it_refuses_a_document_without_keys(data: bytes) -> None:
    with pytest.raises(PermitError):
        read_keys_document(data)
