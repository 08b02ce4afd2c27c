"""Signed notes and checkpoints: the vectors of others, and every way a note can be bent."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from audits.merkle.errors import VerificationError
from audits.merkle.notes import MAX_NOTE_BYTES, MAX_SIGNATURES, SigningKey, VerifyingKey, open_note
from audits.merkle.tree import EMPTY_ROOT

# The example of Go's golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
WISDOM = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = (
    WISDOM + "\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)
ROOT = hashlib.sha256(b"root").digest()

OWNER = SigningKey.from_raw("log.example/trail", bytes(range(32)))
WITNESS = SigningKey.from_raw("witness.example", bytes(range(1, 33)))
STRANGER = SigningKey.from_raw("log.example/trail", bytes(range(2, 34)))


def line(name: str, material: bytes) -> str:
    return f"\u2014 {name} {base64.b64encode(material).decode()}\n"


def signature_line(note: str) -> str:
    return note.rpartition("\n\n")[2]


def test_it_opens_the_note_that_go_signed() -> None:
    key = VerifyingKey.parse(PETER)
    assert key.name == "PeterNeumann"
    assert key.key_id.hex() == "c74f20a3"
    assert key.vkey == str(key) == PETER
    for note in (SIGNED, SIGNED.encode()):
        opened = open_note(note, [key])
        assert opened.text == WISDOM
        assert [signature.name for signature in opened.verified] == ["PeterNeumann"]
        assert opened.unknown == ()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n")))
def test_what_it_signs_it_opens(text: str) -> None:
    assert open_note(OWNER.sign_note(text + "\n"), [OWNER.verifying_key]).text == text + "\n"


def test_a_key_survives_every_way_of_writing_it_down() -> None:
    note = OWNER.sign_note("hello\n")
    for copy in (
        SigningKey.from_raw(OWNER.name, OWNER.to_raw()),
        SigningKey.from_pem(OWNER.name, OWNER.to_pem()),
    ):
        assert copy.verifying_key == OWNER.verifying_key == VerifyingKey.parse(OWNER.verifying_key.vkey)
        assert copy.sign_note("hello\n") == note


def test_a_key_never_prints_its_secret() -> None:
    for secret in (OWNER.to_raw().hex(), base64.b64encode(OWNER.to_raw()).decode()):
        assert secret not in repr(OWNER) + str(OWNER)


def test_it_refuses_private_keys_of_another_kind() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="openssl genpkey"):
        SigningKey.from_pem("name", pem)
    with pytest.raises(ValueError, match="not a readable PEM"):
        SigningKey.from_pem("name", b"nonsense")
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_raw("name", b"short")


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        PETER + "\n",
        " " + PETER,
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("PeterNeumann", "PeterNeuman"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.replace("ARpc", "BRpc"),
        PETER[:-4],
        PETER + "AAAA",
        PETER.replace("PeterNeumann", ""),
        PETER.replace("PeterNeumann", "\ud800"),
    ],
    ids=ascii,
)
def test_it_refuses_a_key_that_contradicts_itself(vkey: str) -> None:
    with pytest.raises(VerificationError) as caught:
        VerifyingKey.parse(vkey)
    assert caught.value.step == "key"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x1bb", "\ud800"], ids=ascii)
def test_it_refuses_key_names_that_would_break_a_line(name: str) -> None:
    with pytest.raises(VerificationError):
        SigningKey.from_raw(name, bytes(32))


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "return\r\n", "escape \x1b[31m\n", "nul\0\n"], ids=ascii)
def test_it_signs_no_text_that_is_not_a_note(text: str) -> None:
    with pytest.raises(ValueError, match="text of a note"):
        OWNER.sign_note(text)


def test_signatures_of_unknown_keys_are_ignored_even_next_to_a_known_name() -> None:
    note = OWNER.sign_note("hello\n")
    note += signature_line(WITNESS.sign_note("something else\n"))
    note += signature_line(STRANGER.sign_note("something else\n"))
    # The same id under another name is another key, too.
    note += line("other.example", OWNER.verifying_key.key_id + bytes(64))
    # Post-quantum signatures are long, other algorithms have other lengths.
    note += line("future.example", bytes(4) + bytes(2420)) + line("tiny.example", bytes(5))
    opened = open_note(note, [OWNER.verifying_key])
    assert [signature.name for signature in opened.verified] == [OWNER.name]
    assert len(opened.unknown) == 5


def test_every_signature_of_a_known_key_must_hold() -> None:
    note = OWNER.sign_note("hello\n")
    keys = [OWNER.verifying_key, WITNESS.verifying_key]
    good = note + signature_line(WITNESS.sign_note("hello\n"))
    assert len(open_note(good, keys).verified) == 2
    assert len(open_note(note + signature_line(note), keys).verified) == 1
    for bad in (
        signature_line(WITNESS.sign_note("something else\n")),
        line(OWNER.name, OWNER.verifying_key.key_id + bytes(64)),
        line(OWNER.name, OWNER.verifying_key.key_id + b"short"),
    ):
        with pytest.raises(VerificationError, match="does not hold"):
            open_note(note + bad, keys)


def test_a_note_nobody_known_signed_means_nothing() -> None:
    for keys in ([], [STRANGER.verifying_key], [WITNESS.verifying_key]):
        with pytest.raises(VerificationError, match="no known key"):
            open_note(OWNER.sign_note("hello\n"), keys)


def test_the_text_may_hold_blank_lines_and_look_like_signatures() -> None:
    text = f"\n\nfirst\n\n{signature_line(SIGNED)}\n\n"
    assert open_note(OWNER.sign_note(text), [OWNER.verifying_key]).text == text


def bend(old: str, new: str) -> str:
    assert old in SIGNED
    return SIGNED.replace(old, new)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        WISDOM,
        WISDOM + "\n",
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED + "trailing\n",
        SIGNED + "\n" + SIGNED[:-3],
        bend("\n\n", "\n"),
        bend("\u2014", "-"),
        bend("\u2014", "\u2013"),
        bend("\u2014 ", "\u2014"),
        bend("\u2014 ", " \u2014 "),
        bend("\u2014 PeterNeumann ", "\u2014 PeterNeumann  "),
        bend("\u2014 PeterNeumann ", "\u2014  "),
        bend("\u2014 PeterNeumann ", "\u2014 Peter+Neumann "),
        bend("\u2014 PeterNeumann ", "\u2014 Peter\u00a0Neumann "),
        bend("BwJnAM=", "BwJnAN="),
        bend("BwJnAM=", "BwJnAM"),
        bend("BwJnAM=", "BwJnAM= "),
        bend("BwJnAM=\n", "BwJnAM=\r\n"),
        bend("answer", "answer\t"),
        bend("answer", "answer\x00"),
        bend("answer", "\ud800"),
        bend("answer", "question"),
        bend("x08go/", "x08go+"),
        SIGNED + line("short.example", bytes(4)),
        SIGNED + line("unknown.example", bytes(9)) * MAX_SIGNATURES,
        b"\xff" + SIGNED.encode(),
        SIGNED.encode("utf-16"),
    ],
    ids=lambda note: ascii(note[-30:]),
)
def test_it_refuses_every_note_that_is_bent(note: str | bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        open_note(note, [VerifyingKey.parse(PETER)])
    assert caught.value.step == "note"


def test_it_reads_no_note_longer_than_it_says() -> None:
    text = "x" * (MAX_NOTE_BYTES - 200) + "\n"
    assert open_note(OWNER.sign_note(text), [OWNER.verifying_key]).text == text
    with pytest.raises(VerificationError, match="at most"):
        open_note(OWNER.sign_note(text * 2), [OWNER.verifying_key])


def test_two_known_keys_of_one_name_and_id_are_refused() -> None:
    # Found by trying: these two public keys share the first four bytes of their hash.
    one, other = (VerifyingKey(name=OWNER.name, public=n.to_bytes(32, "big")) for n in (105623, 125532))
    assert one.key_id == other.key_id
    with pytest.raises(VerificationError, match="share the name and id"):
        open_note(OWNER.sign_note("hello\n"), [OWNER.verifying_key, one, other])


def test_it_accepts_as_many_signatures_as_it_says() -> None:
    many = SIGNED + line("unknown.example", bytes(9)) * (MAX_SIGNATURES - 1)
    assert len(open_note(many, [VerifyingKey.parse(PETER)]).unknown) == MAX_SIGNATURES - 1


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(0, 7))
def test_no_single_bit_of_a_note_can_change(position: int, bit: int) -> None:
    note = bytearray(SIGNED.encode())
    note[position] ^= 1 << bit
    with pytest.raises(VerificationError):
        open_note(bytes(note), [VerifyingKey.parse(PETER)])


def test_a_checkpoint_reads_as_the_specification_writes_it() -> None:
    # The example of c2sp.org/tlog-checkpoint.
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == text


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_opens_to_itself(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin=OWNER.name, size=size, root=root)
    assert open_checkpoint(sign_checkpoint(checkpoint, OWNER), OWNER.verifying_key) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        "o\n1\n",
        f"o\n01\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n+1\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n-1\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n\u0661\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n1 \n{base64.b64encode(ROOT).decode()}\n",
        f"o\n\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n9223372036854775808\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n{'9' * 5000}\n{base64.b64encode(ROOT).decode()}\n",
        f"\n1\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n0\n{base64.b64encode(ROOT).decode()}\n",
        f"o\n1\n{base64.b64encode(ROOT[:31]).decode()}\n",
        f"o\n1\n{base64.b64encode(ROOT).decode()}",
        f"o\n1\n{base64.b64encode(ROOT).decode()}\nextension\n",
        f"o\n1\n{base64.b64encode(ROOT).decode()}\n\n",
        f"o\n1\n{ROOT.hex()}\n",
    ],
    ids=ascii,
)
def test_it_refuses_every_other_spelling_of_a_checkpoint(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        Checkpoint.parse(text)
    assert caught.value.step == "checkpoint"


def test_the_empty_log_has_one_checkpoint() -> None:
    assert Checkpoint(origin="o", size=0, root=EMPTY_ROOT).text().splitlines()[1] == "0"


def test_a_key_signs_only_for_the_log_of_its_name() -> None:
    checkpoint = Checkpoint(origin="other.example", size=1, root=ROOT)
    with pytest.raises(ValueError, match="does not sign for the log"):
        sign_checkpoint(checkpoint, OWNER)
    with pytest.raises(VerificationError, match="the checkpoint is of the log") as caught:
        open_checkpoint(OWNER.sign_note(checkpoint.text()), OWNER.verifying_key)
    assert caught.value.step == "checkpoint"
