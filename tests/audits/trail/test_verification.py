"""Beyond rows: files, triggers, functions, roles, snapshots, outside checkpoints, and the command itself."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from pytest_django import Settings

from audits.artifacts import store
from audits.models import Checkpoint, User
from audits.trail.installation import install
from audits.trail.keys import signer_state
from audits.trail.verification import Finding, verify
from audits.trail.verification.engine import STEPS
from registry.models import ModelVersion
from tests.audits.trail.attacker import Attacker
from tests.audits.trail.occasions import some_act, some_user
from tests.database import Database, django_uses


def step(number: int) -> tuple[Finding, ...]:
    return verify().steps[number - 1].findings


def stored_file(own_directories: Path, digest: str) -> Path:
    return own_directories / "artifacts" / "sha256" / digest[:2] / digest


def test_a_file_that_was_changed_or_removed_is_named_by_the_row_that_needs_it(
    filled: Database, own_directories: Path
) -> None:
    changed, removed = ModelVersion.objects.order_by("artifact_digest")
    path = stored_file(own_directories, changed.artifact_digest)
    path.chmod(0o600)
    path.write_bytes(b"another model")
    stored_file(own_directories, removed.artifact_digest).unlink()
    found = {finding.key: finding for finding in step(6)}
    assert set(found) == {str(changed.pk), str(removed.pk)}
    assert {finding.field for finding in found.values()} == {"artifact_digest"}
    assert "was changed on disk" in found[str(changed.pk)].message
    assert "is not in the store" in found[str(removed.pk)].message


def test_a_figure_of_evidence_is_a_file_too(filled: Database, own_directories: Path) -> None:
    stored_file(own_directories, store.put_bytes(b"audits.Evidence figure").digest).unlink()
    assert {(finding.table, finding.field) for finding in step(6)} == {("audits_evidence", "figures")}


GUARDS = [
    ("ALTER TABLE audits_user DISABLE TRIGGER audits_u", "trigger_disabled", "audits_u"),
    ("ALTER TABLE audits_user ENABLE TRIGGER audits_i", "trigger_disabled", "audits_i"),
    ("ALTER TABLE audits_user ENABLE REPLICA TRIGGER audits_d", "trigger_disabled", "audits_d"),
    ("ALTER TABLE audits_act DISABLE TRIGGER audits_refuse", "trigger_disabled", "audits_refuse"),
    ("DROP TRIGGER audits_truncate ON audits_user", "trigger_missing", "audits_truncate"),
    ("DROP TRIGGER audits_refuse ON audits_change", "trigger_missing", "audits_refuse"),
    (
        "CREATE OR REPLACE TRIGGER audits_key AFTER UPDATE ON audits_user FOR EACH ROW WHEN (false)"
        " EXECUTE FUNCTION audits_refuse_moved_key(); ALTER TABLE audits_user ENABLE ALWAYS TRIGGER audits_key",
        "trigger_changed",
        "audits_key",
    ),
    (
        "CREATE OR REPLACE FUNCTION audits_capture_audits_user_u() RETURNS trigger LANGUAGE plpgsql"
        " SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1"
        " SET \"DateStyle\" = 'ISO' AS 'BEGIN RETURN NULL; END'",
        "function_changed",
        "audits_capture_audits_user_u",
    ),
    (
        "ALTER FUNCTION audits_capture_audits_user_i() SECURITY INVOKER",
        "function_changed",
        "audits_capture_audits_user_i",
    ),
    ("ALTER FUNCTION audits_require_act(text) RESET search_path", "function_changed", "audits_require_act"),
    ("GRANT EXECUTE ON FUNCTION audits_commit(text) TO PUBLIC", "function_changed", "audits_commit"),
    ("DROP TRIGGER governance_signature ON governance_approval", "trigger_missing", "governance_signature"),
    (
        "ALTER TABLE governance_signoff DISABLE TRIGGER governance_signature",
        "trigger_disabled",
        "governance_signature",
    ),
    (
        "CREATE OR REPLACE FUNCTION governance_check_signature() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        " SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW; END'",
        "function_changed",
        "governance_check_signature",
    ),
    (
        "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.actor := ''user:2''; RETURN NEW; END';"
        " CREATE TRIGGER evil BEFORE INSERT ON audits_act FOR EACH ROW EXECUTE FUNCTION evil()",
        "trigger_extra",
        "evil",
    ),
    (
        "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        " CREATE TRIGGER aaa BEFORE DELETE ON governance_apitoken FOR EACH ROW EXECUTE FUNCTION drop_it()",
        "trigger_extra",
        "aaa",
    ),
    (
        "CREATE TRIGGER hidden BEFORE INSERT ON audits_entry FOR EACH ROW EXECUTE FUNCTION drop_it();"
        " UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'hidden'",
        "trigger_extra",
        "hidden",
    ),
    (
        "CREATE FUNCTION audits_open_act(text, text, text, text, text, json) RETURNS uuid LANGUAGE sql"
        " AS 'SELECT gen_random_uuid()'",
        "function_extra",
        "audits_open_act",
    ),
    (
        "CREATE FUNCTION backdoor() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM audits_entry'",
        "function_extra",
        "backdoor",
    ),
    (
        "ALTER FUNCTION audits_append(integer) OWNER TO CURRENT_USER",
        "function_changed",
        "audits_append",
    ),
    ("ALTER TABLE audits_act DROP CONSTRAINT audits_act_actor_check", "constraint_missing", "audits_act_actor_check"),
    ("ALTER TABLE audits_entry DROP CONSTRAINT audits_entry_pkey", "constraint_missing", "audits_entry_pkey"),
    (
        "ALTER TABLE audits_change ADD CHECK (tbl <> 'audits_user') NOT VALID",
        "constraint_extra",
        "audits_change_tbl_check",
    ),
    (
        "CREATE FUNCTION evt() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        " CREATE EVENT TRIGGER evt ON ddl_command_end EXECUTE FUNCTION evt()",
        "event_trigger",
        "evt",
    ),
    ("ALTER TABLE audits_act ALTER at SET DEFAULT '2001-01-01'", "default_changed", "at"),
    ("ALTER TABLE audits_change ALTER n SET GENERATED BY DEFAULT", "default_changed", "n"),
    (
        "CREATE FUNCTION to_json(text) RETURNS json LANGUAGE sql AS 'SELECT json_build_array($1) -> 0'",
        "function_shadowed",
        "to_json",
    ),
    (
        "CREATE FUNCTION joined(integer, text) RETURNS text LANGUAGE sql AS 'SELECT $2';"
        " CREATE OPERATOR || (LEFTARG = integer, RIGHTARG = text, FUNCTION = joined)",
        "operator_extra",
        "||",
    ),
    ("CREATE RULE quiet AS ON UPDATE TO audits_user DO INSTEAD NOTHING", "rule", "quiet"),
]


def test_a_guard_that_was_switched_off_or_replaced_is_named(database: Database, subtests: pytest.Subtests) -> None:
    assert step(7) == ()
    for statement, code, key in GUARDS:
        with subtests.test(statement=statement):
            with database.superuser() as superuser:
                superuser.execute(statement)
            assert (code, key) in {(finding.code, finding.key) for finding in step(7)}


def test_a_table_or_function_that_the_application_finds_before_ours_is_named(database: Database) -> None:
    some_user("ann")
    role = database.cluster.server.application_role
    with database.owner() as owner:
        owner.execute(f'CREATE SCHEMA "{role}"')
        owner.execute(f'CREATE TABLE "{role}".audits_user AS TABLE public.audits_user')
        owner.execute(f"CREATE FUNCTION \"{role}\".audits_commit(text) RETURNS text LANGUAGE sql AS 'SELECT $1'")
        owner.execute(f'GRANT USAGE ON SCHEMA "{role}" TO "{role}"')
        owner.execute(f'GRANT ALL ON "{role}".audits_user TO "{role}"')
    connections.close_all()
    assert User.objects.update(email="past every trigger") == 1
    assert {(finding.code, finding.key, finding.there) for finding in step(7)} == {
        ("table_shadowed", "audits_user", role),
        ("function_shadowed", "audits_commit", role),
    }


def test_a_function_that_fits_better_than_postgresqls_own_does_not_hide_a_forged_act(database: Database) -> None:
    with some_act():
        pass
    database.sequence()
    with database.superuser() as superuser:
        with Attacker(superuser).unguarded("audits_act"):
            superuser.execute("UPDATE audits_act SET subject = 'test:forged' WHERE subject = 'test:thing'")
        superuser.execute(
            "CREATE FUNCTION to_json(text) RETURNS json LANGUAGE sql"
            " AS $$ SELECT json_build_array(replace($1, 'test:forged', 'test:thing')) -> 0 $$"
        )
    assert ("function_shadowed", "to_json") in {(finding.code, finding.key) for finding in step(7)}


RIGHTS = [
    ("GRANT UPDATE ON audits_entry TO {role}", "role_rights"),
    ("GRANT INSERT (tbl) ON audits_change TO {role}", "role_rights"),
    ("GRANT TRUNCATE ON audits_user TO {role}", "role_rights"),
    ("GRANT UPDATE ON audits_evidence TO PUBLIC", "role_rights"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "role_rights"),
    ("GRANT EXECUTE ON FUNCTION audits_commit(text) TO {role}", "role_rights"),
    ("GRANT UPDATE ON SEQUENCE audits_change_n_seq TO {role}", "role_rights"),
    ("GRANT USAGE ON SEQUENCE audits_change_n_seq TO {role}", "role_rights"),
    ("GRANT TEMPORARY ON DATABASE {database} TO PUBLIC", "role_rights"),
    ("ALTER DATABASE {database} SET session_replication_role = replica", "role_parameter"),
    ("ALTER ROLE {role} IN DATABASE {database} SET search_path = evil, public", "role_parameter"),
    (
        "CREATE FUNCTION lent() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM audits_entry'",
        "role_rights",
    ),
    ("ALTER TABLE audits_user OWNER TO {role}", "role_owns"),
]


def test_a_right_too_many_of_the_applications_role_is_named(database: Database, subtests: pytest.Subtests) -> None:
    assert step(8) == ()
    role = database.cluster.server.application_role
    for statement, code in RIGHTS:
        with subtests.test(statement=statement), database.superuser() as superuser:
            superuser.execute(statement.format(role=role, database=database.name))
            assert code in {finding.code for finding in step(8)}
        connections.close_all()


# These hold for the whole server, on which other tests are at work: they are lent to a role of this test's own.
RIGHTS_OF_THE_SERVER = [
    ("GRANT SET ON PARAMETER session_replication_role TO {role}", "role_parameter"),
    (
        "CREATE ROLE {helper}; GRANT DELETE ON audits_entry TO {helper}; GRANT {helper} TO {role} WITH INHERIT FALSE",
        "role_rights",
    ),
]


@pytest.mark.parametrize(("statement", "code"), RIGHTS_OF_THE_SERVER)
def test_a_right_that_is_lent_on_the_whole_server_is_named(
    database: Database, settings: Settings, statement: str, code: str
) -> None:
    role, helper = f"{database.name}_role", f"{database.name}_helper"
    settings.COUNTERSIGN_APPLICATION_ROLE = role
    with database.superuser() as superuser:
        superuser.execute(f"CREATE ROLE {role} IN ROLE {database.cluster.server.application_role}")
        try:
            assert step(8) == ()
            superuser.execute(statement.format(role=role, helper=helper))
            assert code in {finding.code for finding in step(8)}
        finally:
            for one in (role, helper):
                found = superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", [one]).fetchone()
                if found is not None:
                    superuser.execute(f"DROP OWNED BY {one}")
                    superuser.execute(f"DROP ROLE {one}")


def test_the_newest_checkpoint_and_the_one_kept_outside_must_agree_with_the_log(database: Database) -> None:
    some_user("ann")
    database.sequence()
    outside = signer_state().note()
    some_user("ben")
    database.sequence()
    assert verify(outside_checkpoint=outside).ok
    forged = outside.replace("\n1\n", "\n2\n")
    assert [finding.code for finding in verify(outside_checkpoint=forged).steps[0].findings] == ["outside"]


def test_a_checkpoint_kept_outside_betrays_a_database_that_was_set_back_with_its_signer(
    database: Database, own_directories: Path
) -> None:
    some_user("ann")
    database.sequence()
    connections.close_all()
    earlier, memory = database.cluster.clone(source=database.name), signer_state().note()
    some_user("ben")
    database.sequence()
    outside = signer_state().note()
    (own_directories / "signer" / "checkpoint").write_text(memory)
    with django_uses(earlier):
        assert verify().ok
        report = verify(outside_checkpoint=outside)
        assert [finding.code for finding in report.steps[1].findings] == ["rolled_back"]
        some_user("eve")
        database.sequence()
        report = verify(outside_checkpoint=outside)
        assert [finding.code for finding in report.steps[1].findings] == ["root"]
    database.cluster.drop(earlier)


def test_a_broken_table_is_a_finding_and_stops_no_other_step(database: Database) -> None:
    some_user("ann")
    database.sequence()
    with database.superuser() as superuser:
        superuser.execute(
            "ALTER TABLE audits_disclosure RENAME TO hidden; ALTER TABLE registry_deployment RENAME TO gone"
        )
    report = verify()
    codes = {step.number: {finding.code for finding in step.findings} for step in report.steps}
    assert "step_failed" in codes[4]
    assert codes[1] == codes[2] == set()
    assert len(report.steps) == len(STEPS)


def test_a_column_that_a_migration_adds_comes_under_the_trail_with_the_rows_as_they_stand(database: Database) -> None:
    user = some_user("ann", email="ann@example.org")
    with database.owner() as owner:
        owner.execute("ALTER TABLE audits_user ADD COLUMN shoe_size smallint DEFAULT 42")
    assert {finding.field for finding in step(5)} == {"shoe_size"}
    install(connections["owner"])
    database.sequence()
    # Whoever added it, no model of ours has it.
    assert [(found.code, found.key) for each in verify().steps for found in each.findings] == [
        ("column_extra", "shoe_size")
    ]
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET shoe_size = 43, email = 'forged@example.org'")
    found = {finding.field: finding for finding in step(5)}
    assert (found["shoe_size"].trail, found["shoe_size"].there, found["shoe_size"].key) == (42, 43, str(user.pk))
    assert (found["email"].trail, found["email"].there) == ("ann@example.org", "forged@example.org")


def test_a_snapshot_that_finds_other_rows_than_the_trail_says_so(database: Database) -> None:
    some_user("ann", email="ann@example.org")
    some_user("ben")
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET email = 'forged@example.org' WHERE username = 'ann'")
        superuser.execute("DELETE FROM audits_user WHERE username = 'ben'")
    with database.owner() as owner:
        owner.execute("ALTER TABLE audits_user ADD COLUMN shoe_size smallint")
    install(connections["owner"])
    database.sequence()
    found = step(5)
    assert [(finding.field, finding.trail, finding.there) for finding in found if finding.field] == [
        ("email", "ann@example.org", "forged@example.org")
    ]
    assert [finding.message for finding in found if "missing from the snapshot" in finding.message]


def test_the_command_sequences_first_and_says_that_all_is_well(database: Database) -> None:
    some_user("ann")
    out, err = StringIO(), StringIO()
    call_command("verify", stdout=out, stderr=err)
    assert "Everything is as the trail says" in out.getvalue()
    assert "1 entries, 0 acts waiting" in out.getvalue()
    assert f"{len(STEPS)}/{len(STEPS)} " in err.getvalue()


def test_the_command_may_read_only(database: Database) -> None:
    some_user("ann")
    out = StringIO()
    call_command("verify", "--read-only", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert (report["ok"], report["entries"], report["pending"]) == (True, 0, 1)
    assert not Checkpoint.objects.exists()


def test_the_command_exits_with_1_and_names_table_row_and_field(database: Database) -> None:
    user = some_user("ann")
    with database.superuser() as superuser, Attacker(superuser).unguarded("audits_user"):
        superuser.execute("UPDATE audits_user SET is_superuser = true")
    out = StringIO()
    with pytest.raises(SystemExit) as exit_:
        call_command("verify", stdout=out, stderr=StringIO())
    assert exit_.value.code == 1
    assert f"where: audits_user {user.pk} is_superuser (entry 0)" in out.getvalue()
    assert "the trail says: false" in out.getvalue()
    assert "there is:       true" in out.getvalue()


def test_the_command_reports_an_alarm_of_the_sequencer_and_goes_on(database: Database, own_directories: Path) -> None:
    some_user("ann")
    database.sequence()
    (own_directories / "signer" / "checkpoint").unlink()
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert "memory of them is gone" in report["alarm"]
    assert [step["ok"] for step in report["steps"]] == [False, *[True] * (len(STEPS) - 1)]


def test_the_command_refuses_a_checkpoint_file_that_it_cannot_read(database: Database) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify", "--checkpoint", "no-such-file")


def test_a_change_inside_an_act_is_not_mistaken_for_one_outside(database: Database) -> None:
    user = some_user("ann", email="ann@example.org")
    for email in ("one@example.org", "two@example.org", ""):
        with some_act():
            type(user).objects.filter(pk=user.pk).update(email=email, last_login=None)
    with some_act():
        user.delete()
    database.sequence()
    assert verify().ok
