"""The database's own rules for signatures: one's own act, one's own role, never one's own work, and the database's time.

They hold for every way of writing, also for a shell and for raw SQL as the application's role.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION governance_check_signature() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor text;
BEGIN
    SELECT a.actor INTO actor FROM public.audits_act a
    WHERE a.epoch = public.audits_current_epoch() AND a.xid = pg_current_xact_id();
    IF actor IS DISTINCT FROM 'user:' || NEW.signer_id THEN
        RAISE EXCEPTION 'a signature is given in an act of the signer, not of %', coalesce(actor, 'nobody')
        USING ERRCODE = '23514', HINT = 'Open the act with the signer as its actor.';
    END IF;
    IF NOT EXISTS (
        SELECT FROM public.audits_user_groups ug JOIN public.auth_group g ON g.id = ug.group_id
        WHERE ug.user_id = NEW.signer_id AND g.name = NEW.role
    ) THEN
        RAISE EXCEPTION 'user % does not have the role %', NEW.signer_id, NEW.role
        USING ERRCODE = '23514', HINT = 'Only who has the role signs in it.';
    END IF;
    IF NOT EXISTS (SELECT FROM public.audits_user u WHERE u.id = NEW.signer_id AND u.is_active AND u.password_is_own) THEN
        RAISE EXCEPTION 'user % is closed, or has a password that somebody else set', NEW.signer_id
        USING ERRCODE = '23514', HINT = 'The person chooses a password of their own, then signs.';
    END IF;
    IF NEW.role <> 'owner' AND EXISTS (
        SELECT FROM public.registry_modelversion v JOIN public.registry_registeredmodel m ON m.id = v.model_id
        WHERE v.id = NEW.version_id AND NEW.signer_id IN (m.owner_id, v.owner_then_id, v.registered_by_id)
    ) THEN
        RAISE EXCEPTION 'nobody approves their own work: user % owns the model or registered the version', NEW.signer_id
        USING ERRCODE = '23514', HINT = 'Somebody else with that role signs.';
    END IF;
    IF NEW.role = 'owner' AND NOT EXISTS (
        SELECT FROM public.registry_modelversion v JOIN public.registry_registeredmodel m ON m.id = v.model_id
        WHERE v.id = NEW.version_id AND NEW.signer_id = m.owner_id
    ) THEN
        RAISE EXCEPTION 'user % does not own this model', NEW.signer_id
        USING ERRCODE = '23514', HINT = 'Where the owner signs, it is the owner of this very model.';
    END IF;
    IF TG_TABLE_NAME = 'governance_approval' THEN
        IF NEW.role NOT IN ('validator', 'compliance_officer') THEN
            RAISE EXCEPTION 'a version is approved by a validator and a compliance officer, not as %', NEW.role
            USING ERRCODE = '23514';
        END IF;
        IF EXISTS (
            SELECT FROM public.governance_approval a
            JOIN public.audits_user theirs ON theirs.id = a.signer_id
            JOIN public.audits_user mine ON mine.id = NEW.signer_id
            WHERE a.version_id = NEW.version_id AND a.role <> NEW.role
              AND (theirs.password_set_by = 'user:' || mine.id OR mine.password_set_by = 'user:' || theirs.id)
        ) THEN
            RAISE EXCEPTION 'two people approve who could not sign for each other: one set the password of the other'
            USING ERRCODE = '23514', HINT = 'Somebody else approves.';
        END IF;
        IF EXISTS (
            SELECT FROM public.governance_approval a
            WHERE a.version_id = NEW.version_id AND a.signer_id = NEW.signer_id AND a.role <> NEW.role
        ) THEN
            RAISE EXCEPTION 'two different people approve: user % gave a verdict in another role', NEW.signer_id
            USING ERRCODE = '23514', HINT = 'A second person approves.';
        END IF;
    END IF;
    NEW.signed_at := clock_timestamp();
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION governance_check_signature() FROM PUBLIC;
"""
TABLES = ["governance_signoff", "governance_approval", "governance_riskacceptance"]
TRIGGER = "governance_signature"
DEFINITION = (
    "CREATE TRIGGER governance_signature BEFORE INSERT ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION governance_check_signature()"
)
CREATE = "".join(
    f"{DEFINITION.format(table=table)}; ALTER TABLE {table} ENABLE ALWAYS TRIGGER {TRIGGER};" for table in TABLES
)
DROP = "".join(f"DROP TRIGGER {TRIGGER} ON {table};" for table in TABLES)


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial"), ("audits", "0002_trail"), ("registry", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION governance_check_signature();"),
        migrations.RunSQL(CREATE, DROP),
    ]
