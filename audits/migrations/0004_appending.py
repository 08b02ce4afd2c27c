"""The database's own functions that make entries of acts, and keep checkpoints: the only ways into the log."""

from django.db import migrations

from audits.trail.assembly import entry_texts

# The acts of one batch, each with its place in it.
_TEXTS = entry_texts(
    "SELECT act.*, w.place FROM unnest(epochs, xids) WITH ORDINALITY AS w (epoch, xid, place)"
    " JOIN public.audits_act act ON act.epoch = w.epoch AND act.xid = w.xid",
    placed=True,
)

# Committed acts that were not found yet: those after the last look, and those whose transactions were open then. The
# asking transaction's own is not over. In epoch 0 nothing is known, and the log itself says what is in it.
_UNSEEN = """
    SELECT a.epoch, a.xid, NULL::bigint AS n, true AS act FROM public.audits_act a
    WHERE (a.epoch, a.xid) >= (done.epoch, done.beyond)
        AND (a.epoch, a.xid) IS DISTINCT FROM (here, pg_current_xact_id_if_assigned())
        AND (done.epoch > 0 OR NOT EXISTS (SELECT FROM public.audits_entry e WHERE e.epoch = a.epoch AND e.xid = a.xid))
    UNION ALL
    SELECT a.epoch, a.xid, NULL, true FROM unnest(done.running) AS r (xid)
    JOIN public.audits_act a ON a.epoch = done.epoch AND a.xid = r.xid
    WHERE (a.epoch, a.xid) IS DISTINCT FROM (here, pg_current_xact_id_if_assigned())"""

TABLES = """
-- How far the log has come. One row, which the owner's function alone writes: every act whose transaction had ended when
-- it looked last is in the log or in audits_queue. Those that had not ended are below "beyond" and in "running".
CREATE TABLE audits_progress (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch integer NOT NULL,
    beyond xid8 NOT NULL,
    running xid8[] NOT NULL,
    looked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO audits_progress (epoch, beyond, running) VALUES (0, '0', '{}');
-- Acts that were found and await their entries, in order: what a batch left.
CREATE TABLE audits_queue (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epochs integer[] NOT NULL,
    xids xid8[] NOT NULL
);
"""

DROP_TABLES = """
DROP TABLE audits_queue, audits_progress;
"""

FUNCTIONS = """
-- Makes entries of the next acts, at most this many. Which they are, their order and what they say is found here: the
-- caller has no say in it. Returns the index of the first, the leaves' hashes in order, 32 bytes each, and whether
-- acts are known to be left.
CREATE FUNCTION audits_append(at_most integer, OUT first bigint, OUT leaves bytea, OUT more boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- Every look-up here is by key. Left to its statistics, which are always behind on tables that only grow,
-- PostgreSQL now and then reads a whole table for each row.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
-- How long somebody else's open transaction may hold this one up.
SET lock_timeout = '20s'
AS $$
DECLARE
    here integer := public.audits_current_epoch();
    done record;
    view pg_snapshot;
    epochs integer[];
    xids xid8[];
    added bigint;
    said text;
    code text;
BEGIN
    leaves := '';
    more := false;
    IF at_most IS NULL OR at_most NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'a batch has 1 to 10,000 entries' USING ERRCODE = '22023';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'entries are appended in a transaction that is read committed' USING ERRCODE = '25001';
    END IF;
    SELECT p.epoch, p.beyond, p.running INTO done FROM public.audits_progress p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the row of audits_progress is gone' USING ERRCODE = '23514', HINT = 'As the owner of the '
            'tables: INSERT INTO audits_progress (epoch, beyond, running) VALUES (0, ''0'', ''{}'')';
    END IF;
    -- An idle turn writes nothing, and takes no transaction id.
    IF NOT EXISTS (SELECT FROM public.audits_queue) AND NOT EXISTS (@unseen@) THEN
        RETURN;
    END IF;
    -- From here on one at a time, and each statement sees what the one before this one has committed.
    SELECT p.epoch, p.beyond, p.running INTO done FROM public.audits_progress p FOR UPDATE;
    DELETE FROM public.audits_queue q WHERE q.place = (SELECT min(f.place) FROM public.audits_queue f)
    RETURNING q.epochs, q.xids INTO epochs, xids;
    IF xids IS NULL THEN
        -- In the order of their last change. A change gets its number while its transaction holds the row, so a
        -- transaction that touches the row later has a higher last number, whichever of the two began first. What
        -- commits after this statement's snapshot comes after these for the same reason. An act without changes has
        -- no such order; it follows those that began before it.
        SELECT pg_current_snapshot(), array_agg(o.epoch), array_agg(o.xid) INTO view, epochs, xids
        FROM (
            SELECT g.epoch, g.xid FROM (
                SELECT s.epoch, s.xid, max(s.n) AS n FROM (
                    @unseen@
                    UNION ALL
                    SELECT c.epoch, c.xid, c.n, NULL FROM public.audits_change c
                    WHERE (c.epoch, c.xid) >= (done.epoch, done.beyond)
                    UNION ALL
                    SELECT c.epoch, c.xid, c.n, NULL FROM unnest(done.running) AS r (xid)
                    JOIN public.audits_change c ON c.epoch = done.epoch AND c.xid = r.xid
                ) s GROUP BY s.epoch, s.xid HAVING bool_or(s.act)
            ) g
            ORDER BY g.epoch, coalesce(g.n, max(g.n) OVER (PARTITION BY g.epoch ORDER BY g.xid)) NULLS FIRST, g.xid
        ) o;
        IF xids IS NULL THEN
            RETURN;
        END IF;
        -- This transaction's own act, if it has one or gets one, is among those that are not over.
        UPDATE public.audits_progress SET epoch = here, beyond = pg_snapshot_xmax(view), running = ARRAY(
            SELECT r.xid FROM (SELECT pg_snapshot_xip(view) UNION SELECT pg_current_xact_id()) AS r (xid)
            WHERE r.xid < pg_snapshot_xmax(view)
        ), looked_at = clock_timestamp();
        INSERT INTO public.audits_queue (epochs, xids)
        SELECT epochs[s.at:s.at + 4999], xids[s.at:s.at + 4999]
        FROM generate_series(at_most + 1, cardinality(xids), 5000) AS s (at) ORDER BY s.at;
    ELSIF cardinality(xids) > at_most THEN
        INSERT INTO public.audits_queue (place, epochs, xids) OVERRIDING SYSTEM VALUE
        VALUES ((SELECT coalesce(min(q.place), 0) - 1 FROM public.audits_queue q),
            epochs[at_most + 1:], xids[at_most + 1:]);
    END IF;
    epochs := epochs[:at_most];
    xids := xids[:at_most];
    first := (SELECT coalesce(max(e.index) + 1, 0) FROM public.audits_entry e);
    BEGIN
        WITH appended AS (
            INSERT INTO public.audits_entry
                (index, epoch, xid, act_id, kind, actor, subject, at, body, leaf_hash, content)
            SELECT first + t.place - 1, t.epoch, t.xid::xid8, t.id, t.kind, t.actor, t.subject, t.at, t.body,
                sha256('\\x00'::bytea || t.body), t.content
            FROM (@texts@) AS t (epoch, xid, id, kind, actor, subject, at, body, content, place)
            RETURNING index, leaf_hash
        )
        SELECT coalesce(string_agg(a.leaf_hash, '' ORDER BY a.index), ''), count(*) INTO leaves, added FROM appended a;
        IF added IS DISTINCT FROM cardinality(xids) THEN
            RAISE EXCEPTION '% of these acts are not there', cardinality(xids) - added USING ERRCODE = '23514';
        END IF;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
        RAISE EXCEPTION '%', said USING ERRCODE = code, DETAIL = epochs[1] || ':' || xids[1];
    END;
    more := EXISTS (SELECT FROM public.audits_queue);
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

REVOKE ALL ON FUNCTION audits_append(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION audits_keep_checkpoint(bigint, bytea, text) FROM PUBLIC;
""".replace("@texts@", _TEXTS).replace("@unseen@", _UNSEEN)

DROP_FUNCTIONS = """
DROP FUNCTION audits_keep_checkpoint(bigint, bytea, text), audits_append(integer);
"""


class Migration(migrations.Migration):
    dependencies = [("audits", "0003_changes_by_row")]

    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
    ]
