"""Step 7, part two: the constraints of the trail's own tables, and what could act before the triggers do."""

from audits.trail.installation import TRAIL_TABLES
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

# As pg_get_constraintdef writes those of migration 0002.
CONSTRAINTS: dict[tuple[str, str], str] = {
    ("audits_epoch", "audits_epoch_pkey"): "PRIMARY KEY (number)",
    ("audits_act", "audits_act_pkey"): "PRIMARY KEY (epoch, xid)",
    ("audits_act", "audits_act_id_key"): "UNIQUE (id)",
    ("audits_act", "audits_act_kind_check"): r"CHECK ((kind ~ '^[a-z]+\.[a-z_]+\.[a-z_]+$'::text))",
    ("audits_act", "audits_act_actor_check"): "CHECK ((actor <> ''::text))",
    ("audits_act", "audits_act_subject_check"): "CHECK ((subject <> ''::text))",
    ("audits_change", "audits_change_pkey"): "PRIMARY KEY (epoch, xid, n)",
    ("audits_change", "audits_change_op_check"): (
        "CHECK ((op = ANY (ARRAY['I'::text, 'U'::text, 'D'::text, 'S'::text, 'E'::text])))"
    ),
    ("audits_disclosure", "audits_disclosure_pkey"): "PRIMARY KEY (commitment)",
    ("audits_entry", "audits_entry_pkey"): "PRIMARY KEY (index)",
    ("audits_entry", "audits_entry_epoch_xid_key"): "UNIQUE (epoch, xid)",
    ("audits_entry", "audits_entry_body_check"): "CHECK ((length(body) <= 65535))",
    ("audits_entry", "audits_entry_leaf_hash_check"): "CHECK ((length(leaf_hash) = 32))",
    ("audits_checkpoint", "audits_checkpoint_pkey"): "PRIMARY KEY (size)",
    ("audits_checkpoint", "audits_checkpoint_root_check"): "CHECK ((length(root) = 32))",
    ("audits_cosignature", "audits_cosignature_pkey"): "PRIMARY KEY (size, witness)",
    ("audits_cosignature", "audits_cosignature_witness_check"): "CHECK ((witness <> ''::text))",
    ("audits_timestamp", "audits_timestamp_pkey"): "PRIMARY KEY (size, authority)",
    ("audits_timestamp", "audits_timestamp_authority_check"): "CHECK ((authority <> ''::text))",
}

# What the database itself puts into a row: when it came, its id, its number.
DEFAULTS: dict[tuple[str, str], str] = {
    ("audits_epoch", "number"): "identity a",
    ("audits_epoch", "started_at"): "clock_timestamp()",
    ("audits_act", "id"): "gen_random_uuid()",
    ("audits_act", "at"): "clock_timestamp()",
    ("audits_change", "n"): "identity a",
    ("audits_checkpoint", "signed_at"): "clock_timestamp()",
    ("audits_cosignature", "at"): "clock_timestamp()",
    ("audits_timestamp", "at"): "clock_timestamp()",
}


def check_constraints(reader: Reader, findings: Findings) -> None:
    found = {
        (table, name): definition
        for table, name, definition in reader.rows(
            "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k"
            " JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relname = ANY(%s) AND k.contype IN ('c', 'f', 'p', 'u', 'x')",
            [list(TRAIL_TABLES)],
        )
    }
    for table, name in sorted(CONSTRAINTS.keys() | found.keys()):
        trail, there = CONSTRAINTS.get((table, name)), found.get((table, name))
        if trail != there:
            code = "missing" if there is None else "extra" if trail is None else "changed"
            findings.add(
                f"constraint_{code}",
                f"Constraint {name} of {table} is not as Countersign installs it.",
                table=table,
                key=name,
                trail=trail,
                there=there,
            )
    findings.checked += len(CONSTRAINTS)


def check_defaults(reader: Reader, findings: Findings) -> None:
    """By another default every act would be dated as somebody likes, or have an id that was chosen."""
    found = {
        (table, column): made
        for table, column, made in reader.rows(
            "SELECT c.relname, a.attname, CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text"
            " ELSE pg_get_expr(d.adbin, d.adrelid) END"
            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%s) AND a.attnum > 0"
            " AND NOT a.attisdropped AND (d.adbin IS NOT NULL OR a.attidentity <> '')",
            [list(TRAIL_TABLES)],
        )
    }
    for table, column in sorted(DEFAULTS.keys() | found.keys()):
        trail, there = DEFAULTS.get((table, column)), found.get((table, column))
        if trail != there:
            findings.add(
                "default_changed",
                f"The default of {column} in {table} is not as Countersign installs it.",
                table=table,
                key=column,
                trail=trail,
                there=there,
            )
    findings.checked += len(DEFAULTS)


def check_event_triggers(reader: Reader, findings: Findings) -> None:
    for name, event, enabled in reader.rows("SELECT evtname, evtevent, evtenabled::text FROM pg_event_trigger"):
        findings.add(
            "event_trigger",
            f"Event trigger {name} runs at {event}: Countersign installs none.",
            key=name,
            there=enabled,
        )


def check_rules(reader: Reader, findings: Findings, tables: list[str]) -> None:
    for table, rule in reader.rows(
        "SELECT tablename, rulename FROM pg_rules WHERE schemaname = 'public' AND tablename = ANY(%s)", [tables]
    ):
        findings.add(
            "rule",
            f"Rule {rule} on {table} rewrites statements before the triggers see them.",
            table=table,
            key=rule,
        )
