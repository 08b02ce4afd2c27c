"""What a witness answers: every status of the specification, in its order, and the log's reading of the answers."""

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
from audits.merkle.tree import Tree, leaf_hash
from audits.merkle.witnessing import (
    MAX_REQUEST_BYTES,
    AddCheckpoint,
    Answer,
    Asked,
    Known,
    decide,
    examine,
    is_fork,
    read_cosignatures,
    read_size,
)

LOG = SigningKey.from_raw("log.example/trail", bytes(range(32)))
KEYS = [LOG.verifying_key]
TREE = Tree(leaf_hash(str(number).encode()) for number in range(70))
FORKED = Tree(leaf_hash(str(number if number != 7 else 8).encode()) for number in range(70))
WITNESS = Cosigner.from_seed("witness.example/w1", bytes(range(5, 37)))

# The request of the specification's own example.
EXAMPLE = (
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyW"
    "E+xeMcTOAYQ8=\n"
)


def note(size: int, tree: Tree = TREE, key: SigningKey = LOG) -> str:
    return sign_checkpoint(Checkpoint(origin=key.name, size=size, root=tree.root(size)), key)


def request(old: int, size: int, tree: Tree = TREE) -> AddCheckpoint:
    return AddCheckpoint(old=old, proof=tree.consistency_proof(old, size), note=note(size, tree))


def known(size: int) -> Known:
    return Known(size=size, root=TREE.root(size))


def answer(asked: AddCheckpoint, remembered: Known) -> Answer:
    examined = examine(asked.format(), KEYS)
    return examined if isinstance(examined, Answer) else decide(examined, remembered)


def test_the_specifications_request_reads_and_prints_as_it_stands() -> None:
    asked = AddCheckpoint.parse(EXAMPLE.encode())
    assert (asked.old, len(asked.proof)) == (20852014, 4)
    assert asked.note.startswith("example.com/behind-the-sofa\n20852163\n")
    assert asked.format() == EXAMPLE.encode()
    assert examine(EXAMPLE.encode(), KEYS) == Answer(
        status=404, body=b"this witness does not know the log 'example.com/behind-the-sofa'\n"
    )


def test_every_growth_of_a_log_is_cosigned() -> None:
    for old in range(0, 70, 3):
        for size in range(old, 71, 5):
            given_answer = answer(request(old, size), known(old))
            assert given_answer.status == 200, (old, size)
            assert given_answer.checkpoint == Checkpoint(origin=LOG.name, size=size, root=TREE.root(size))


def test_a_first_request_is_of_size_zero_and_the_same_checkpoint_may_come_again() -> None:
    assert answer(request(0, 0), Known()).status == 200
    assert answer(request(0, 21), Known()).status == 200
    assert answer(request(21, 21), known(21)).status == 200


def test_an_unknown_origin_is_404_and_a_signature_that_does_not_hold_403() -> None:
    stranger = SigningKey.from_raw("stranger.example", bytes(32))
    asked = AddCheckpoint(old=0, proof=(), note=note(3, key=stranger))
    assert answer(asked, Known()).status == 404
    impostor = SigningKey.from_raw(LOG.name, bytes(32))
    assert answer(AddCheckpoint(old=0, proof=(), note=note(3, key=impostor)), Known()).status == 403
    assert answer(AddCheckpoint(old=0, proof=(), note=note(3).replace("\n3\n", "\n4\n")), Known()).status == 403
    # The name of a log that is known does not make another key's signature known.
    both = AddCheckpoint(old=0, proof=(), note=note(3) + note(3, key=impostor).rpartition("\n\n")[2])
    assert answer(both, Known()).status == 200


def test_a_stale_size_is_409_with_the_size_that_is_known() -> None:
    for old in (0, 5, 20, 22):
        stale = answer(request(old, 30), known(21))
        assert (stale.status, stale.body, stale.content_type) == (409, b"21\n", "text/x.tlog.size")
        assert read_size(stale.body) == 21
    # A size that was passed long ago is stale too, whatever its proof.
    assert answer(request(10, 15), known(21)).status == 409
    assert answer(request(3, 3), Known()).body == b"0\n"


def test_a_proof_that_does_not_hold_is_422() -> None:
    good = request(21, 30)
    for proof in (good.proof[:-1], (*good.proof, bytes(32)), tuple(reversed(good.proof)), ()):
        assert answer(AddCheckpoint(old=21, proof=proof, note=good.note), known(21)).status == 422
    assert answer(request(21, 30, FORKED), known(21)).status == 422
    assert answer(AddCheckpoint(old=0, proof=(bytes(32),), note=note(5)), Known()).status == 422
    assert answer(AddCheckpoint(old=21, proof=(bytes(32),), note=note(21)), known(21)).status == 422


def test_a_second_root_for_the_size_that_is_known_is_409_and_a_fork() -> None:
    asked = request(21, 21, FORKED)
    assert answer(asked, known(21)).status == 409
    examined = examine(asked.format(), KEYS)
    assert isinstance(examined, Asked)
    assert is_fork(examined, known(21))
    assert not is_fork(examined, known(20))


def test_an_old_size_above_the_checkpoints_is_400() -> None:
    asked = AddCheckpoint(old=22, proof=(), note=note(21))
    assert answer(asked, known(22)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        b"old 00\n\n" + note(3).encode(),
        b"old -1\n\n" + note(3).encode(),
        b"old  0\n\n" + note(3).encode(),
        b"Old 0\n\n" + note(3).encode(),
        b"old 9223372036854775808\n\n" + note(3).encode(),
        b"old 0\r\n\r\n" + note(3).encode(),
        b"old 0\nAAAA\n\n" + note(3).encode(),
        b"old 0\n" + to_base64(bytes(32)).encode() + b" \n\n" + note(3).encode(),
        b"old 1\n" + (to_base64(bytes(32)) + "\n").encode() * 64 + b"\n" + note(3).encode(),
        b"old 0\n\n" + note(3).encode()[:-1],
        b"old 0\n\n" + LOG.sign_note("no checkpoint\n").encode(),
        b"old 0\n\n" + LOG.sign_note(f"{LOG.name}\n3\n{to_base64(TREE.root(3))}\nextension\n").encode(),
        b"old 0\n\n" + note(3).encode("utf-16"),
        b"\xff" * 100,
        b"x" * (MAX_REQUEST_BYTES + 1),
    ],
    ids=lambda body: ascii(body[:20]),
)
def test_a_malformed_request_is_400(body: bytes) -> None:
    refused = examine(body, KEYS)
    assert isinstance(refused, Answer)
    assert refused.status == 400
    assert refused.body.isascii()
    assert len(refused.body) < 300


def test_63_hashes_are_read() -> None:
    asked = AddCheckpoint(old=1, proof=(bytes(32),) * 63, note=note(3))
    assert AddCheckpoint.parse(asked.format()) == asked


def test_the_log_reads_the_cosignatures_of_the_witnesses_that_it_knows() -> None:
    signed = note(21)
    quantum = Cosigner.from_seed("witness.example/w1", bytes(32), "ml-dsa-44")
    stranger = Cosigner.from_seed("stranger.example", bytes(32))
    lines = [cosign(signed, key, at=1000 + number) for number, key in enumerate((WITNESS, quantum, stranger))]
    keys = [quantum.witness_key, WITNESS.witness_key]
    found = read_cosignatures("".join(lines).encode(), signed, keys)
    assert found == [(WITNESS.witness_key, 1000, lines[0]), (quantum.witness_key, 1001, lines[1])]
    # It may already hold cosignatures of others.
    assert read_cosignatures(lines[0].encode(), signed + lines[2], keys) == found[:1]


def test_an_answer_without_a_good_cosignature_is_refused() -> None:
    signed = note(21)
    line = cosign(signed, WITNESS, at=1000)
    other = cosign(note(22), WITNESS, at=1000)
    stranger = cosign(signed, Cosigner.from_seed("stranger.example", bytes(32)), at=1)
    for body in ("", "\n", "OK\n", line[:-1], line + "\n", line + other, other, stranger, "x" * 2_000_000 + "\n"):
        with pytest.raises(VerificationError):
            read_cosignatures(body.encode(), signed, [WITNESS.witness_key])
    for size in (b"", b"21", b"021\n", b"-1\n", b"9223372036854775808\n", b"1" * 5000 + b"\n", b"\xff\n"):
        with pytest.raises(VerificationError):
            read_size(size)


@given(st.binary(max_size=400))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    for body in (data, b"old 0\n\n" + data, b"old 0\n\nlog.example/trail\n" + data):
        refused = examine(body, KEYS)
        assert isinstance(refused, Answer)
        assert refused.status in (400, 403, 404)
    for read in (lambda: read_cosignatures(data, note(3), [WITNESS.witness_key]), lambda: read_size(data)):
        with contextlib.suppress(VerificationError):
            read()


@given(st.integers(0, 70), st.integers(0, 70), st.integers(0, 70), st.booleans())
def test_whatever_is_cosigned_continues_what_is_known(remembered: int, old: int, size: int, forked: bool) -> None:
    tree = FORKED if forked else TREE
    proof = tree.consistency_proof(old, size) if old <= size else ()
    decided = answer(AddCheckpoint(old=old, proof=proof, note=note(size, tree)), known(remembered))
    same_start = tree.root(remembered) == TREE.root(remembered)
    assert (decided.status == 200) == (old == remembered <= size and same_start)
    assert hashlib.sha256(decided.body).digest()
