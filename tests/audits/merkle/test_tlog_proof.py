"""Receipts: the specification's shape, round trips at every size, and nothing else taken for one."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.cosignatures import Cosigner, cosign
from audits.merkle.encoding import to_base64
from audits.merkle.errors import VerificationError
from audits.merkle.notes import SigningKey
from audits.merkle.policy import Policy
from audits.merkle.tlog_proof import MAX_EXTRA_BYTES, read_tlog_proof, verify_tlog_proof, write_tlog_proof
from audits.merkle.tree import Tree, leaf_hash

LOG = SigningKey.from_raw("log.example/trail", bytes(range(32)))
WITNESS = Cosigner.from_seed("witness.example/w1", bytes(range(5, 37)))
BODIES = [f"entry {number}".encode() for number in range(70)]
TREE = Tree(map(leaf_hash, BODIES))
POLICY = Policy.parse(f"log {LOG.verifying_key.vkey}\nwitness w {WITNESS.witness_key.vkey}\nquorum w\n")


def note(size: int, *, cosigned: bool = True) -> str:
    signed = sign_checkpoint(Checkpoint(origin=LOG.name, size=size, root=TREE.root(size)), LOG)
    return signed + cosign(signed, WITNESS, at=1_679_315_147) if cosigned else signed


def receipt(index: int = 33, size: int = 70, extra: bytes | None = None) -> str:
    return write_tlog_proof(index, TREE.inclusion_proof(index, size), note(size), extra)


def test_a_receipt_is_spelled_as_the_specification_says() -> None:
    proof = TREE.inclusion_proof(2, 3)
    assert write_tlog_proof(2, proof, note(3), b"context") == (
        "c2sp.org/tlog-proof@v1\nextra Y29udGV4dA==\nindex 2\n" + to_base64(proof[0]) + "\n\n" + note(3)
    )
    assert write_tlog_proof(0, (), note(1)) == "c2sp.org/tlog-proof@v1\nindex 0\n\n" + note(1)


def test_receipts_of_every_entry_at_every_size_verify() -> None:
    signed = {size: note(size) for size in range(1, 71)}
    for size in range(1, 71):
        for index in {0, 1, size // 2, size - 1} & set(range(size)):
            proof = TREE.inclusion_proof(index, size)
            text = write_tlog_proof(index, proof, signed[size])
            read = read_tlog_proof(text)
            assert (read.index, read.proof, read.note, read.extra) == (index, proof, signed[size], None)
            proved = verify_tlog_proof(text.encode(), BODIES[index], POLICY)
            assert proved.index == index
            assert proved.judgement.checkpoint.size == size
            assert proved.judgement.witnesses == {"w": 1_679_315_147}


def test_extra_data_comes_back_and_proves_nothing() -> None:
    proved = verify_tlog_proof(receipt(extra=b"\0any\n\n"), BODIES[33], POLICY)
    assert proved.extra == b"\0any\n\n"
    assert verify_tlog_proof(receipt(extra=b"other"), BODIES[33], POLICY).judgement == proved.judgement


def test_a_receipt_proves_neither_another_entry_nor_another_place() -> None:
    with pytest.raises(VerificationError) as caught:
        verify_tlog_proof(receipt(), BODIES[34], POLICY)
    assert caught.value.step == "inclusion"
    for change in (("index 33", "index 32"), ("index 33", "index 70"), ("\n70\n", "\n69\n")):
        with pytest.raises(VerificationError):
            verify_tlog_proof(receipt().replace(*change), BODIES[33], POLICY)


def test_a_receipt_without_the_witness_does_not_meet_the_policy() -> None:
    text = write_tlog_proof(33, TREE.inclusion_proof(33, 70), note(70, cosigned=False))
    with pytest.raises(VerificationError) as caught:
        verify_tlog_proof(text, BODIES[33], POLICY)
    assert caught.value.step == "policy"
    bare = Policy.parse("quorum none\n")
    assert verify_tlog_proof(text, BODIES[33], bare, logs=[LOG.verifying_key]).index == 33


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("@v1", "@v2"),
        lambda text: "\n" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("index 33\n", ""),
        lambda text: text.replace("index 33", "index 033"),
        lambda text: text.replace("index 33", "index -33"),
        lambda text: text.replace("index 33", "index  33"),
        lambda text: text.replace("index 33", "index 33 "),
        lambda text: text.replace("index 33", "index \u0663\u0663"),
        lambda text: text.replace("index 33", "index 9223372036854775808"),
        lambda text: text.replace("index 33", "index 33\nindex 33"),
        lambda text: text.replace("index 33", "extra \nindex 33"),
        lambda text: text.replace("index 33", "extra AA=\nindex 33"),
        lambda text: text.replace("index 33", "extra AA==\nextra AA==\nindex 33"),
        lambda text: text.replace("index 33\n", "index 33\n" + to_base64(bytes(31)) + "\n"),
        lambda text: text.replace("index 33\n", "index 33\n" + (to_base64(bytes(32)) + "\n") * 57),
        lambda text: text.replace("index 33\n", "index 33\n\n"),
        lambda text: text.replace("\n\n", "\n", 1),
        lambda text: text.partition("\n\n")[0] + "\n",
        lambda text: text.partition("\n\n")[0] + "\n\n" + LOG.sign_note("no checkpoint\n"),
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text + "x" * 2_000_000,
    ],
)  # fmt: skip
def test_any_other_spelling_is_refused(change: object) -> None:
    assert callable(change)
    bent = change(receipt())
    assert bent != receipt()
    with pytest.raises(VerificationError):
        read_tlog_proof(bent)
    with pytest.raises(VerificationError):
        verify_tlog_proof(bent.encode(), BODIES[33], POLICY)


def test_every_single_byte_changed_is_found() -> None:
    text = receipt().encode()
    for place in range(0, len(text), 3):
        bent = text[:place] + bytes([text[place] ^ 4]) + text[place + 1 :]
        with pytest.raises(VerificationError):
            verify_tlog_proof(bent, BODIES[33], POLICY)


def test_a_receipt_that_no_reader_would_take_is_not_written() -> None:
    for index, proof, extra in ((-1, (), None), (0, (b"short",), None), (0, (bytes(32),) * 64, None)):
        with pytest.raises(VerificationError):
            write_tlog_proof(index, proof, note(1), extra)
    with pytest.raises(VerificationError):
        write_tlog_proof(0, (), note(1), bytes(MAX_EXTRA_BYTES + 1))
    with pytest.raises(VerificationError):
        write_tlog_proof(0, (), "no note")


def test_empty_extra_data_leaves_no_line() -> None:
    assert write_tlog_proof(0, (), note(1), b"") == write_tlog_proof(0, (), note(1))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    for given_bytes in (data, b"c2sp.org/tlog-proof@v1\n" + data, b"c2sp.org/tlog-proof@v1\nindex 1\n" + data):
        with pytest.raises(VerificationError):
            read_tlog_proof(given_bytes)


@given(st.text(max_size=50), st.integers(0, 600))
def test_any_text_within_a_receipt_is_read_or_refused(text: str, place: int) -> None:
    whole = receipt()
    with contextlib.suppress(VerificationError):
        verify_tlog_proof(whole[:place] + text + whole[place:], hashlib.sha256(b"no entry").digest(), POLICY)
        raise AssertionError("an entry that is not there was proved")
