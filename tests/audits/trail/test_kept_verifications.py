"""What a verification came to is kept: as an act, a row and a file; and monitoring is told."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audits.artifacts import store
from audits.models import Entry, Verification, VerificationRun
from audits.services import trail_health as health
from audits.services.verification import ask_verification, is_due, run_verification, verify_trail
from audits.tasks import verify_nightly
from audits.trail.verification import verify
from audits.trail.verification.resuming import NotResumable
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import ROBOT, some_act, some_user
from tests.database import Database


def test_a_result_is_an_act_with_its_counts_a_row_and_a_file_that_the_next_one_re_hashes(database: Database) -> None:
    some_user("ann")
    size = database.sequence()
    result = verify_trail(actor=ROBOT)
    assert (result.ok, result.entries, result.differences) == (True, size, 0)
    database.sequence()
    entry = Entry.objects.get(kind="audits.trail.verified")
    data = json.loads(bytes(entry.body))["act"]["data"]
    assert (data["ok"], data["entries"], data["size"], data["codes"]) == (True, size, size, {})
    assert data["report"] == result.report_digest
    report = json.loads(store.read(result.report_digest))
    assert [step["ok"] for step in report["steps"]] == [True] * len(report["steps"])
    assert verify().ok
    assert verify().steps[5].checked == 1


def test_differences_are_counted_by_kind_and_named_by_place_without_what_stands_there(database: Database) -> None:
    user = some_user("ann", email="ann@example.org")
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET email = 'forged@example.org', is_staff = true")
    result = verify_trail(actor=ROBOT)
    assert (result.ok, result.differences) == (False, 2)
    database.sequence()
    data = json.loads(bytes(Entry.objects.get(kind="audits.trail.verified").body))["act"]["data"]
    assert data["codes"] == {"field": 2}
    report = store.read(result.report_digest).decode()
    assert "ann@example.org" not in report
    assert "forged@example.org" not in report
    found = [finding for step in json.loads(report)["steps"] for finding in step["findings"]]
    assert {finding["field"] for finding in found} == {"email", "is_staff"}
    assert {(finding["key"], finding["act"]["actor"]) for finding in found} == {(str(user.pk), "system:test")}


def test_a_row_that_differs_is_named_with_the_act_that_last_set_the_field(database: Database) -> None:
    user = some_user("ann")
    with some_act() as later:
        type(user).objects.filter(pk=user.pk).update(is_staff=True)
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET is_staff = false, is_superuser = true")
    found = {finding.field: finding for finding in verify().steps[4].findings}
    assert (found["is_staff"].index, found["is_superuser"].index) == (1, 0)
    assert found["is_staff"].act is not None
    assert (found["is_staff"].act.id, found["is_staff"].act.actor) == (str(later.id), "system:test")


def test_every_differing_row_is_listed(database: Database) -> None:
    for number in range(300):
        some_user(f"user{number}")
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET is_staff = true")
    step = verify().steps[4]
    assert len(step.findings) == step.total == 300


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, "2026-05-04 01:00", True),
        ("2026-05-03 02:23", "2026-05-04 01:23", False),
        ("2026-05-03 02:23", "2026-05-04 02:23", True),
        ("2026-05-04 02:23", "2026-05-04 03:23", False),
        ("2026-05-01 02:23", "2026-05-04 11:23", True),
    ],
)
def test_a_verification_is_due_once_a_night_and_a_missed_one_is_made_up_for(
    database: Database, last: str | None, now: str, due: bool
) -> None:
    if last is not None:
        _kept(datetime.fromisoformat(last).replace(tzinfo=UTC))
    assert is_due(datetime.fromisoformat(now).replace(tzinfo=UTC)) == due


def _kept(at: datetime, *, ok: bool = True) -> None:
    with some_act():
        Verification.objects.create(
            started_at=at,
            finished_at=at,
            ok=ok,
            since=0,
            entries=1,
            pending=0,
            differences=0 if ok else 1,
            report_digest=store.put_bytes(b"{}").digest,
        )


def test_the_worker_verifies_at_night_and_once(database: Database) -> None:
    verify_nightly(timestamp=0)
    verify_nightly(timestamp=0)
    assert Verification.objects.count() == 1


def test_a_run_says_how_it_comes_on_and_what_came_of_it(database: Database) -> None:
    some_user("ann")
    run = ask_verification(actor=ROBOT)
    assert ask_verification(actor=ROBOT).pk == run.pk
    result = run_verification(actor=ROBOT, run=run)
    done = VerificationRun.objects.get()
    assert (done.result_id, done.problem) == (result.pk, "")
    assert done.number == done.steps > 7
    assert ask_verification(actor=ROBOT).pk != run.pk


def asked() -> tuple[int, dict[str, object]]:
    response = Client(headers={"host": "localhost"}).get("/healthz/trail")
    return response.status_code, response.json()


def test_monitoring_is_told_that_all_is_well(database: Database) -> None:
    some_user("ann")
    verify_trail(actor=ROBOT)
    database.sequence()
    status, said = asked()
    assert (status, said["ok"], said["problems"], said["verified"]) == (200, True, [], True)
    assert (said["entries"], said["pending"]) == (2, 0)


@pytest.mark.parametrize(("ok", "age", "problem"), [(False, 1, "differs"), (True, 27, "not_verified")])
def test_monitoring_is_told_what_is_not_well(database: Database, ok: bool, age: int, problem: str) -> None:
    _kept(timezone.now() - timedelta(hours=age), ok=ok)
    database.sequence()
    status, said = asked()
    assert (status, said["ok"], said["problems"]) == (503, False, [problem])


def test_monitoring_is_told_of_a_sequencer_that_stands_and_of_a_transaction_left_open(
    database: Database, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    some_user("ann")
    monkeypatch.setattr(health, "LONGEST_WAIT", 0.0)
    settings.TRAIL_OPEN_SECONDS = 0
    with database.application() as session, session.transaction():
        session.execute("SELECT pg_current_xact_id()")
        status, said = asked()
    assert (status, said["problems"]) == (503, ["sequencer_behind", "long_transaction"])


def test_a_verification_goes_on_from_the_last_that_held_and_still_compares_every_row(database: Database) -> None:
    user = some_user("ann", email="ann@example.org")
    with some_act(reason="Because."):
        pass
    first = database.sequence()
    assert verify(keeping=True).ok
    assert verify(since_last=True).since == first
    with some_act(reason="And because."):
        type(user).objects.filter(pk=user.pk).update(is_staff=True)
    some_user("ben")
    size = database.sequence()
    report = verify(since_last=True, keeping=True)
    assert (report.ok, report.since, report.entries) == (True, first, size)
    assert report.steps[1].checked == size - first
    assert any(f"The first {first} entries" in sentence for sentence in report.not_checked)
    assert verify(since_last=True).since == size
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET is_superuser = true, is_staff = NOT is_staff")
    found = verify(since_last=True).steps[4].findings
    assert {(finding.field, finding.index) for finding in found if finding.key == str(user.pk)} == {
        ("is_superuser", 0),
        ("is_staff", 2),
    }


def test_acts_that_are_no_entries_yet_are_not_taken_for_verified(database: Database) -> None:
    user = some_user("ann")
    database.sequence()
    with some_act():
        type(user).objects.filter(pk=user.pk).update(is_staff=True)
    assert verify(keeping=True).ok
    database.sequence()
    assert verify(since_last=True).ok


def test_going_on_needs_a_state_that_this_installation_kept(database: Database, own_directories: Path) -> None:
    with pytest.raises(NotResumable, match="full one first"):
        verify(since_last=True)
    some_user("ann")
    database.sequence()
    verify(keeping=True)
    kept = own_directories / "verification" / "verified"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(kept.read_bytes().replace(b"false", b"true "))
    with pytest.raises(NotResumable, match="is not what a verification"):
        verify(since_last=True)


def test_a_verification_that_does_not_hold_is_nothing_to_go_on_from(database: Database, own_directories: Path) -> None:
    some_user("ann")
    database.sequence()
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET is_staff = true")
    assert not verify(keeping=True).ok
    assert list((own_directories / "verification").iterdir()) == []


def test_entries_cut_off_since_the_last_verification_are_missed(database: Database) -> None:
    for name in ("ann", "ben", "cho"):
        some_user(name)
    database.sequence()
    verify(keeping=True)
    with database.superuser() as superuser:
        with Attacker(superuser).unguarded("audits_entry"):
            superuser.execute("DELETE FROM audits_entry WHERE index >= 1")
        with Attacker(superuser).unguarded("audits_checkpoint"):
            superuser.execute("DELETE FROM audits_checkpoint WHERE size > 1")
    report = verify(since_last=True)
    assert {finding.code for finding in report.steps[0].findings} == {"rolled_back"}
    assert "index" in {finding.code for finding in report.steps[1].findings}


def test_the_command_says_by_its_exit_status_that_it_could_not_verify(database: Database) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("verify", "--since-last", stdout=StringIO(), stderr=StringIO())
    assert refused.value.returncode == 2
    out = StringIO()
    call_command("verify", stdout=StringIO(), stderr=StringIO())
    call_command("verify", "--since-last", stdout=out, stderr=StringIO())
    assert "Everything is as the trail says" in out.getvalue()
