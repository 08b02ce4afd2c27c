"""Timestamps: three verifiers agree on what `openssl ts` makes, and each thing that can be wrong with it is refused."""

import contextlib
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from audits.merkle.checkpoints import Checkpoint, sign_checkpoint
from audits.merkle.cosignatures import Cosigner, cosign
from audits.merkle.errors import VerificationError
from audits.merkle.notes import SigningKey
from audits.merkle.timestamps import (
    MAX_TOKEN_BYTES,
    message_imprint,
    stamped_message,
    token_of_response,
    verify_timestamp,
)
from audits.trail.publishing import stamps
from tests.audits.merkle.authority import Authority, Issued, for_timestamps, issue

LOG = SigningKey.from_raw("log.example/trail", bytes(range(32)))
NOTE = sign_checkpoint(Checkpoint(origin=LOG.name, size=21, root=hashlib.sha256(b"root").digest()), LOG)
OTHER = sign_checkpoint(Checkpoint(origin=LOG.name, size=22, root=hashlib.sha256(b"root").digest()), LOG)
WITNESS = Cosigner.from_seed("witness.example/w1", bytes(32))

ROOT = issue("root", authority=True, days=(-3000, 3000))
MIDDLE = issue("middle", ROOT, authority=True, path_length=0)
ROOTS = [ROOT.certificate]


def stamped(authority: Authority, note: str = NOTE) -> bytes:
    return token_of_response(authority.respond(stamped_message(note)))


def under_middle(directory: Path, signer: Issued | None = None) -> Authority:
    return Authority(directory=directory, signer=signer or for_timestamps("tsa", MIDDLE), chain=(MIDDLE,))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return under_middle(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    return stamped(authority)


@pytest.mark.parametrize(
    ("key", "digest", "ess", "precision"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), "sha256", "sha256", 0),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "sha384", "sha512", 6),
        (lambda: rsa.generate_private_key(65537, 2048), "sha256", "sha1", 3),
        (lambda: rsa.generate_private_key(65537, 2048), "sha512", "sha384", 1),
    ],
    ids=["p256", "p384", "rsa-sha256", "rsa-sha512"],
)
def test_what_openssl_stamps_is_verified_by_all_three(
    tmp_path: Path, key: Callable[[], rsa.RSAPrivateKey], digest: str, ess: str, precision: int
) -> None:
    signer = for_timestamps("tsa", ROOT, key=key())
    authority = Authority(directory=tmp_path, signer=signer, digest=digest, ess=ess, precision=precision)
    before = datetime.now(UTC) - timedelta(seconds=1)
    response = authority.respond(stamped_message(NOTE))
    made = token_of_response(response)
    # 1. Ours.
    time = verify_timestamp(made, NOTE, ROOTS)
    assert before <= time <= datetime.now(UTC)
    # 2. The library that the service itself uses.
    decoded = rfc3161_client.decode_timestamp_response(response)
    verifier = rfc3161_client.VerifierBuilder().add_root_certificate(ROOT.certificate).build()
    assert verifier.verify(decoded, message_imprint(NOTE))
    assert decoded.tst_info.gen_time.replace(microsecond=0) == time.replace(microsecond=0)
    assert decoded.time_stamp_token() == made
    # 3. OpenSSL.
    assert authority.openssl_verifies(made, stamped_message(NOTE), ROOT.certificate)


def test_all_three_refuse_a_stamp_of_another_note(authority: Authority, token: bytes) -> None:
    with pytest.raises(VerificationError, match="something else"):
        verify_timestamp(token, OTHER, ROOTS)
    assert not authority.openssl_verifies(token, stamped_message(OTHER), ROOT.certificate)
    single = Authority(directory=authority.directory / "single", signer=for_timestamps("tsa", ROOT))
    response = rfc3161_client.decode_timestamp_response(single.respond(stamped_message(NOTE)))
    verifier = rfc3161_client.VerifierBuilder().add_root_certificate(ROOT.certificate).build()
    with pytest.raises(rfc3161_client.VerificationError):
        verifier.verify(response, message_imprint(OTHER))


def test_a_chain_in_whatever_order_openssl_writes_it_is_verified(authority: Authority, token: bytes) -> None:
    # DER asks for sorted sets, OpenSSL does not sort these, and rfc3161-client refuses them for it.
    assert verify_timestamp(token, NOTE, ROOTS)
    assert authority.openssl_verifies(token, stamped_message(NOTE), ROOT.certificate)


@pytest.mark.parametrize("chained", [False, True], ids=["single", "chain-that-the-client-refuses"])
def test_the_service_takes_what_openssl_answers_and_no_answer_to_another_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chained: bool
) -> None:
    here = under_middle(tmp_path) if chained else Authority(directory=tmp_path, signer=for_timestamps("tsa", ROOT))
    asked: list[bytes] = []

    def post(url: str, body: bytes, **_: object) -> SimpleNamespace:
        asked.append(body)
        return SimpleNamespace(status=200, body=here.answer(asked[0]))

    monkeypatch.setattr(stamps, "post", post)
    whom = stamps.Authority(url="http://tsa.example", roots=(ROOT.certificate,), every=timedelta(hours=1))
    token, at = stamps.ask(whom, NOTE)
    assert verify_timestamp(token, NOTE, ROOTS) == at
    with pytest.raises(stamps.NoTimestamp, match="another request"):
        stamps.ask(whom, NOTE)


def test_the_stamp_holds_the_logs_signatures_and_no_cosignature(token: bytes) -> None:
    assert stamped_message(NOTE) == NOTE.encode()
    cosigned = NOTE + cosign(NOTE, WITNESS, at=1)
    assert stamped_message(cosigned) == NOTE.encode()
    verify_timestamp(token, cosigned, ROOTS)
    new_key = SigningKey.from_raw(LOG.name, bytes(range(1, 33)))
    text = NOTE.partition("\n\n")[0] + "\n"
    with pytest.raises(VerificationError, match="something else"):
        verify_timestamp(token, new_key.sign_note(text), ROOTS)
    stranger = SigningKey.from_raw("stranger.example", bytes(32))
    with pytest.raises(VerificationError, match="nothing to timestamp"):
        message_imprint(stranger.sign_note(text))


def test_other_roots_are_not_trusted(token: bytes) -> None:
    same_name = issue("root", authority=True)
    for roots in ([], [same_name.certificate]):
        with pytest.raises(VerificationError):
            verify_timestamp(token, NOTE, roots)
    verify_timestamp(token, NOTE, [same_name.certificate, ROOT.certificate])
    # An authority below the root may be the one that is trusted.
    verify_timestamp(token, NOTE, [MIDDLE.certificate])


@pytest.mark.parametrize(
    ("signer", "why"),
    [
        (for_timestamps("tsa", MIDDLE, days=(-20, -10)), "not valid at the time"),
        (for_timestamps("tsa", MIDDLE, extra=((x509.NameConstraints([x509.DNSName("a")], None), True),)), "critical"),
        (for_timestamps("tsa", MIDDLE, algorithm=hashes.SHA224()), "too weak"),
        (for_timestamps("tsa", issue("unknown", authority=True)), "no root that is trusted"),
        (for_timestamps("tsa", issue("middle", authority=True)), "does not hold"),
    ],
    ids=["expired", "constraints", "weak-hash", "unknown-root", "forged-issuer"],
)  # fmt: skip
def test_a_signer_that_does_not_stand_under_the_root_is_refused(tmp_path: Path, signer: Issued, why: str) -> None:
    with pytest.raises(VerificationError, match=why):
        verify_timestamp(stamped(under_middle(tmp_path, signer)), NOTE, ROOTS)


@pytest.mark.parametrize(
    ("middle", "why"),
    [
        (issue("middle", ROOT, authority=False), "no authority"),
        (issue("middle", ROOT, authority=True, days=(-20, -10)), "not valid at the time"),
        (
            issue("middle", ROOT, authority=True, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)),
            "not for timestamping",
        ),
        (
            issue("middle", issue("top", ROOT, authority=True, path_length=0), authority=True),
            "no root that is trusted",
        ),
    ],
    ids=["no-authority", "expired", "for-servers", "gap"],
)
def test_an_authority_in_the_path_that_may_not_issue_is_refused(tmp_path: Path, middle: Issued, why: str) -> None:
    authority = Authority(directory=tmp_path, signer=for_timestamps("tsa", middle), chain=(middle,))
    with pytest.raises(VerificationError, match=why):
        verify_timestamp(stamped(authority), NOTE, ROOTS)


def test_a_path_longer_than_an_authority_allows_is_refused(tmp_path: Path) -> None:
    top = issue("top", ROOT, authority=True, path_length=0)
    below = issue("below", top, authority=True)
    authority = Authority(directory=tmp_path, signer=for_timestamps("tsa", below), chain=(below, top))
    with pytest.raises(VerificationError, match="longer than"):
        verify_timestamp(stamped(authority), NOTE, ROOTS)


def test_a_token_without_its_signers_certificate_needs_it_from_the_verifier(authority: Authority) -> None:
    bare = token_of_response(authority.respond(stamped_message(NOTE), with_certificates=False))
    with pytest.raises(VerificationError, match="certReq"):
        verify_timestamp(bare, NOTE, ROOTS)
    verify_timestamp(bare, NOTE, [authority.signer.certificate])


def test_an_imprint_that_is_not_sha_256_is_refused(authority: Authority) -> None:
    made = token_of_response(authority.respond(stamped_message(NOTE), hash_name="sha512"))
    with pytest.raises(VerificationError, match="not SHA-256"):
        verify_timestamp(made, NOTE, ROOTS)


def test_a_refusal_of_the_authority_is_no_token() -> None:
    for response in (
        bytes.fromhex("30053003020102"),  # rejection
        bytes.fromhex("30053003020100"),  # granted, and nothing after it
        b"",
        b"\x30\x80",
    ):
        with pytest.raises(VerificationError) as caught:
            token_of_response(response)
        assert caught.value.step == "timestamp"


def test_one_byte_changed_anywhere_is_found_or_changes_nothing(token: bytes) -> None:
    time = verify_timestamp(token, NOTE, ROOTS)
    unchanged = 0
    for place in range(len(token)):
        bent = token[:place] + bytes([token[place] ^ 0x01]) + token[place + 1 :]
        with contextlib.suppress(VerificationError):
            assert verify_timestamp(bent, NOTE, ROOTS) == time
            unchanged += 1
    # The list of digest algorithms, which nobody needs, and nothing else.
    assert unchanged <= 16


def test_a_token_that_is_cut_off_or_goes_on_is_refused(token: bytes) -> None:
    for bent in (*(token[:length] for length in range(0, len(token), 7)), token + b"\0", token + token):
        with pytest.raises(VerificationError) as caught:
            verify_timestamp(bent, NOTE, ROOTS)
        assert caught.value.step == "timestamp"
    with pytest.raises(VerificationError, match="at most"):
        verify_timestamp(bytes(MAX_TOKEN_BYTES + 1), NOTE, ROOTS)


@given(data=st.data())
def test_any_bytes_within_a_token_are_found_or_change_nothing(token: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 40)))
    bent = token[:start] + data.draw(st.binary(max_size=60)) + token[end:]
    with contextlib.suppress(VerificationError):
        assert verify_timestamp(bent, NOTE, ROOTS) == verify_timestamp(token, NOTE, ROOTS)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    for read in (token_of_response, lambda token: verify_timestamp(token, NOTE, ROOTS)):
        with contextlib.suppress(VerificationError):
            read(data)
            assert read is token_of_response
