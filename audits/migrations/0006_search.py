"""The words of the entries, for searching: derived from the log by a worker, after it, and made anew at any time.

Nothing rests on it: no proof, no fold, no act. A text that is erased takes its words along in the same act.
"""

from django.db import migrations

TABLES = """
CREATE TABLE audits_search (
    index bigint PRIMARY KEY,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    words tsvector NOT NULL
);
CREATE INDEX audits_search_kind ON audits_search (kind, index);
CREATE INDEX audits_search_at ON audits_search (at, index);
CREATE INDEX audits_search_words ON audits_search USING gin (words);
CREATE TABLE audits_search_text (
    commitment text PRIMARY KEY,
    index bigint NOT NULL
);
CREATE INDEX audits_checkpoint_signed_at ON audits_checkpoint (signed_at);
"""

DROP_TABLES = """
DROP INDEX audits_checkpoint_signed_at;
DROP TABLE audits_search_text, audits_search;
"""

FUNCTIONS = """
-- Words as they are compared: small letters and digits of whatever script, everything else between them.
CREATE FUNCTION audits_terms(value text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(left(t.term, 100)), '{}')
    FROM unnest(string_to_array(regexp_replace(lower(value),
        '[\\x01-\\x2f\\x3a-\\x60\\x7b-\\xa0\\u2000-\\u206f\\u3000-\\u303f]+', ' ', 'g'), ' ')) AS t (term)
    WHERE t.term <> ''
$$;

-- Each commitment that stands in an entry as such: what is written like one within a text is not.
CREATE FUNCTION audits_commitments(body bytea, content bytea) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT f.found), '{}') FROM (
        SELECT v.value #>> '{}' AS found
        FROM jsonb_path_query(convert_from(body, 'UTF8')::jsonb, 'lax $.**.committed') AS v (value)
        UNION ALL
        SELECT m.found[1] FROM regexp_matches(left(convert_from(content, 'UTF8'), 131072),
            '"committed":"([0-9a-f]{64})"', 'g') AS m (found)
    ) AS f WHERE f.found IS NOT NULL
$$;

-- What an entry can be found by: the act's kind, actor, subject and data, its changes, and the texts that stand beside
-- the trail for it. Of an entry whose changes are in it by digest, the first 128 kB of them.
CREATE FUNCTION audits_words(body bytea, content bytea) RETURNS tsvector
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entry jsonb := convert_from(body, 'UTF8')::jsonb;
    committed text[] := public.audits_commitments(body, content);
    plain text;
    beside text;
BEGIN
    SELECT string_agg(v.value #>> '{}', ' ') INTO plain FROM jsonb_path_query(jsonb_build_array(
        (entry -> 'act') - '{at,reason,role}'::text[],
        jsonb_path_query_array(entry, 'lax $.changes[*].keyvalue() ? (@.key != "op").value')
    ), 'strict $.** ? (@.type() == "string" || @.type() == "number")') AS v (value);
    -- By an array: for a set, the planner would read the whole table for each entry.
    SELECT string_agg(d.value, ' ') INTO beside FROM public.audits_disclosure d WHERE d.commitment = ANY (committed);
    -- A tsvector holds less than 1 MiB, and a character has up to 4 bytes.
    RETURN ts_delete(array_to_tsvector(public.audits_terms(left(concat_ws(' ', left(plain, 131072),
        left(beside, 131072), left(convert_from(content, 'UTF8'), 131072)), 200000))), committed || 'committed'::text);
END $$;

-- Take the words of the next entries in; how many. One at a time, and none while a text is being erased.
CREATE FUNCTION audits_index_words(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first bigint;
    added integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('audits_search', 0)) THEN
        RETURN 0;
    END IF;
    first := coalesce((SELECT max(s.index) + 1 FROM public.audits_search s), 0);
    INSERT INTO public.audits_search_text (commitment, index)
    SELECT c.found, min(e.index) FROM public.audits_entry e
    CROSS JOIN LATERAL unnest(public.audits_commitments(e.body, e.content)) AS c (found)
    WHERE e.index >= first AND e.index < first + most GROUP BY c.found ON CONFLICT DO NOTHING;
    INSERT INTO public.audits_search (index, kind, at, words)
    SELECT e.index, e.kind, e.at, public.audits_words(e.body, e.content)
    FROM public.audits_entry e WHERE e.index >= first AND e.index < first + most ORDER BY e.index;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END $$;

-- A text that is erased is found no more.
CREATE FUNCTION audits_forget_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audits_search', 0));
    UPDATE public.audits_search s SET words = public.audits_words(e.body, e.content)
    FROM public.audits_entry e WHERE e.index = s.index AND s.index IN (
        SELECT t.index FROM public.audits_search_text t JOIN gone ON gone.commitment = t.commitment
    );
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION audits_index_words(integer), audits_forget_words() FROM PUBLIC;
"""

DROP_FUNCTIONS = """
DROP FUNCTION audits_forget_words() CASCADE;
DROP FUNCTION audits_index_words(integer), audits_words(bytea, bytea),
    audits_commitments(bytea, bytea), audits_terms(text);
"""

# As CREATE TRIGGER has it; the verification compares it with what is there.
TRIGGER = (
    "CREATE TRIGGER audits_forget AFTER DELETE ON public.audits_disclosure REFERENCING OLD TABLE AS gone"
    " FOR EACH STATEMENT EXECUTE FUNCTION audits_forget_words()"
)


class Migration(migrations.Migration):
    dependencies = [("audits", "0005_publishing")]

    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(
            f"{TRIGGER}; ALTER TABLE audits_disclosure ENABLE ALWAYS TRIGGER audits_forget",
            "DROP TRIGGER audits_forget ON audits_disclosure",
        ),
    ]
