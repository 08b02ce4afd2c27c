"""Personal texts can be erased: the act says why, every proof holds, and nothing else may go."""

from functools import partial

import psycopg
import pytest
from django.db import connection

from audits.errors import Conflict, DomainError, NotFound, NotPermitted
from audits.events import SegmentArchived
from audits.merkle.tree import leaf_hash, verify_inclusion
from audits.models import Disclosure, Entry, User
from audits.services.erasure import RowTexts, account_texts, erase, erase_account, plan_erasure
from audits.trail import act
from audits.trail.log import inclusion_proof, latest_checkpoint
from audits.trail.verification import VerificationReport, verify
from governance.services.people import assign_roles, close_account
from tests.clients import client_of, make_version
from tests.database import Database
from tests.people import acting, person


def _closed(compliance_officer: User) -> User:
    account = person("owner")
    close_account(actor=acting(compliance_officer), account=account, reason="Left the firm.")
    account.refresh_from_db()
    return account


def _codes(report: VerificationReport) -> set[str]:
    return {finding.code for step in report.steps for finding in step.findings}


def test_an_account_is_erased_with_every_former_name_and_everything_still_verifies(
    office: Database, compliance_officer: User
) -> None:
    account = _closed(compliance_officer)
    planned = plan_erasure(actor=acting(compliance_officer), rows=[account_texts(account)])
    assert planned.texts == 3  # The user name, the first and the last name; the address is empty.
    done = erase_account(actor=acting(compliance_officer), account=account, reason="Asked for it under Article 17.")
    size = office.sequence()
    account.refresh_from_db()
    assert (account.username, account.first_name, account.last_name) == (f"erased-{account.pk}", "", "")
    assert done.texts >= 3
    assert not Disclosure.objects.filter(value__in=["olivia", "Olivia", "Okafor"]).exists()
    report = verify()
    assert report.ok, _codes(report)
    checkpoint = latest_checkpoint()
    assert checkpoint is not None
    for entry in Entry.objects.filter(subject=f"audits.user:{account.pk}"):
        verify_inclusion(
            leaf=leaf_hash(bytes(entry.body)),
            index=entry.index,
            size=size,
            proof=inclusion_proof(entry.index, size),
            root=bytes(checkpoint.root),
        )


def test_what_is_not_erased_by_an_act_is_found_missing_and_what_comes_back_is_found(
    office: Database, compliance_officer: User
) -> None:
    account = _closed(compliance_officer)
    with office.superuser() as session:
        row = session.execute("SELECT commitment, salt, value FROM audits_disclosure WHERE value = 'olivia'").fetchone()
    assert row is not None
    erase_account(actor=acting(compliance_officer), account=account, reason="Asked for it.")
    office.sequence()
    assert verify().ok
    with office.superuser() as session:
        session.execute("INSERT INTO audits_disclosure VALUES (%s, %s, %s)", row)
    assert _codes(verify()) == {"disclosure_returned"}
    with office.superuser() as session:
        session.execute("ALTER TABLE audits_disclosure DISABLE TRIGGER ALL")
        session.execute("DELETE FROM audits_disclosure WHERE value IN ('olivia', 'victor')")
        session.execute("ALTER TABLE audits_disclosure ENABLE ALWAYS TRIGGER audits_refuse")
        session.execute("ALTER TABLE audits_disclosure ENABLE ALWAYS TRIGGER audits_erased")
    assert "disclosure_missing" in _codes(verify())


def test_the_reason_of_an_act_is_erased_by_somebody_else_than_who_gave_it(
    office: Database, compliance_officer: User
) -> None:
    assign_roles(actor=acting(compliance_officer), account=person("stranger"), roles=["auditor"], reason="Sam is ill.")
    office.sequence()
    entry = Entry.objects.get(kind="governance.roles.assigned")
    with pytest.raises(NotPermitted, match="your own act"):
        erase(actor=acting(compliance_officer), reasons=[entry.index], reason="It told of an illness.")
    assert Disclosure.objects.filter(value="Sam is ill.").exists()
    second = person("validator")
    assign_roles(
        actor=acting(compliance_officer), account=second, roles=["compliance_officer"], reason="A second one is needed."
    )
    second = User.objects.get(pk=second.pk)
    assert erase(actor=acting(second), reasons=[entry.index], reason="It told of an illness.").texts == 1
    assert not Disclosure.objects.filter(value="Sam is ill.").exists()
    with pytest.raises(Conflict, match="erased already"):
        erase(actor=acting(second), reasons=[entry.index], reason="Once more.")
    office.sequence()
    assert verify().ok


def test_why_something_was_erased_or_archived_is_erased_by_nobody(office: Database, compliance_officer: User) -> None:
    account = _closed(compliance_officer)
    erase_account(actor=acting(compliance_officer), account=account, reason="Asked for it.")
    archived = SegmentArchived(first=0, last=255, sha256="0" * 64, size=256, root="0" * 64)
    with act(archived, actor=acting(compliance_officer), subject="system:trail", reason="Past the period."):
        pass
    assign_roles(
        actor=acting(compliance_officer),
        account=person("validator"),
        roles=["compliance_officer"],
        reason="A second one is needed.",
    )
    office.sequence()
    second = acting(User.objects.get(pk=person("validator").pk))
    erasing = "SELECT audits_open_act('audits.text.erased', 'user:1', 'psql', 'system:trail', 'why', '{}')"
    for kind, said in (("audits.text.erased", "Asked for it."), ("audits.segment.archived", "Past the period.")):
        entry = Entry.objects.get(kind=kind)
        for attempt in (plan_erasure, partial(erase, reason="It told too much.")):
            with pytest.raises(DomainError, match="its reason stays"):
                attempt(actor=second, reasons=[entry.index])
        # Nor past the service: with the application's own role, and as the owner.
        commitment = Disclosure.objects.get(value=said).commitment
        for role in ("application", "owner"):
            with getattr(office, role)() as session, session.transaction(force_rollback=True):
                session.execute(erasing)
                with pytest.raises(psycopg.Error, match="of an act that erased or archived stays"):
                    session.execute("SELECT audits_erase(%s)", [[commitment]])
        assert Disclosure.objects.filter(commitment=commitment).exists()


def test_only_a_compliance_officer_erases_and_never_without_a_reason_nor_what_is_not_personal(
    office: Database, compliance_officer: User
) -> None:
    officer, texts = acting(compliance_officer), account_texts(person("owner"))
    before = Disclosure.objects.count()
    for role in ("owner", "validator", "risk_officer", "auditor", "stranger"):
        with pytest.raises(NotPermitted):
            erase(actor=acting(person(role)), rows=[texts], reason="Please.")
    with pytest.raises(DomainError, match="Say why"):
        erase(actor=officer, rows=[texts], reason="  ")
    with pytest.raises(DomainError, match="repeats a text"):
        erase(actor=officer, rows=[texts], reason="olivia asked for it")
    with pytest.raises(DomainError, match="Only personal columns"):
        erase(actor=officer, rows=[RowTexts(table="audits_user", key=texts.key, fields=("is_active",))], reason="x")
    with pytest.raises(NotFound):
        erase(actor=officer, rows=[RowTexts(table="audits_user", key="999", fields=("email",))], reason="x")
    with pytest.raises(NotFound):
        erase(actor=officer, rows=[RowTexts(table="audits_act", key="1", fields=("reason",))], reason="x")
    with pytest.raises(NotPermitted, match="own account"):
        erase(actor=officer, rows=[account_texts(compliance_officer)], reason="Forget me.")
    with pytest.raises(Conflict, match="Close the account first"):
        erase_account(actor=officer, account=person("owner"), reason="Asked.")
    assert Disclosure.objects.count() == before


def test_the_database_lets_texts_go_in_an_erasing_act_alone(office: Database) -> None:
    office.sequence()
    erasing = "SELECT audits_open_act('audits.text.erased', 'user:1', 'psql', 'system:trail', %s, '{}')"
    commitment = Disclosure.objects.filter(value="olivia").values_list("commitment", flat=True)[0]
    for role in ("application", "owner"):
        for opening in (None, (erasing, ""), (erasing.replace("text.erased", "text.exported"), "why")):
            with getattr(office, role)() as session, session.transaction(force_rollback=True):
                if opening is not None:
                    session.execute(opening[0], [opening[1]])
                with pytest.raises(psycopg.Error, match=r"in an act of their own"):
                    session.execute("SELECT audits_erase(%s)", [[commitment]])
    # Even in such an act the owner deletes no text past the function, and the application nothing at all.
    with office.owner() as session, session.transaction(force_rollback=True):
        session.execute(erasing, ["why"])
        with pytest.raises(psycopg.Error, match="what is recorded there stays"):
            session.execute("DELETE FROM audits_disclosure WHERE commitment = %s", [commitment])
    with office.application() as session, pytest.raises(psycopg.Error, match="permission denied"):
        session.execute("DELETE FROM audits_disclosure")


def test_an_erasing_act_empties_personal_columns_of_rows_that_stay_and_no_other(filled: Database) -> None:
    filled.sequence()
    erasing = "SELECT audits_open_act('audits.text.erased', 'user:1', 'psql', 'system:trail', 'why', '{}')"
    with connection.cursor() as cursor:
        cursor.execute("SELECT id::text FROM governance_approval LIMIT 1")
        (key,) = cursor.fetchone()
    for fields, said in ((["role"], "what is recorded there stays"), ([], "not blanked")):
        with filled.application() as session, session.transaction(force_rollback=True):
            session.execute(erasing)
            with pytest.raises(psycopg.Error, match=said):
                session.execute("SELECT audits_erase_row('governance_approval', %s, %s::text[])", [key, fields])
    with filled.application() as session, session.transaction(force_rollback=True):
        session.execute(erasing)
        with pytest.raises(psycopg.Error, match="not blanked"):
            session.execute("SELECT audits_erase_row('audits_user', '1', '{username}')")
    with filled.owner() as session, session.transaction(force_rollback=True):
        session.execute(erasing)
        with pytest.raises(psycopg.Error, match="what is recorded there stays"):
            session.execute("UPDATE governance_approval SET comment = 'other' WHERE comment <> 'other'")
    with filled.application() as session, session.transaction():
        session.execute(erasing)
        session.execute("SELECT audits_erase_row('governance_approval', %s, '{comment,signer_name}')", [key])
        session.execute(
            "SELECT audits_erase(array_agg(d.c)) FROM (SELECT diff::json #>> '{comment,committed}' AS c"
            " FROM audits_change WHERE tbl = 'governance_approval' AND key = %s AND op = 'I') d",
            [key],
        )
    filled.sequence()
    report = verify()
    assert report.ok, _codes(report)


def test_over_http_a_dry_run_says_what_would_go_and_changes_nothing(
    office: Database, compliance_officer: User, owner: User
) -> None:
    model = make_version().model
    office.sequence()
    client, path = client_of("compliance_officer"), "/api/v1/trail/erasures"
    wanted = {
        "rows": [{"table": "registry_registeredmodel", "key": str(model.pk), "columns": ["intended_purpose"]}],
        "reason": "Asked for it.",
    }
    assert client.post(path, {**wanted, "dry_run": True}).json() == {"texts": 1, "erased": False}
    assert Disclosure.objects.filter(value=model.intended_purpose).exists()
    answer = client.post(path, wanted)
    assert answer.status_code == 201
    assert (answer.json()["texts"], answer.json()["erased"]) == (1, True)
    model.refresh_from_db()
    assert model.intended_purpose == ""
    assert client.post(path, {"rows": wanted["rows"]}).json()["code"] == "no_reason"
    assert client_of("auditor").post(path, wanted).status_code == 403
    office.sequence()
    report = verify()
    assert report.ok, _codes(report)
