"""Checkpoints are timestamped by an authority, which `openssl ts` plays here behind HTTP."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pytest_django import Settings

from audits.merkle.bundles import verify_bundle
from audits.merkle.timestamps import stamped_message, verify_timestamp
from audits.models import Checkpoint, Timestamp
from audits.trail.keys import verifying_key
from audits.trail.log import bundle_of
from audits.trail.publishing.loop import publish_forever, stamp_forever
from audits.trail.publishing.outgoing import NoAnswer
from audits.trail.publishing.source import tile_files
from audits.trail.publishing.stamps import Authority, NoTimestamp, Stamper
from audits.trail.verification import verify
from tests.audits.merkle.authority import Authority as OpenSsl
from tests.audits.merkle.authority import for_timestamps, issue
from tests.audits.trail.publishing.web import serving
from tests.database import Database

Grow = Callable[[int], int]
ROOT = issue("root", authority=True)
OTHER_ROOT = issue("another root", authority=True)


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    return OpenSsl(directory=tmp_path / "tsa", signer=for_timestamps("tsa", ROOT))


@pytest.fixture
def authority(openssl: OpenSsl, settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The address of the authority, which the settings name too."""

    def answer(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        assert environ["CONTENT_TYPE"] == "application/timestamp-query"
        query = environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"])))  # type: ignore[attr-defined]
        start("200 OK", [("Content-Type", "application/timestamp-reply")])
        return [openssl.answer(query)]

    (tmp_path / "roots.pem").write_bytes(ROOT.certificate.public_bytes(Encoding.PEM))
    with serving(answer) as address:
        settings.TSA_URL, settings.TSA_CA = address, str(tmp_path / "roots.pem")
        yield address


def test_the_newest_checkpoint_is_stamped_and_the_token_kept(
    database: Database, grow: Grow, authority: str, openssl: OpenSsl
) -> None:
    stamper = Stamper(Authority.configured())
    assert stamper.run() is None  # Nothing is signed yet.
    size = grow(3)
    at = stamper.run()
    assert at is not None
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    kept = Timestamp.objects.get()
    assert (kept.size, kept.authority) == (size, authority)
    note = Checkpoint.objects.get(size=size).note
    assert verify_timestamp(bytes(kept.token), note, [ROOT.certificate]) == at
    assert openssl.openssl_verifies(bytes(kept.token), stamped_message(note), ROOT.certificate)
    # Not again before it is time, nor without anything new.
    grow(3)
    assert stamper.run() is None
    hasty = Stamper(replace(Authority.configured(), every=timedelta(0)))
    assert hasty.run() is not None
    assert hasty.run() is None
    assert Timestamp.objects.count() == 2
    report = verify()
    assert report.ok
    assert report.steps[-1].checked >= 2


def test_a_stamp_under_another_certificate_is_not_kept(
    database: Database, grow: Grow, authority: str, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "roots.pem").write_bytes(OTHER_ROOT.certificate.public_bytes(Encoding.PEM))
    grow(3)
    stamper = Stamper(Authority.configured())
    with pytest.raises(NoTimestamp, match="no timestamp of this checkpoint"):
        stamper.run()
    assert stamper.run() is None  # It rests.
    assert not Timestamp.objects.exists()


def test_an_old_answer_is_not_taken_for_a_new_one(
    database: Database, grow: Grow, openssl: OpenSsl, authority: str, settings: Settings
) -> None:
    grow(3)
    answers: list[bytes] = []

    def replayed(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        query = environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"])))  # type: ignore[attr-defined]
        answers.append(openssl.answer(query))
        start("200 OK", [])
        return [answers[0]]

    with serving(replayed) as address:
        asked = replace(Authority.configured(), url=address, every=timedelta(0))
        assert Stamper(asked).run() is not None
        grow(3)
        with pytest.raises(NoTimestamp):
            Stamper(asked).run()
    assert Timestamp.objects.count() == 1


@pytest.mark.parametrize("status", ["200 OK", "500 Oh"])
def test_an_authority_that_answers_nonsense_or_nothing_is_an_error(
    database: Database, grow: Grow, authority: str, status: str
) -> None:
    def nonsense(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        start(status, [])
        return [b"nonsense"]

    grow(3)
    with serving(nonsense) as address, pytest.raises(NoTimestamp):
        Stamper(replace(Authority.configured(), url=address)).run()
    with pytest.raises(NoAnswer):
        Stamper(replace(Authority.configured(), url="http://127.0.0.1:9")).run()
    assert not Timestamp.objects.exists()


def test_a_timestamp_that_was_changed_is_found(database: Database, grow: Grow, authority: str) -> None:
    grow(3)
    Stamper(Authority.configured()).run()
    with database.superuser() as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("ALTER TABLE audits_timestamp DISABLE TRIGGER audits_refuse")
        place = "length(token) - 9"
        attacker.execute(
            f"UPDATE audits_timestamp SET token = set_byte(token, {place}, 255 - get_byte(token, {place}))"
        )
        attacker.execute("ALTER TABLE audits_timestamp ENABLE ALWAYS TRIGGER audits_refuse")
    assert [finding.code for step in verify().steps for finding in step.findings] == ["timestamp"]


def test_certificates_that_cannot_be_read_are_an_error(
    database: Database, authority: str, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "roots.pem").write_text("nonsense", "utf-8")
    with pytest.raises(NoTimestamp, match="COUNTERSIGN_TSA_CA"):
        Authority.configured()
    assert [finding.code for step in verify().steps for finding in step.findings] == ["no_timestamp"]


def test_the_workers_threads_publish_and_stamp_until_they_are_told_to_stop(
    database: Database, grow: Grow, authority: str, settings: Settings
) -> None:
    size = grow(3)
    stop = threading.Event()
    threads = [threading.Thread(target=target, args=(stop,)) for target in (publish_forever, stamp_forever)]
    for thread in threads:
        thread.start()
    waiting = threading.Event()
    for _ in range(200):
        if Timestamp.objects.exists() and tile_files().checkpoint() is not None:
            break
        waiting.wait(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert Timestamp.objects.get().size == size
    assert tile_files().checkpoint() == Checkpoint.objects.get(size=size).note
    assert verify().ok


def test_a_bundle_holds_the_timestamp_that_covers_its_entries(database: Database, grow: Grow, authority: str) -> None:
    grow(3)
    at = Stamper(Authority.configured()).run()
    stamped = grow(3)
    later = Stamper(replace(Authority.configured(), every=timedelta(0))).run()
    grow(3)
    assert at is not None
    assert later is not None
    for index, time in ((1, at), (stamped - 1, later)):
        report = verify_bundle(bundle_of([index]), trusted_key=verifying_key(), tsa_roots=[ROOT.certificate])
        (step,) = [step for step in report.passed if step.step == "timestamps"]
        assert step.proved
        assert f"{time:%Y-%m-%dT%H:%M:%SZ}" in step.said
