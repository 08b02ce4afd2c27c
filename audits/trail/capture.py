"""The triggers that record: SQL generated for one governed table from its columns.

Set-based (one firing per statement, with transition tables), so a bulk write costs one look-up. A write
outside an act is refused; an update that changes nothing leaves nothing.
"""

from audits.models.governed import Capture
from audits.trail.encoding import Column, difference_of, differs, identifier, literal, object_of, pins

_TRIGGERS = {
    "I": ("INSERT", "REFERENCING NEW TABLE AS n"),
    "U": ("UPDATE", "REFERENCING OLD TABLE AS o NEW TABLE AS n"),
    "D": ("DELETE", "REFERENCING OLD TABLE AS o"),
}


# Stands on a table between its release under one name and its coming under the trail by another.
_RELEASED = "audits_released"


def configuration(columns: list[Column]) -> tuple[str, ...]:
    """What the table's capture functions pin, as pg_proc.proconfig spells it: no more, for each costs every call."""
    # A session keeps its plan: one made while the trail was small would read all of it to find the act.
    return ("search_path=pg_catalog, pg_temp", "enable_seqscan=off", *pins(columns))


def function_name(table: str, op: str) -> str:
    return f"audits_capture_{table}_{op.lower()}"


def trigger_names(capture: Capture) -> list[str]:
    names = ["audits_i", "audits_u", "audits_d", "audits_key", "audits_truncate"]
    return [*names, "audits_append_only"] if capture.append_only else names


def trigger_definitions(table: str, key: str, capture: Capture) -> dict[str, str]:
    """Each trigger as ``pg_get_triggerdef`` writes it, apart from quotes, parentheses and the schema's name."""
    definitions = {
        f"audits_{op.lower()}": f"CREATE TRIGGER audits_{op.lower()} AFTER {event} ON {table} {referencing}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {function_name(table, op)}()"
        for op, (event, referencing) in _TRIGGERS.items()
    }
    definitions["audits_key"] = (
        f"CREATE TRIGGER audits_key AFTER UPDATE ON {table} FOR EACH ROW"
        f" WHEN (OLD.{key} IS DISTINCT FROM NEW.{key}) EXECUTE FUNCTION audits_refuse_moved_key()"
    )
    definitions["audits_truncate"] = (
        f"CREATE TRIGGER audits_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audits_refuse()"
    )
    if capture.append_only:
        definitions["audits_append_only"] = (
            f"CREATE TRIGGER audits_append_only BEFORE DELETE OR UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION audits_keep_but_texts({_erasable(capture)})"
        )
    return definitions


def _erasable(capture: Capture) -> str:
    """The columns that an erasing act may empty although the rows stay."""
    return ", ".join(literal(name) for name in sorted(capture.personal))


def function_bodies(table: str, key: str, columns: list[Column]) -> dict[str, str]:
    """The body of each capture function, by operation, exactly as the database must hold it."""
    return {op: _body(table, key, columns, op) for op in _TRIGGERS}


def _body(table: str, key: str, columns: list[Column], op: str) -> str:
    row = "o" if op == "D" else "n"
    key_column = identifier(key)
    if op == "U":
        changed = " OR ".join(differs(column) for column in columns)
        # A session keeps its plan: a nested loop made for single rows would make a later bulk update quadratic.
        # A full join is never one. A key without its twin has moved, which audits_key has refused before.
        source = f"n FULL JOIN o ON o.{key_column} = n.{key_column} WHERE {changed}"
        diff = difference_of(columns)
    else:
        source = row
        diff = object_of(columns, row)
    return f"""
DECLARE
    here integer;
    written bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM {row}) THEN
        RETURN NULL;
    END IF;
    -- Written by this very transaction, and not by one of the same number in another cluster, whose rows are older.
    SELECT a.epoch INTO here FROM public.audits_act a
    WHERE a.epoch = (SELECT e.number FROM public.audits_epoch e ORDER BY e.number DESC LIMIT 1)
        AND a.xid = pg_current_xact_id() AND age(a.xmin) <= 0;
    IF here IS NULL THEN
        PERFORM public.audits_require_act({literal(table)});
    END IF;
    WITH recorded AS (
        INSERT INTO public.audits_change (epoch, xid, tbl, op, key, diff)
        SELECT here, pg_current_xact_id(), {literal(table)}, {literal(op)}, {row}.{key_column}::text, {diff}
        FROM {source}
        RETURNING octet_length(diff) + octet_length(key) + 100 AS size
    ) SELECT sum(size) INTO written FROM recorded;
    IF written * 16 > (uuid_hash(gen_random_uuid()) & 16777215) THEN
        PERFORM public.audits_limit_act(here);
    END IF;
    RETURN NULL;
END
"""


def snapshot_statement(table: str, key: str, columns: list[Column], *, op: str = "S") -> str:
    """SQL that records every row of the table as it stands (S) or as it ends (D), inside an act that is open."""
    return (
        f"INSERT INTO public.audits_change (epoch, xid, tbl, op, key, diff)"
        f" SELECT public.audits_current_epoch(), pg_current_xact_id(), {literal(table)}, {literal(op)},"
        f" n.{identifier(key)}::text, {object_of(columns, 'n')} FROM {identifier(table)} n"
    )


def release_statements(table: str, *, stays: bool) -> list[str]:
    """Take the table off the trail; where it ``stays``, nothing writes to it until it is governed again."""
    target = f"public.{identifier(table)}"
    names = ["audits_i", "audits_u", "audits_d", "audits_key", "audits_truncate", "audits_append_only"]
    statements = [f"DROP TRIGGER IF EXISTS {name} ON {target}" for name in names]
    statements += [f"DROP FUNCTION public.{identifier(function_name(table, op))}()" for op in _TRIGGERS]
    if stays:
        statements += [
            f"CREATE TRIGGER {_RELEASED} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {target}"
            " FOR EACH STATEMENT EXECUTE FUNCTION public.audits_refuse()",
            f"ALTER TABLE {target} ENABLE ALWAYS TRIGGER {_RELEASED}",
        ]
    return statements


def state_query(table: str, key: str, columns: list[Column]) -> str:
    """SQL that reads every row as ``(key, JSON object)`` in the trail's terms, personal text in the clear."""
    row = object_of(columns, "n", clear=True)
    return f"SELECT n.{identifier(key)}::text, {row} FROM public.{identifier(table)} n"


def install_statements(table: str, key: str, columns: list[Column], capture: Capture) -> list[str]:
    """Everything that puts the table under the trail; safe to run again."""
    statements = []
    target = f"public.{identifier(table)}"
    settings = " ".join("SET " + pinned.replace("=", " = ") for pinned in configuration(columns))
    for op, body in function_bodies(table, key, columns).items():
        event, referencing = _TRIGGERS[op]
        name = function_name(table, op)
        statements += [
            f"CREATE OR REPLACE FUNCTION public.{identifier(name)}() RETURNS trigger LANGUAGE plpgsql"
            f" SECURITY DEFINER {settings}"
            f" AS {literal(body)}",
            f"REVOKE ALL ON FUNCTION public.{identifier(name)}() FROM PUBLIC",
            f"CREATE OR REPLACE TRIGGER audits_{op.lower()} AFTER {event} ON {target} {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION public.{identifier(name)}()",
        ]
    key_column = identifier(key)
    statements += [
        f"DROP TRIGGER IF EXISTS {_RELEASED} ON {target}",
        f"CREATE OR REPLACE TRIGGER audits_key AFTER UPDATE ON {target} FOR EACH ROW"
        f" WHEN (OLD.{key_column} IS DISTINCT FROM NEW.{key_column})"
        f" EXECUTE FUNCTION public.audits_refuse_moved_key()",
        f"CREATE OR REPLACE TRIGGER audits_truncate BEFORE TRUNCATE ON {target}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION public.audits_refuse()",
    ]
    if capture.append_only:
        statements.append(
            f"CREATE OR REPLACE TRIGGER audits_append_only BEFORE UPDATE OR DELETE ON {target}"
            f" FOR EACH ROW EXECUTE FUNCTION public.audits_keep_but_texts({_erasable(capture)})"
        )
    statements += [
        f"ALTER TABLE {target} ENABLE ALWAYS TRIGGER {identifier(trigger)}" for trigger in trigger_names(capture)
    ]
    return statements
