"""Step 7, part four: nothing bears a name of ours, or of PostgreSQL's, that could be looked up in its place.

A name without a schema is looked up along the search path: a table of the same name in a schema before ``public`` takes
the application's writes past every trigger, and a function or operator that fits built-in types more closely than
PostgreSQL's own answers for it, whatever the path (PostgreSQL, "Function Type Resolution").
"""

from django.conf import settings

from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

# Those of tables with columns of their types have their own operands; these stand in what the trail compares.
_OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "||", "->", "->>", "~", "!~", "~~", "+", "-"]

# Where the application's role may look, but for what is PostgreSQL's own.
_SCHEMAS = """
SELECT oid, nspname FROM pg_catalog.pg_namespace
WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%%'
AND has_schema_privilege(%(role)s, oid, 'USAGE')
"""
_RELATIONS = f"""
SELECT s.nspname, c.relname FROM pg_catalog.pg_class c JOIN ({_SCHEMAS}) s ON s.oid = c.relnamespace
WHERE s.nspname <> 'public' AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S') AND EXISTS (
    SELECT FROM pg_catalog.pg_class o WHERE o.relname = c.relname
    AND o.relnamespace IN ('public'::regnamespace, 'pg_catalog'::regnamespace)
) ORDER BY 1, 2
"""
# One that takes a type of an extension's own leaves calls with built-in types alone.
_FUNCTIONS = f"""
SELECT s.nspname, p.proname FROM pg_catalog.pg_proc p JOIN ({_SCHEMAS}) s ON s.oid = p.pronamespace
WHERE NOT EXISTS (
    SELECT FROM unnest(p.proargtypes) AS a (type) JOIN pg_catalog.pg_type t ON t.oid = a.type
    WHERE t.typnamespace <> 'pg_catalog'::regnamespace
) AND EXISTS (
    SELECT FROM pg_catalog.pg_proc o WHERE o.proname = p.proname AND o.pronamespace <> p.pronamespace
    AND o.pronamespace IN ('public'::regnamespace, 'pg_catalog'::regnamespace)
) ORDER BY 1, 2
"""
_FOREIGN_OPERATORS = """
SELECT n.nspname, o.oprname FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE n.nspname <> 'pg_catalog' AND o.oprname = ANY (%(names)s) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_type t WHERE t.oid IN (o.oprleft, o.oprright)
    AND t.typnamespace <> 'pg_catalog'::regnamespace
) ORDER BY 1, 2
"""
_CASTS = """
SELECT format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL) FROM pg_catalog.pg_cast c
JOIN pg_catalog.pg_type s ON s.oid = c.castsource JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
WHERE s.typnamespace = 'pg_catalog'::regnamespace AND t.typnamespace = 'pg_catalog'::regnamespace
AND p.pronamespace <> 'pg_catalog'::regnamespace ORDER BY 1
"""


def check_shadows(reader: Reader, findings: Findings) -> None:
    role = settings.COUNTERSIGN_APPLICATION_ROLE
    if not reader.rows("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", [role]):
        return  # Step 8 says so.
    asked = {"role": role, "names": _OPERATORS}
    for schema, name in reader.rows(_RELATIONS, asked):
        _add(findings, "table_shadowed", f"{schema}.{name} can be found in place of the table {name}.", name, schema)
    for schema, name in reader.rows(_FUNCTIONS, asked):
        _add(findings, "function_shadowed", f"{schema}.{name} can be called in place of {name}.", name, schema)
    for schema, name in reader.rows(_FOREIGN_OPERATORS, asked):
        _add(findings, "operator_extra", f"Operator {name} of {schema} can stand in for PostgreSQL's.", name, schema)
    for (cast,) in reader.rows(_CASTS):
        _add(findings, "cast_extra", f"The cast {cast} is not PostgreSQL's own.", cast, None)


def _add(findings: Findings, code: str, message: str, key: str, there: str | None) -> None:
    findings.add(code, message, key=key, there=there)
