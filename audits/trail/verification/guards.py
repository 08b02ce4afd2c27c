"""Step 7: the triggers that record and refuse are there, always on, run exactly the code they should, and no other is.

No statement can go past them by another table; and the tables have the columns that the models say.

What other apps put on governed tables is expected as they say (audits.trail.guards_registry).
"""

import re
from importlib import import_module
from pkgutil import iter_modules

from audits import migrations
from audits.trail.capture import configuration, function_bodies, function_name, trigger_definitions
from audits.trail.guards_registry import ExpectedFunction, expected_functions, expected_triggers, functions_in
from audits.trail.installation import PROGRESS_TABLES, TRAIL_TABLES
from audits.trail.verification.columns import check_columns, check_plain
from audits.trail.verification.constraints import (
    check_constraints,
    check_defaults,
    check_event_triggers,
    check_rules,
)
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings
from audits.trail.verification.shadows import check_shadows

_GUARD = (
    "CREATE TRIGGER audits_refuse BEFORE DELETE OR UPDATE OR TRUNCATE ON public.{table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION audits_refuse()"
)
# The only functions that everybody may call although they run as their owner.
_FOR_EVERYBODY = ["audits_current_epoch"]


def check_guards(matter: Matter, findings: Findings, tell: Tell) -> None:
    reader = matter.reader
    expected = {(table, "audits_refuse"): _GUARD.format(table=table) for table in TRAIL_TABLES} | expected_triggers()
    functions = _functions_of_migrations() | expected_functions()
    tables = [*TRAIL_TABLES, *PROGRESS_TABLES]
    for governed, columns in matter.governed():
        tables.append(governed.table)
        if not columns:
            continue
        expected |= {
            (governed.table, name): text
            for name, text in trigger_definitions(governed.table, governed.key, governed.capture).items()
        }
        for op, body in function_bodies(governed.table, governed.key, columns).items():
            functions[function_name(governed.table, op)] = ExpectedFunction(
                body=body, definer=True, settings=frozenset(configuration(columns))
            )
    _check_triggers(reader, findings, expected, tables)
    tell(len(expected))
    _check_functions(reader, findings, functions)
    _check_other_functions(reader, findings, functions)
    tell(len(functions))
    findings.checked += len(expected) + len(functions)
    check_constraints(reader, findings)
    check_event_triggers(reader, findings)
    check_rules(reader, findings, tables)
    check_plain(reader, findings, tables)
    check_columns(matter, findings)
    check_defaults(reader, findings)
    check_shadows(reader, findings)


def _functions_of_migrations() -> dict[str, ExpectedFunction]:
    """Every function that the migrations of this floor create: each keeps its SQL in FUNCTIONS."""
    found: dict[str, ExpectedFunction] = {}
    for module in sorted(iter_modules(migrations.__path__), key=lambda module: module.name):
        found |= functions_in(getattr(import_module(f"{migrations.__name__}.{module.name}"), "FUNCTIONS", ""))
    return found


def _check_triggers(
    reader: Reader, findings: Findings, expected: dict[tuple[str, str], str], tables: list[str]
) -> None:
    found: dict[tuple[str, str], str] = {}
    for table, name, enabled, internal, definition in reader.rows(
        # PostgreSQL's own are those that check foreign keys; any other that says so is not believed.
        "SELECT c.relname, t.tgname, t.tgenabled::text, t.tgisinternal AND t.tgconstraint <> 0"
        " AND p.pronamespace = 'pg_catalog'::regnamespace, pg_get_triggerdef(t.oid)"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%s) ORDER BY 1, 2",
        [sorted({*tables, *(table for table, _ in expected)})],
    ):
        if not internal:
            found[table, name] = definition
        if not internal and (table, name) not in expected:
            findings.add(
                "trigger_extra",
                f"Countersign installs no trigger {name} on {table}: it can change or drop what is written.",
                table=table,
                key=name,
                there=definition,
            )
        wanted = "A" if (table, name) in expected else None
        if enabled == "D" or (wanted is not None and enabled != wanted):
            findings.add(
                "trigger_disabled",
                f"Trigger {name} on {table} is {_ENABLED.get(enabled, enabled)}.",
                table=table,
                key=name,
                field="tgenabled",
                trail=wanted or "O",
                there=enabled,
            )
    for (table, name), definition in sorted(expected.items()):
        there = found.get((table, name))
        if there is None:
            findings.add("trigger_missing", f"Trigger {name} on {table} is missing.", table=table, key=name)
        elif _plain(there) != _plain(definition):
            findings.add(
                "trigger_changed",
                f"Trigger {name} on {table} is not the one that Countersign installs.",
                table=table,
                key=name,
                trail=_plain(definition),
                there=_plain(there),
            )


_ENABLED = {"D": "disabled", "O": "not enabled always", "R": "enabled for replicas only"}


def _plain(definition: str) -> str:
    """Without what PostgreSQL adds or leaves out by version and search path."""
    return re.sub(r'"|\bpublic\.|[()]', "", definition).replace("old.", "OLD.").replace("new.", "NEW.").strip()


def _check_functions(reader: Reader, findings: Findings, expected: dict[str, ExpectedFunction]) -> None:
    found: dict[str, list[tuple[str, bool, list[str] | None, bool, bool]]] = {}
    for name, source, definer, settings, everyone, stranger in reader.rows(
        "SELECT p.proname, p.prosrc, p.prosecdef, p.proconfig,"
        " p.prosecdef AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g"
        " WHERE g.grantee = 0 AND g.privilege_type = 'EXECUTE') AND p.proname <> ALL(%s),"
        " p.proowner <> (SELECT relowner FROM pg_class WHERE oid = 'public.audits_act'::regclass)"
        " FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY(%s)",
        [_FOR_EVERYBODY, sorted(expected)],
    ):
        found.setdefault(name, []).append((source, definer, settings, everyone, stranger))
    for name, function in sorted(expected.items()):
        versions = found.get(name, [])
        if not versions:
            findings.add("function_missing", f"Function {name} is missing.", key=name)
        if len(versions) > 1:
            findings.add(
                "function_extra", f"There are {len(versions)} functions {name}, which should be one.", key=name
            )
        for source, runs_as_owner, configured, everyone, stranger in versions:
            wanted: dict[str, tuple[str | bool, str | bool]] = {
                "prosrc": (function.body.strip(), source.strip()),
                "prosecdef": (function.definer, runs_as_owner),
                "proconfig": (", ".join(sorted(function.settings)), ", ".join(sorted(configured or []))),
                "proacl": (False, everyone),
                "proowner": (False, stranger),
            }
            for field, (trail, there) in wanted.items():
                if trail != there:
                    findings.add(
                        "function_changed",
                        f"Function {name} is not the one that Countersign installs ({field}).",
                        key=name,
                        field=field,
                        trail=trail,
                        there=there,
                    )


def _check_other_functions(reader: Reader, findings: Findings, expected: dict[str, ExpectedFunction]) -> None:
    """Functions that lend their owner's rights to whoever calls them, and that nobody announced."""
    for schema, name, owner in reader.rows(
        "SELECT n.nspname, p.proname, pg_get_userbyid(p.proowner) FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid"
        " AND d.deptype = 'e')"
        " AND NOT (n.nspname = 'public' AND p.proname = ANY(%s)) ORDER BY 1, 2",
        [sorted(expected)],
    ):
        findings.add(
            "function_extra",
            f"Function {schema}.{name} runs with the rights of {owner}, and Countersign installs none of that name.",
            key=name,
            there=owner,
        )
