"""The trail's tables, the function that opens an act, and the guards that make the tables append-only."""

from django.db import migrations

TABLES = """
CREATE TABLE audits_epoch (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system_identifier text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE audits_epoch IS
    'One row per database cluster the trail has lived in: transaction ids start anew in each.';
INSERT INTO audits_epoch (system_identifier) SELECT system_identifier::text FROM pg_control_system();

CREATE TABLE audits_act (
    epoch integer NOT NULL,
    xid xid8 NOT NULL,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind ~ '^[a-z]+\\.[a-z_]+\\.[a-z_]+$'),
    actor text NOT NULL CHECK (actor <> ''),
    via text NOT NULL,
    role text NOT NULL,
    subject text NOT NULL CHECK (subject <> ''),
    reason text NOT NULL,
    data text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (epoch, xid)
);
CREATE TABLE audits_change (
    epoch integer NOT NULL,
    xid xid8 NOT NULL,
    n bigint GENERATED ALWAYS AS IDENTITY,
    tbl text NOT NULL,
    op text NOT NULL CHECK (op IN ('I', 'U', 'D', 'S')),
    key text NOT NULL,
    diff text NOT NULL,
    PRIMARY KEY (epoch, xid, n)
);
CREATE TABLE audits_disclosure (
    commitment text PRIMARY KEY,
    salt bytea NOT NULL,
    value text NOT NULL
);
CREATE TABLE audits_entry (
    index bigint PRIMARY KEY,
    epoch integer NOT NULL,
    xid xid8 NOT NULL,
    act_id uuid NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    subject text NOT NULL,
    at timestamptz NOT NULL,
    body bytea NOT NULL CHECK (length(body) <= 65535),
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    content bytea,
    UNIQUE (epoch, xid)
);
COMMENT ON COLUMN audits_entry.content IS
    'The changes of an act too large for an entry, which then states them by length and SHA-256.';
CREATE INDEX audits_entry_subject ON audits_entry (subject, index);
CREATE INDEX audits_entry_actor ON audits_entry (actor, index);
CREATE TABLE audits_checkpoint (
    size bigint PRIMARY KEY,
    root bytea NOT NULL CHECK (length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

DROP_TABLES = """
DROP TABLE audits_checkpoint, audits_entry, audits_disclosure, audits_change, audits_act, audits_epoch;
"""

FUNCTIONS = """
-- Transaction ids start anew in another cluster: until the restored trail has an epoch of its own there, an old act could
-- be taken for the act of a new transaction. So nothing is written before setup has made that epoch.
CREATE FUNCTION audits_current_epoch() RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest record;
BEGIN
    SELECT number, system_identifier INTO latest FROM public.audits_epoch ORDER BY number DESC LIMIT 1;
    IF latest.system_identifier IS DISTINCT FROM (SELECT c.system_identifier::text FROM pg_control_system() c) THEN
        RAISE EXCEPTION 'this database was restored into another cluster, which the trail does not know yet'
        USING ERRCODE = '23514', HINT = 'Run ./run manage setup as the owner of the tables, then ./run verify.';
    END IF;
    RETURN latest.number;
END $$;

-- A salted commitment to text about people: SHA-256 of salt and UTF-8 text. The text goes beside the trail.
CREATE FUNCTION audits_commit(value text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    salt bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
    commitment text := encode(sha256(salt || convert_to(value, 'UTF8')), 'hex');
BEGIN
    INSERT INTO public.audits_disclosure (commitment, salt, value) VALUES (commitment, salt, value);
    RETURN commitment;
END $$;

-- RFC 8785 text of what an act may hold beside it: text, whole numbers that every reader keeps exact, and no
-- member that could pass for a commitment. What is not written this way is never stored, so nobody trips over it.
CREATE FUNCTION audits_canonical(value jsonb, depth integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        -- Below U+10000 the order of UTF-8 bytes is that of UTF-16 code units, which RFC 8785 sorts by.
        IF depth > 4 OR EXISTS (
            SELECT FROM jsonb_object_keys(value) AS k (name)
            WHERE k.name = 'committed' OR k.name ~ '[\\U00010000-\\U0010FFFF]'
        ) THEN
            RAISE EXCEPTION 'the data of an act is too deep, or has a member that it must not have'
            USING ERRCODE = '22023';
        END IF;
        RETURN '{' || coalesce((
            SELECT string_agg(to_json(m.key)::text || ':' || public.audits_canonical(m.value, depth + 1), ','
                ORDER BY m.key COLLATE "C")
            FROM jsonb_each(value) AS m (key, value)
        ), '') || '}';
    WHEN 'array' THEN
        IF depth > 4 THEN
            RAISE EXCEPTION 'the data of an act is too deep' USING ERRCODE = '22023';
        END IF;
        RETURN '[' || coalesce((
            SELECT string_agg(public.audits_canonical(m.value, depth + 1), ',' ORDER BY m.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS m (value, place)
        ), '') || ']';
    WHEN 'number' THEN
        IF value::text !~ '^-?[0-9]{1,16}$' OR abs(value::text::numeric) > 9007199254740991 THEN
            RAISE EXCEPTION 'a number in the data of an act is whole and at most 2^53 - 1: write others as text'
            USING ERRCODE = '22023';
        END IF;
        RETURN value::text;
    WHEN 'string' THEN
        RETURN to_json(value #>> '{}')::text;
    ELSE
        RETURN value::text;
    END CASE;
END $$;

CREATE FUNCTION audits_open_act(kind text, actor text, via text, subject text, reason text, data text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here integer;
    opened uuid;
BEGIN
    IF greatest(length(kind), length(actor), length(via), length(subject)) > 200
        OR greatest(octet_length(reason), octet_length(data)) > 65536 THEN
        RAISE EXCEPTION 'an act is too long: 200 characters for what, who, whence and on which, 64 kB for reason and data'
        USING ERRCODE = '22023';
    END IF;
    IF data <> '{}' THEN
        IF jsonb_typeof(data::jsonb) IS DISTINCT FROM 'object' THEN
            RAISE EXCEPTION 'the data of an act must be a JSON object' USING ERRCODE = '22023';
        END IF;
        data := public.audits_canonical(data::jsonb, 1);
        -- An entry has at most 65,535 bytes; what an act says of itself is always in it.
        IF octet_length(data) > 32768 THEN
            RAISE EXCEPTION 'the data of an act is too long: % bytes, at most 32 kB', octet_length(data)
            USING ERRCODE = '22023', HINT = 'Store it as an artifact, and give its digest.';
        END IF;
    END IF;
    SELECT e.number INTO here FROM public.audits_epoch e
    WHERE e.number = (SELECT max(latest.number) FROM public.audits_epoch latest)
        AND e.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c);
    INSERT INTO public.audits_act (epoch, xid, kind, actor, via, role, subject, reason, data)
    VALUES (coalesce(here, public.audits_current_epoch()), pg_current_xact_id(), kind, actor, via, session_user, subject,
            CASE WHEN reason = '' THEN '' ELSE public.audits_commit(reason) END, data)
    ON CONFLICT ON CONSTRAINT audits_act_pkey DO NOTHING
    RETURNING id INTO opened;
    IF opened IS NULL THEN
        RAISE EXCEPTION 'this transaction holds an act already'
        USING ERRCODE = '25001', HINT = 'One act a transaction: do it inside that act, or in a transaction of its own.';
    END IF;
    RETURN opened;
END $$;

-- What a capture trigger calls that found no act of its transaction: an error that says how to open one.
CREATE FUNCTION audits_require_act(tbl text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.audits_current_epoch();
    RAISE EXCEPTION 'table % is governed: this write stands outside an act', tbl
    USING ERRCODE = '23514', HINT = 'Call the service that does this, or open an act in the same transaction: '
        'in Python "with audits.trail.act(...)", in SQL '
        '"SELECT audits_open_act(kind, actor, via, subject, reason, data)".';
END $$;

-- Keeps an act within 256 MB, an entry's content being one value of at most 1 GB. Capture triggers call it now and
-- then, more often the more they write: a sum at each statement would take ever longer.
CREATE FUNCTION audits_limit_act(here integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total bigint := (
        SELECT sum(octet_length(c.diff) + octet_length(c.key) + 100) FROM public.audits_change c
        WHERE c.epoch = here AND c.xid = pg_current_xact_id()
    );
BEGIN
    IF total > 268435456 THEN
        RAISE EXCEPTION 'one act changes more than 256 MB: % bytes', total
        USING ERRCODE = '54000', HINT = 'Do it in several acts, or keep large content in the artifact store.';
    END IF;
END $$;

CREATE FUNCTION audits_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: what is recorded there stays', TG_OP, TG_TABLE_NAME
    USING ERRCODE = '23514', HINT = 'Record a new act that corrects the earlier one.';
END $$;

CREATE FUNCTION audits_refuse_moved_key() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the key of a row of % cannot change: the trail knows the row by it', TG_TABLE_NAME
    USING ERRCODE = '23514', HINT = 'Delete the row and insert another.';
END $$;

REVOKE ALL ON FUNCTION audits_commit(text), audits_require_act(text), audits_limit_act(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION audits_open_act(text, text, text, text, text, text) FROM PUBLIC;
"""

DROP_FUNCTIONS = """
DROP FUNCTION audits_refuse_moved_key(), audits_refuse(), audits_require_act(text), audits_limit_act(integer),
    audits_open_act(text, text, text, text, text, text), audits_canonical(jsonb, integer), audits_commit(text), audits_current_epoch() CASCADE;
"""

GUARDED = ["audits_epoch", "audits_act", "audits_change", "audits_disclosure", "audits_entry", "audits_checkpoint"]


def _guards() -> str:
    return "".join(
        f"CREATE TRIGGER audits_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION audits_refuse();"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audits_refuse;"
        for table in GUARDED
    )


def _drop_guards() -> str:
    return "".join(f"DROP TRIGGER audits_refuse ON {table};" for table in GUARDED)


class Migration(migrations.Migration):
    dependencies = [("audits", "0001_initial")]

    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(_guards(), _drop_guards()),
    ]
