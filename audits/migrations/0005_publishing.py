"""What others say of checkpoints: cosignatures of witnesses and RFC 3161 timestamps, kept and never changed."""

from django.db import migrations, models

TABLES = """
CREATE TABLE audits_cosignature (
    size bigint NOT NULL,
    witness text NOT NULL CHECK (witness <> ''),
    line text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (size, witness)
);
CREATE TABLE audits_timestamp (
    size bigint NOT NULL,
    authority text NOT NULL CHECK (authority <> ''),
    token bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (size, authority)
);
"""

DROP_TABLES = "DROP TABLE audits_timestamp, audits_cosignature;"

# False where one is kept already. Whether a line or a token holds, the callers and the readers check.
FUNCTIONS = """
CREATE FUNCTION audits_keep_cosignature(of_size bigint, of_witness text, signed text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.audits_checkpoint c WHERE c.size = of_size) THEN
        RAISE EXCEPTION 'there is no checkpoint of % entries', of_size USING ERRCODE = '23514';
    END IF;
    IF length(of_witness) > 4096 OR length(signed) > 8192 THEN
        RAISE EXCEPTION 'this cosignature is too long' USING ERRCODE = '22023';
    END IF;
    INSERT INTO public.audits_cosignature (size, witness, line) VALUES (of_size, of_witness, signed)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

CREATE FUNCTION audits_keep_timestamp(of_size bigint, of_authority text, stamped bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.audits_checkpoint c WHERE c.size = of_size) THEN
        RAISE EXCEPTION 'there is no checkpoint of % entries', of_size USING ERRCODE = '23514';
    END IF;
    IF length(of_authority) > 4096 OR length(stamped) > 262144 THEN
        RAISE EXCEPTION 'this timestamp is too long' USING ERRCODE = '22023';
    END IF;
    INSERT INTO public.audits_timestamp (size, authority, token) VALUES (of_size, of_authority, stamped)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION audits_keep_cosignature(bigint, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION audits_keep_timestamp(bigint, text, bytea) FROM PUBLIC;
"""

DROP_FUNCTIONS = """
DROP FUNCTION audits_keep_timestamp(bigint, text, bytea), audits_keep_cosignature(bigint, text, text);
"""

GUARDED = ["audits_cosignature", "audits_timestamp"]


def _guards() -> str:
    return "".join(
        f"CREATE TRIGGER audits_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION audits_refuse();"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audits_refuse;"
        for table in GUARDED
    )


class Migration(migrations.Migration):
    dependencies = [("audits", "0004_appending")]

    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(_guards(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "size", "witness", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("size", models.BigIntegerField()),
                ("witness", models.TextField()),
                ("line", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audits_cosignature", "managed": False},
        ),
        migrations.CreateModel(
            name="Timestamp",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "size", "authority", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("size", models.BigIntegerField()),
                ("authority", models.TextField()),
                ("token", models.BinaryField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audits_timestamp", "managed": False},
        ),
    ]
