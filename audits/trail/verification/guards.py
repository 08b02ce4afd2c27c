"""Step 7: the triggers that record and refuse are there, always on, and run exactly the code that they should."""

import re
from collections.abc import Iterator
from importlib import import_module

from audits.trail.capture import CONFIGURATION, function_bodies, function_name, trigger_definitions
from audits.trail.encoding import Column
from audits.trail.governed import GovernedTable
from audits.trail.installation import TRAIL_TABLES
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

_MIGRATION = "audits.migrations.0002_trail"
_FUNCTION = re.compile(r"CREATE FUNCTION (\w+)\((.*?)\)(.*?)AS \$\$(.*?)\$\$", re.S)
_GUARD = (
    "CREATE TRIGGER audits_refuse BEFORE DELETE OR UPDATE OR TRUNCATE ON public.{table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION audits_refuse()"
)


def check_guards(matter: Matter, findings: Findings, tell: Tell) -> None:
    reader = matter.reader
    expected: dict[tuple[str, str], str] = {
        (table, "audits_refuse"): _GUARD.format(table=table) for table in TRAIL_TABLES
    }
    functions: dict[str, tuple[str, bool, set[str]]] = {}
    for governed, columns in matter.governed():
        if not columns:
            continue
        expected |= {
            (governed.table, name): text
            for name, text in trigger_definitions(governed.table, governed.key, governed.capture).items()
        }
        for op, body in function_bodies(governed.table, governed.key, columns).items():
            functions[function_name(governed.table, op)] = (body, True, set(CONFIGURATION))
    functions |= _migrated_functions()
    _check_triggers(reader, findings, expected)
    tell(len(expected))
    _check_functions(reader, findings, functions)
    tell(len(functions))
    findings.checked += len(expected) + len(functions)
    _check_rules(reader, findings, matter.governed())


def _migrated_functions() -> dict[str, tuple[str, bool, set[str]]]:
    """What the migration's SQL says of each function: body, whether it runs as its owner, its settings."""
    migration = import_module(_MIGRATION)
    text: str = migration.FUNCTIONS + migration.APPENDING
    return {
        name: (body, "SECURITY DEFINER" in options, {"search_path=pg_catalog, pg_temp"})
        for name, _, options, body in _FUNCTION.findall(text)
    }


def _check_triggers(reader: Reader, findings: Findings, expected: dict[tuple[str, str], str]) -> None:
    tables = sorted({table for table, _ in expected})
    found: dict[tuple[str, str], str] = {}
    for table, name, enabled, internal, definition in reader.rows(
        "SELECT c.relname, t.tgname, t.tgenabled::text, t.tgisinternal, pg_get_triggerdef(t.oid)"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%s)",
        [tables],
    ):
        if not internal:
            found[table, name] = definition
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


def _check_functions(reader: Reader, findings: Findings, expected: dict[str, tuple[str, bool, set[str]]]) -> None:
    found: dict[str, list[tuple[str, bool, list[str] | None, bool]]] = {}
    for name, source, definer, settings, everyone in reader.rows(
        "SELECT p.proname, p.prosrc, p.prosecdef, p.proconfig,"
        " p.prosecdef AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g"
        " WHERE g.grantee = 0 AND g.privilege_type = 'EXECUTE') AND p.proname <> 'audits_current_epoch'"
        " FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY(%s)",
        [sorted(expected)],
    ):
        found.setdefault(name, []).append((source, definer, settings, everyone))
    for name, (body, definer, settings) in sorted(expected.items()):
        versions = found.get(name, [])
        if not versions:
            findings.add("function_missing", f"Function {name} is missing.", key=name)
        for source, runs_as_owner, configured, everyone in versions:
            wanted: dict[str, tuple[str | bool, str | bool]] = {
                "prosrc": (body.strip(), source.strip()),
                "prosecdef": (definer, runs_as_owner),
                "proconfig": (", ".join(sorted(settings)), ", ".join(sorted(configured or []))),
                "proacl": (False, everyone),
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


def _check_rules(reader: Reader, findings: Findings, governed: Iterator[tuple[GovernedTable, list[Column]]]) -> None:
    tables = [*TRAIL_TABLES, *(table.table for table, _ in governed)]
    for table, rule in reader.rows(
        "SELECT tablename, rulename FROM pg_rules WHERE schemaname = 'public' AND tablename = ANY(%s)", [tables]
    ):
        findings.add(
            "rule",
            f"Rule {rule} on {table} rewrites statements before the triggers see them.",
            table=table,
            key=rule,
        )
