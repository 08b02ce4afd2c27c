"""The database's own functions that make entries of acts, and keep checkpoints: the only ways into the log."""

from django.db import migrations

from audits.trail.assembly import entry_texts

_TEXTS = entry_texts(
    "SELECT act.* FROM public.audits_act act JOIN unnest(epochs, xids) AS w (epoch, xid)"
    " ON act.epoch = w.epoch AND act.xid = w.xid::xid8"
)

# The only ways into the log. What an entry says is taken from the act and its changes, never from the caller.
FUNCTIONS = """
CREATE FUNCTION audits_append(first bigint, epochs integer[], xids text[]) RETURNS SETOF bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added bigint;
    early text;
BEGIN
    IF first IS DISTINCT FROM (SELECT coalesce(max(e.index) + 1, 0) FROM public.audits_entry e) THEN
        RAISE EXCEPTION 'entry % is not the next one of the log', first USING ERRCODE = '23514';
    END IF;
    IF pg_current_xact_id_if_assigned()::text = ANY (xids) THEN
        RAISE EXCEPTION 'an act becomes an entry once its transaction has committed' USING ERRCODE = '23514';
    END IF;
    RETURN QUERY
    INSERT INTO public.audits_entry (index, epoch, xid, act_id, kind, actor, subject, at, body, leaf_hash, content)
    SELECT first + w.place - 1, t.epoch, t.xid::xid8, t.id, t.kind, t.actor, t.subject, t.at, t.body,
        sha256('\\x00'::bytea || t.body), t.content
    FROM unnest(epochs, xids) WITH ORDINALITY AS w (epoch, xid, place)
    JOIN (@texts@) AS t (epoch, xid, id, kind, actor, subject, at, body, content) ON t.epoch = w.epoch AND t.xid = w.xid
    ORDER BY w.place
    RETURNING leaf_hash;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added IS DISTINCT FROM cardinality(xids) THEN
        RAISE EXCEPTION '% of these acts are not there', cardinality(xids) - added USING ERRCODE = '23514';
    END IF;
    -- Of two acts on one row the first is the earlier entry: the act before on each row is in the log already.
    SELECT mine.act_id::text INTO early
    FROM public.audits_entry mine
    CROSS JOIN LATERAL (
        SELECT c.tbl, c.key, min(c.n) AS n FROM public.audits_change c
        WHERE c.epoch = mine.epoch AND c.xid = mine.xid GROUP BY c.tbl, c.key
    ) touched
    CROSS JOIN LATERAL (
        SELECT c.epoch, c.xid FROM public.audits_change c
        WHERE c.tbl = touched.tbl AND c.key = touched.key AND c.n < touched.n ORDER BY c.n DESC LIMIT 1
    ) before
    JOIN public.audits_act a ON a.epoch = before.epoch AND a.xid = before.xid
    LEFT JOIN public.audits_entry e ON e.epoch = before.epoch AND e.xid = before.xid
    WHERE mine.index >= first AND (e.index IS NULL OR e.index > mine.index)
    LIMIT 1;
    IF early IS NOT NULL THEN
        RAISE EXCEPTION 'act % comes after another one that is not in the log yet', early USING ERRCODE = '23514';
    END IF;
END $$;

-- False where a checkpoint of this size is kept already. Whether the signature is ours, the readers check.
CREATE FUNCTION audits_keep_checkpoint(of_size bigint, of_root bytea, signed text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest bigint := (SELECT max(c.size) FROM public.audits_checkpoint c);
BEGIN
    IF of_size IS DISTINCT FROM (SELECT coalesce(max(e.index) + 1, 0) FROM public.audits_entry e) THEN
        RAISE EXCEPTION 'a checkpoint is of the whole log, not of % entries', of_size USING ERRCODE = '23514';
    END IF;
    IF newest > of_size OR length(signed) > 16384 THEN
        RAISE EXCEPTION 'this checkpoint is older than the newest, or too long' USING ERRCODE = '23514';
    END IF;
    INSERT INTO public.audits_checkpoint (size, root, note) VALUES (of_size, of_root, signed) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION audits_append(bigint, integer[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION audits_keep_checkpoint(bigint, bytea, text) FROM PUBLIC;
""".replace("@texts@", _TEXTS)

DROP_FUNCTIONS = """
DROP FUNCTION audits_keep_checkpoint(bigint, bytea, text), audits_append(bigint, integer[], text[]);
"""


class Migration(migrations.Migration):
    dependencies = [("audits", "0003_changes_by_row")]

    operations = [migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS)]
