"""Cosignatures: the specification's messages, another implementation's signature, and every way to bend one."""

import base64
import contextlib
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.cosignatures import Algorithm, Cosigner, WitnessKey, cosign, cosigned_at, verify_cosignature
from audits.merkle.errors import VerificationError
from audits.merkle.notes import SigningKey, open_note, parse_signature

# The example of the specification; it publishes no keys for it.
SOFA = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
W1 = (
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5"
    "nNo0xUe+mbIUBkBIfZ+qnA=="
)
TIME = 1_679_315_147
OTHERS = json.loads(Path(__file__).with_name("ml-dsa-44.json").read_text("utf-8"))
ALGORITHMS: tuple[Algorithm, ...] = ("ed25519", "ml-dsa-44")

LOG = SigningKey.from_raw("log.example/trail", bytes(range(32)))
NOTE = sign_checkpoint(Checkpoint(origin=LOG.name, size=21, root=hashlib.sha256(b"root").digest()), LOG)
TEXT = NOTE.partition("\n\n")[0] + "\n"


def witness(algorithm: Algorithm, name: str = "witness.example/w1", seed: int = 1) -> Cosigner:
    return Cosigner.from_seed(name, bytes(range(seed, seed + 32)), algorithm)


def test_the_line_is_key_id_time_and_signature_as_in_the_specification() -> None:
    signature = parse_signature(W1)
    assert signature.name == "witness.example.com/w1"
    assert signature.key_id.hex() == "8d66cf3f"
    assert len(signature.value) == 8 + 64
    assert int.from_bytes(signature.value[:8], "big") == TIME


def test_ed25519_signs_the_message_that_the_specification_shows() -> None:
    key = witness("ed25519")
    value = parse_signature(cosign(SOFA + "\n" + W1 + "\n", key, at=TIME)[:-1]).value
    shown = f"cosignature/v1\ntime {TIME}\n{SOFA}"
    Ed25519PublicKey.from_public_bytes(key.witness_key.public).verify(value[8:], shown.encode())


def test_ml_dsa_44_signs_the_structure_of_the_specification() -> None:
    key = witness("ml-dsa-44")
    value = parse_signature(cosign(NOTE, key, at=TIME)[:-1]).value
    structure = bytes.fromhex(
        "737562747265652f76310a00"  # label
        + "12" + b"witness.example/w1".hex()
        + "0000000064" "1850cb"
        + "11" + b"log.example/trail".hex()
        + "0000000000000000" "0000000000000015"
    ) + hashlib.sha256(b"root").digest()  # fmt: skip
    MLDSA44PublicKey.from_public_bytes(key.witness_key.public).verify(value[8:], structure)
    assert len(value) == 8 + 2420


def test_it_verifies_what_another_implementation_signed_with_ml_dsa_44() -> None:
    key = WitnessKey.parse(OTHERS["key"])
    assert key.algorithm == "ml-dsa-44"
    assert key.vkey == OTHERS["key"]
    note = OTHERS["text"] + "\n" + OTHERS["line"]
    assert verify_cosignature(note, key) == 0
    with pytest.raises(VerificationError, match="does not hold"):
        verify_cosignature(note.replace("\n1\n", "\n2\n"), key)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_cosigned_note_verifies_and_keeps_the_logs_signature(algorithm: Algorithm) -> None:
    key = witness(algorithm)
    cosigned = NOTE + cosign(NOTE, key, at=TIME)
    assert verify_cosignature(cosigned, key.witness_key) == TIME
    assert open_note(cosigned, [LOG.verifying_key]).text == TEXT
    assert open_note(cosigned, [LOG.verifying_key, key.witness_key]).unknown == ()
    # Where it cosigned often, the first time is what counts.
    again = cosigned + cosign(cosigned, key, at=TIME + 9) + cosign(cosigned, key, at=TIME - 9)
    assert verify_cosignature(again, key.witness_key) == TIME - 9
    assert cosigned_at(again, key.witness_key) == [TIME, TIME + 9, TIME - 9]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_cosignature_says_nothing_of_another_checkpoint_witness_or_time(algorithm: Algorithm) -> None:
    key = witness(algorithm)
    line = cosign(NOTE, key, at=TIME)
    with pytest.raises(VerificationError, match="has not cosigned"):
        verify_cosignature(NOTE, key.witness_key)
    with pytest.raises(VerificationError, match="has not cosigned"):
        verify_cosignature(NOTE + line, witness(algorithm, seed=2).witness_key)
    with pytest.raises(VerificationError, match="has not cosigned"):
        verify_cosignature(NOTE + line, witness(algorithm, name="witness.example/w2").witness_key)
    with pytest.raises(VerificationError, match="does not hold"):
        verify_cosignature(NOTE.replace("\n21\n", "\n22\n") + line, key.witness_key)
    name, value = key.witness_key.name, base64.b64decode(line.split(" ")[2])
    for bent in (
        value[:11] + bytes([value[11] ^ 1]) + value[12:],  # time
        value[:-1] + bytes([value[-1] ^ 1]),
        value[:-1],
        value + b"\0",
        value[:4] + b"\xff" * 8 + value[12:],
    ):
        forged = f"{NOTE}\u2014 {name} {base64.b64encode(bent).decode()}\n"
        with pytest.raises(VerificationError, match="does not hold"):
            verify_cosignature(forged, key.witness_key)
    # One good line does not save a bad one of the same key.
    with pytest.raises(VerificationError, match="does not hold"):
        verify_cosignature(forged + line, key.witness_key)


def test_a_witness_may_use_one_seed_and_name_for_both_types() -> None:
    both = [witness(algorithm) for algorithm in ALGORITHMS]
    cosigned = NOTE + "".join(cosign(NOTE, key, at=TIME) for key in both)
    assert [verify_cosignature(cosigned, key.witness_key) for key in both] == [TIME, TIME]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_read_back_from_their_lines(algorithm: Algorithm) -> None:
    key = witness(algorithm)
    assert WitnessKey.parse(key.witness_key.vkey) == key.witness_key
    again = Cosigner.parse(key.to_line())
    assert again.witness_key == key.witness_key
    assert again.to_line() == key.to_line()
    secret = key.to_line().rpartition("+")[2]
    assert secret not in repr(key)
    assert secret not in str(key)


@pytest.mark.parametrize(
    "change",
    [
        lambda vkey: vkey.replace("w1", "w2"),
        lambda vkey: vkey[:-2] + "A=" if vkey[-2:] != "A=" else vkey[:-2] + "B=",
        lambda vkey: vkey + "\n",
        lambda vkey: " " + vkey,
        lambda vkey: vkey.partition("+")[0],
        lambda vkey: LOG.verifying_key.vkey,
        lambda vkey: "w+00000000+BA==",
        lambda vkey: "w+00000000+",
        lambda vkey: vkey + "A" * 4096,
    ],
)
def test_a_key_that_contradicts_itself_is_refused(change: object) -> None:
    assert callable(change)
    key = witness("ed25519")
    with pytest.raises(VerificationError):
        WitnessKey.parse(change(key.witness_key.vkey))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message must not hold the secret, whatever it says
        Cosigner.parse(change(key.to_line()))
    assert key.to_line()[-30:] not in str(caught.value)


def test_nothing_but_a_checkpoint_is_cosigned() -> None:
    key = witness("ed25519")
    with pytest.raises(VerificationError):
        cosign(LOG.sign_note("good morning\n"), key, at=TIME)
    with pytest.raises(VerificationError):
        cosigned_at(LOG.sign_note(TEXT + "an extension line\n"), key.witness_key)
    for never in (0, -1, 2**63):
        with pytest.raises(ValueError):  # noqa: PT011 - the caller's own
            cosign(NOTE, key, at=never)


def test_an_origin_of_300_bytes_has_no_ml_dsa_44_message() -> None:
    long = SigningKey.from_raw("x" * 300, bytes(32))
    note = sign_checkpoint(Checkpoint(origin=long.name, size=1, root=bytes(32)), long)
    with pytest.raises(VerificationError, match="255"):
        cosign(note, witness("ml-dsa-44"), at=TIME)
    cosign(note, witness("ed25519"), at=TIME)


@given(st.text(max_size=200))
def test_any_text_is_a_witness_key_or_refused(text: str) -> None:
    with contextlib.suppress(VerificationError):
        WitnessKey.parse(text)


@given(st.sampled_from(ALGORITHMS), st.binary(max_size=90))
def test_any_bytes_behind_a_key_id_are_refused(algorithm: Algorithm, value: bytes) -> None:
    key = witness(algorithm).witness_key
    line = f"\u2014 {key.name} {base64.b64encode(key.key_id + b'.' + value).decode()}\n"
    with pytest.raises(VerificationError):
        verify_cosignature(NOTE + line, key)
