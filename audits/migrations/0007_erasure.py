"""Erasing texts beside the trail, and personal texts in rows that are never edited: only in an act that says so.

What an act of the kind ``audits.text.erased`` takes away is recorded as changes with the operation E, whose key is the
commitment: the entries keep it and every proof holds. Nothing else may leave audits_disclosure.
"""

from django.db import migrations

OPERATIONS = """
ALTER TABLE audits_change DROP CONSTRAINT audits_change_op_check;
ALTER TABLE audits_change ADD CONSTRAINT audits_change_op_check CHECK (op IN ('I', 'U', 'D', 'S', 'E'));
"""

FORMER_OPERATIONS = """
ALTER TABLE audits_change DROP CONSTRAINT audits_change_op_check;
ALTER TABLE audits_change ADD CONSTRAINT audits_change_op_check CHECK (op IN ('I', 'U', 'D', 'S'));
"""

FUNCTIONS = """
-- The epoch, where this transaction's act is one that erases and says why.
CREATE FUNCTION audits_require_erasure() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here integer := public.audits_current_epoch();
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.audits_act a WHERE a.epoch = here AND a.xid = pg_current_xact_id()
        AND a.kind = 'audits.text.erased' AND a.reason <> ''
    ) THEN
        RAISE EXCEPTION 'texts are erased in an act of their own, which says why'
        USING ERRCODE = '23514', HINT = 'Open an act of the kind audits.text.erased with a reason.';
    END IF;
    RETURN here;
END $$;

-- Take away the texts behind these commitments, and record which. What is gone already is passed over; the act's own
-- reason stays, since nobody could tell then why, and for the same reason that of any act that erased or archived.
CREATE FUNCTION audits_erase(commitments text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here integer := public.audits_require_erasure();
    erased integer;
BEGIN
    IF EXISTS (
        SELECT FROM public.audits_act a
        WHERE a.kind IN ('audits.text.erased', 'audits.segment.archived') AND a.reason = ANY (commitments)
        AND (a.epoch, a.xid) <> (here, pg_current_xact_id())
    ) THEN
        RAISE EXCEPTION 'the reason of an act that erased or archived stays' USING ERRCODE = '23514';
    END IF;
    WITH mine AS (
        SELECT a.reason FROM public.audits_act a WHERE a.epoch = here AND a.xid = pg_current_xact_id()
    ), gone AS MATERIALIZED (
        SELECT d.commitment FROM public.audits_disclosure d
        WHERE d.commitment = ANY (commitments) AND d.commitment <> (SELECT reason FROM mine)
        ORDER BY d.commitment COLLATE "C" FOR UPDATE
    )
    INSERT INTO public.audits_change (epoch, xid, tbl, op, key, diff)
    SELECT here, pg_current_xact_id(), 'audits_disclosure', 'E', gone.commitment, '{}' FROM gone;
    DELETE FROM public.audits_disclosure d USING public.audits_change c
    WHERE c.epoch = here AND c.xid = pg_current_xact_id() AND c.tbl = 'audits_disclosure' AND c.op = 'E'
      AND d.commitment = c.key;
    GET DIAGNOSTICS erased = ROW_COUNT;
    PERFORM public.audits_limit_act(here);
    RETURN erased;
END $$;

-- Blank personal columns of a row of a table whose rows are otherwise never edited. The table's own trigger sees to it
-- that nothing else changes; the capture records the blank with a commitment of its own.
CREATE FUNCTION audits_erase_row(tbl text, id text, fields text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target regclass := to_regclass('public.' || quote_ident(tbl));
    erased integer;
BEGIN
    PERFORM public.audits_require_erasure();
    IF cardinality(fields) = 0 OR NOT EXISTS (
        SELECT FROM pg_trigger t WHERE t.tgrelid = target AND t.tgname = 'audits_append_only'
        AND t.tgfoid = 'public.audits_keep_but_texts()'::regprocedure
    ) THEN
        RAISE EXCEPTION 'the rows of % are not blanked this way', tbl USING ERRCODE = '23514';
    END IF;
    EXECUTE (
        SELECT format('UPDATE %s SET %s WHERE %I::text = $1', target,
            (SELECT string_agg(format('%I = %L', f.name, ''), ', ') FROM unnest(fields) AS f (name)), a.attname)
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = target AND i.indisprimary
    ) USING id;
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN erased;
END $$;

-- On tables whose rows stay: an update passes only in an erasing act, and only where it empties personal columns, which
-- are the trigger's arguments.
CREATE FUNCTION audits_keep_but_texts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_NARGS > 0 AND EXISTS (
        SELECT FROM public.audits_act a WHERE a.epoch = public.audits_current_epoch() AND a.xid = pg_current_xact_id()
        AND a.kind = 'audits.text.erased' AND a.reason <> ''
    ) AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV AND NOT EXISTS (
        SELECT FROM unnest(TG_ARGV) AS f (name)
        WHERE to_jsonb(NEW) ->> f.name IS DISTINCT FROM to_jsonb(OLD) ->> f.name AND to_jsonb(NEW) ->> f.name <> ''
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% on % is refused: what is recorded there stays', TG_OP, TG_TABLE_NAME
    USING ERRCODE = '23514', HINT = 'Record a new act that corrects the earlier one.';
END $$;

-- Beside the trail: a text leaves by an erasing act of this very transaction, or not at all.
CREATE FUNCTION audits_keep_unless_erased() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.audits_change c WHERE c.epoch = public.audits_current_epoch() AND c.xid = pg_current_xact_id()
        AND c.tbl = 'audits_disclosure' AND c.op = 'E' AND c.key = OLD.commitment
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% on % is refused: what is recorded there stays', TG_OP, TG_TABLE_NAME
    USING ERRCODE = '23514', HINT = 'Texts are erased by audits_erase, in an act of the kind audits.text.erased.';
END $$;

REVOKE ALL ON FUNCTION audits_require_erasure(), audits_erase(text[]), audits_erase_row(text, text, text[]) FROM PUBLIC;
"""

DROP_FUNCTIONS = """
DROP FUNCTION audits_require_erasure(), audits_erase(text[]), audits_erase_row(text, text, text[]);
DROP FUNCTION audits_keep_unless_erased(), audits_keep_but_texts() CASCADE;
"""

# By name, as CREATE TRIGGER has them; the verification compares them with what is there.
DISCLOSURE_TRIGGERS = {
    "audits_refuse": (
        "CREATE TRIGGER audits_refuse BEFORE UPDATE OR TRUNCATE ON public.audits_disclosure"
        " FOR EACH STATEMENT EXECUTE FUNCTION audits_refuse()"
    ),
    "audits_erased": (
        "CREATE TRIGGER audits_erased BEFORE DELETE ON public.audits_disclosure"
        " FOR EACH ROW EXECUTE FUNCTION audits_keep_unless_erased()"
    ),
}
GUARDS = "DROP TRIGGER audits_refuse ON audits_disclosure;" + "".join(
    f"{definition}; ALTER TABLE audits_disclosure ENABLE ALWAYS TRIGGER {name};"
    for name, definition in DISCLOSURE_TRIGGERS.items()
)
FORMER_GUARDS = """
DROP TRIGGER audits_erased ON audits_disclosure;
DROP TRIGGER audits_refuse ON audits_disclosure;
CREATE TRIGGER audits_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audits_disclosure
    FOR EACH STATEMENT EXECUTE FUNCTION audits_refuse();
ALTER TABLE audits_disclosure ENABLE ALWAYS TRIGGER audits_refuse;
"""


class Migration(migrations.Migration):
    dependencies = [("audits", "0006_search")]

    operations = [
        migrations.RunSQL(OPERATIONS, FORMER_OPERATIONS),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(GUARDS, FORMER_GUARDS),
    ]
