"""Policies: the specification's example judged witness by witness, every rule of the file, and any bytes at all."""

import contextlib
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.cosignatures import Cosigner, cosign
from audits.merkle.errors import VerificationError
from audits.merkle.notes import SigningKey
from audits.merkle.policy import MAX_DEFINITIONS, MAX_POLICY_BYTES, Policy

LOG = SigningKey.from_raw("log.example/trail", bytes(range(32)))
OTHER = SigningKey.from_raw("other.example/trail", bytes(range(1, 33)))
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
COSIGNERS = {
    name: Cosigner.from_seed(f"{name}.example", bytes([number]) * 32, "ml-dsa-44" if number % 2 else "ed25519")
    for number, name in enumerate(NAMES)
}
VKEYS = {name: key.witness_key.vkey for name, key in COSIGNERS.items()}
EXAMPLE = f"""log {LOG.verifying_key.vkey}

witness X1 {VKEYS["X1"]}
witness X2 {VKEYS["X2"]}
witness X3 {VKEYS["X3"]}
group X-witnesses 2 X1 X2 X3

witness Y1 {VKEYS["Y1"]}
witness Y2 {VKEYS["Y2"]}
witness Y3 {VKEYS["Y3"]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
NOTE = sign_checkpoint(Checkpoint(origin=LOG.name, size=21, root=bytes(32)), LOG)
LINES = {name: cosign(NOTE, key, at=1000 + number) for number, (name, key) in enumerate(COSIGNERS.items())}
W = f"witness W {VKEYS['X1']}\n"


def test_the_specifications_example_holds_for_exactly_the_right_witnesses() -> None:
    policy = Policy.parse(EXAMPLE)
    for count in range(7):
        for chosen in itertools.combinations(NAMES, count):
            judgement = policy.judge(NOTE + "".join(LINES[name] for name in chosen))
            enough = sum(name[0] == "X" for name in chosen) >= 2 and any(name[0] == "Y" for name in chosen)
            assert judgement.quorum_met == enough, chosen
            assert judgement.log == LOG.verifying_key
            assert dict(judgement.witnesses) == {name: 1000 + NAMES.index(name) for name in chosen}


def test_a_policy_prints_as_one_that_says_the_same() -> None:
    policy = Policy.parse(EXAMPLE)
    again = Policy.parse(policy.format())
    assert again.format() == policy.format()
    assert (again.logs, again.witnesses, again.groups, again.quorum) == (
        policy.logs, policy.witnesses, policy.groups, policy.quorum,
    )  # fmt: skip
    assert Policy.parse("quorum none\n").format() == "quorum none\n"
    with_urls = (
        f"log {LOG.verifying_key.vkey} https://log.example/\nwitness W {VKEYS['X1']} https://w.example\nquorum W\n"
    )
    assert Policy.parse(with_urls).format() == with_urls
    assert Policy.parse(with_urls).witnesses[0].url == "https://w.example"


def test_spaces_tabs_comments_and_empty_lines_do_not_matter() -> None:
    text = f"\t # a comment of tabs\n\n \t\n  witness\tW \t{VKEYS['X1']} \n#\nquorum   W\t\n# \u00e9 at the end\n"
    assert Policy.parse(text).quorum == "W"


def test_names_are_bytes_and_not_letters() -> None:
    kelvin = (
        f"witness K {VKEYS['X1']}\nwitness \u212a {VKEYS['X2']}\n".encode() + b"witness \xff " + VKEYS["X3"].encode()
    )
    policy = Policy.parse(kelvin + b"\ngroup all-of-them all K \xe2\x84\xaa \xff\nquorum \xff\n")
    assert policy.quorum == "\udcff"
    assert policy.judge(NOTE + LINES["X3"], logs=[LOG.verifying_key]).quorum_met
    assert Policy.parse(policy.format()) == policy


def test_without_a_quorum_the_logs_signature_is_enough() -> None:
    policy = Policy.parse(f"log {LOG.verifying_key.vkey}\nquorum none\n")
    assert policy.require(NOTE).quorum_met
    assert policy.require(NOTE + LINES["X1"]).witnesses == {}


def test_a_quorum_that_is_not_met_names_who_cosigned() -> None:
    with pytest.raises(VerificationError, match="cosigned by 'X1', 'Y1'") as caught:
        Policy.parse(EXAMPLE).require(NOTE + LINES["X1"] + LINES["Y1"])
    assert caught.value.step == "policy"


def test_logs_known_from_elsewhere_count_only_where_the_policy_lists_none() -> None:
    bare = Policy.parse("quorum none\n")
    assert bare.require(NOTE, logs=[LOG.verifying_key]).log == LOG.verifying_key
    with pytest.raises(VerificationError, match="no known key"):
        bare.judge(NOTE)
    with pytest.raises(VerificationError, match="no known key"):
        Policy.parse(f"log {OTHER.verifying_key.vkey}\nquorum none\n").judge(NOTE, logs=[LOG.verifying_key])


def test_a_log_that_is_trusted_does_not_speak_for_another() -> None:
    both = Policy.parse(f"log {LOG.verifying_key.vkey}\nlog {OTHER.verifying_key.vkey}\nquorum none\n")
    text = Checkpoint(origin="other.example/trail", size=3, root=bytes(32)).text()
    with pytest.raises(VerificationError, match="none of its signers"):
        both.judge(LOG.sign_note(text))
    assert both.judge(OTHER.sign_note(text)).log == OTHER.verifying_key


def test_one_log_may_have_an_old_and_a_new_key() -> None:
    new = SigningKey.from_raw(LOG.name, bytes(range(7, 39)))
    policy = Policy.parse(f"log {LOG.verifying_key.vkey}\nlog {new.verifying_key.vkey}\nquorum none\n")
    later = sign_checkpoint(Checkpoint(origin=LOG.name, size=22, root=bytes(32)), new)
    assert policy.judge(NOTE).log == LOG.verifying_key
    assert policy.judge(later).log == new.verifying_key


def test_a_cosignature_of_a_listed_witness_that_fails_spoils_the_note() -> None:
    policy = Policy.parse(EXAMPLE)
    other = sign_checkpoint(Checkpoint(origin=LOG.name, size=22, root=bytes(32)), LOG)
    with pytest.raises(VerificationError, match="does not hold"):
        policy.judge(NOTE + "".join(LINES.values()) + cosign(other, COSIGNERS["X1"], at=7))
    # A witness that the policy does not list says nothing, right or wrong.
    assert Policy.parse(f"log {LOG.verifying_key.vkey}\nquorum none\n").judge(other + LINES["X2"]).quorum_met


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "newline"),
        ("quorum none", "newline"),
        ("\n", "no quorum line"),
        ("quorum none\nquorum none\n", "second quorum"),
        ("quorum W\n" + W, "not defined above"),
        (W + "quorum W W\n", "not one of"),
        (W + "quorum\n", "not one of"),
        ("witness W\nquorum none\n", "not one of"),
        ("Quorum none\n", "not one of"),
        ("\ufeffquorum none\n", "not one of"),
        (W + W, "public key stands above"),
        (W + f"witness V {VKEYS['X1'].replace('X1', 'V1')}\nquorum none\n", "should be"),
        (W + f"witness W {VKEYS['X2']}\n", "is taken"),
        (f"witness none {VKEYS['X1']}\n", "is taken"),
        (W + "group none any W\n", "is taken"),
        (W + "group W any W\n", "is taken"),
        (W + "group g any none\n", "not defined above"),
        (W + "group g any g\n", "not defined above"),
        (W + "group g any\n", "not one of"),
        (W + "group g 0 W\n", "1 to 1"),
        (W + "group g 2 W\n", "1 to 1"),
        (W + "group g 01 W\n", "1 to 1"),
        (W + "group g -1 W\n", "1 to 1"),
        (W + "group g most W\n", "1 to 1"),
        (W + "group g all W W\n", "in a group already"),
        (W + "group g all W\ngroup h any W\n", "in a group already"),
        (f"log {VKEYS['X1']}\n", "0x01"),
        (f"witness W {LOG.verifying_key.vkey}\n", "0x04"),
        (f"log {LOG.verifying_key.vkey}\n" * 2, "public key stands above"),
        ("log nonsense\n", "line 1 of the policy"),
        ("quorum none\r\n", "control character"),
        ("quorum none\x7f\n", "control character"),
        ("quorum none\x00\n", "control character"),
    ],
)  # fmt: skip
def test_a_policy_that_is_not_one_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(VerificationError, match=why) as caught:
        Policy.parse(text)
    assert caught.value.step == "policy"


def test_one_public_key_under_two_names_is_a_duplicate() -> None:
    twice = Cosigner.from_seed("another.name", bytes([0]) * 32).witness_key.vkey
    with pytest.raises(VerificationError, match=r"line 2 .* public key stands above"):
        Policy.parse(f"witness W {VKEYS['X1']}\nwitness V {twice}\nquorum W\n")


def test_a_policy_has_its_limits_and_32_of_each_are_within_them() -> None:
    keys = [Cosigner.from_seed(f"w{number}", number.to_bytes(32, "big")).witness_key.vkey for number in range(257)]
    lines = [f"witness w{number} {vkey}\n" for number, vkey in enumerate(keys)]
    groups = "".join(f"group g{number} any w{number}\n" for number in range(32))
    assert len(Policy.parse("".join(lines[:MAX_DEFINITIONS]) + groups + "quorum none\n").groups) == 32
    with pytest.raises(VerificationError, match="at most 256 witnesses"):
        Policy.parse("".join(lines) + "quorum none\n")
    with pytest.raises(VerificationError, match="at most"):
        Policy.parse("#" * MAX_POLICY_BYTES + "\n")


def test_the_longest_note_is_judged_by_the_largest_policy_in_bounded_time() -> None:
    keys = [Cosigner.from_seed(f"w{number}", number.to_bytes(32, "big")).witness_key.vkey for number in range(256)]
    policy = Policy.parse("".join(f"witness w{number} {vkey}\n" for number, vkey in enumerate(keys)) + "quorum none\n")
    junk = "".join(f"\u2014 x{number} {'AAAA' * 2490}\n" for number in range(99))
    started = time.process_time()
    assert policy.judge(NOTE + junk, logs=[LOG.verifying_key]).witnesses == {}
    assert time.process_time() - started < 2


WORDS = st.sampled_from(
    ["log", "witness", "group", "quorum", "none", "all", "any", "1", "2", "A", "B", VKEYS["X1"], "#"]
)


@given(st.lists(st.lists(WORDS, max_size=5), max_size=6))
def test_any_words_are_a_policy_or_refused(lines: list[list[str]]) -> None:
    with contextlib.suppress(VerificationError):
        policy = Policy.parse("".join(" ".join(line) + "\n" for line in lines))
        assert Policy.parse(policy.format()).quorum == policy.quorum


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_refused(data: bytes) -> None:
    with contextlib.suppress(VerificationError):
        Policy.parse(data)
