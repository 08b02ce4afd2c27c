"""Step 8: the application's database role can do what it needs and nothing that would get around the trail."""

from django.conf import settings

from audits.trail.installation import CALLED_BY_APPLICATION, PROGRESS_TABLES, SEQUENCES, TRAIL_TABLES, rights_of
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
# Where the application finds its tables: its own schema before public is where step 7 looks for tables of our names.
_PATHS = ("public", '"$user",public')
_ATTRIBUTES = {
    "rolsuper": "is a superuser",
    "rolcreaterole": "may create roles",
    "rolcreatedb": "may create databases",
    "rolbypassrls": "bypasses row security",
    "rolreplication": "may replicate",
}


def check_privileges(matter: Matter, findings: Findings, tell: Tell) -> None:
    role = settings.COUNTERSIGN_APPLICATION_ROLE
    reader = matter.reader
    found = reader.rows(f"SELECT {', '.join(_ATTRIBUTES)} FROM pg_roles WHERE rolname = %s", [role])
    if not found:
        findings.add("role_missing", f"There is no database role {role}.", key=role)
        return
    findings.checked += 1
    for (field, meaning), held in zip(_ATTRIBUTES.items(), found[0], strict=True):
        if held:
            findings.add("role_attribute", f"Role {role} {meaning}.", key=role, field=field, trail=False, there=True)
    tables = [*TRAIL_TABLES, *PROGRESS_TABLES, *(governed.table for governed, columns in matter.governed() if columns)]
    _check_tables(reader, findings, role, tables)
    tell(len(tables))
    findings.checked += len(tables)
    _check_memberships(reader, findings, role)
    _check_surroundings(reader, findings, role)


def _check_tables(reader: Reader, findings: Findings, role: str, tables: list[str]) -> None:
    # Also the rights of every role that it could become; a right on one column is found by asking for any column.
    held = ", ".join(f"bool_or(has_table_privilege(r.oid, c.oid, '{right}'))" for right in _RIGHTS)
    columns = ", ".join(f"bool_or(has_any_column_privilege(r.oid, c.oid, '{right}'))" for right in ("INSERT", "UPDATE"))
    for table, owner, owns, *rights in reader.rows(
        f"SELECT c.relname, pg_get_userbyid(c.relowner), pg_has_role(%(role)s, c.relowner, 'MEMBER'), {held},"
        f" {columns} FROM pg_class c JOIN pg_roles r ON pg_has_role(%(role)s, r.oid, 'MEMBER')"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%(tables)s)"
        " GROUP BY c.oid, c.relname, c.relowner ORDER BY c.relname",
        {"role": role, "tables": tables},
    ):
        if owns:
            findings.add(
                "role_owns",
                f"Role {role} owns {table}, or is a member of its owner {owner}: it can switch its triggers off.",
                table=table,
                key=role,
            )
        there = {right for right, has in zip((*_RIGHTS, "INSERT", "UPDATE"), rights, strict=True) if has}
        extra = sorted(there - set(rights_of(table)))
        if extra:
            findings.add(
                "role_rights",
                f"Role {role} has rights on {table} that nothing needs: {', '.join(extra)}.",
                table=table,
                key=role,
                trail=", ".join(rights_of(table)),
                there=", ".join(sorted(there)),
            )


def _check_memberships(reader: Reader, findings: Findings, role: str) -> None:
    for (other,) in reader.rows(
        "SELECT r.rolname FROM pg_roles r WHERE r.rolname <> %(role)s"
        " AND (r.rolsuper OR r.rolcreaterole OR r.rolname LIKE 'pg\\_%%')"
        " AND pg_has_role(%(role)s, r.oid, 'MEMBER')",
        {"role": role},
    ):
        findings.add("role_member", f"Role {role} is a member of {other}.", key=role, there=other)


def _check_surroundings(reader: Reader, findings: Findings, role: str) -> None:
    [(schema, database, temporary)] = reader.rows(
        "SELECT has_schema_privilege(%(role)s, 'public', 'CREATE'),"
        " has_database_privilege(%(role)s, current_database(), 'CREATE'),"
        " has_database_privilege(%(role)s, current_database(), 'TEMPORARY')",
        {"role": role},
    )
    for held, what in (
        (schema, "create objects in the schema public"),
        (database, "create schemas in the database"),
        (temporary, "create temporary tables (REVOKE TEMPORARY ON DATABASE … FROM PUBLIC)"),
    ):
        if held:
            findings.add("role_rights", f"Role {role} may {what}.", key=role, trail=False, there=True)
    _check_functions(reader, findings, role)
    _check_sequences(reader, findings, role)
    _check_parameters(reader, findings, role)


def _check_functions(reader: Reader, findings: Findings, role: str) -> None:
    """Of the functions that run as their owner it may call those that it writes to the trail with."""
    for function in CALLED_BY_APPLICATION:
        [(may,)] = reader.rows("SELECT has_function_privilege(%s, to_regprocedure(%s), 'EXECUTE')", [role, function])
        if not may:
            findings.add("role_rights", f"Role {role} may not call {function}.", key=role)
    expected = [f"public.{name}" for name in (*CALLED_BY_APPLICATION, "audits_current_epoch()")]
    for (function,) in reader.rows(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.prosecdef"
        " AND p.pronamespace <> 'pg_catalog'::regnamespace AND has_function_privilege(%s, p.oid, 'EXECUTE')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid"
        " AND d.deptype = 'e')"
        " AND NOT EXISTS (SELECT FROM unnest(%s::text[]) AS e (name) WHERE to_regprocedure(e.name) = p.oid)",
        [role, expected],
    ):
        findings.add(
            "role_rights", f"Role {role} may call {function}, with its owner's rights.", key=role, there=function
        )


def _check_sequences(reader: Reader, findings: Findings, role: str) -> None:
    needed = {sequence for sequence, table in reader.rows(SEQUENCES) if "INSERT" in rights_of(table)}
    for sequence, usage, select, update in reader.rows(
        "SELECT relname, has_sequence_privilege(%(role)s, oid, 'USAGE'),"
        " has_sequence_privilege(%(role)s, oid, 'SELECT'),"
        " has_sequence_privilege(%(role)s, oid, 'UPDATE') FROM pg_class"
        " WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace ORDER BY relname",
        {"role": role},
    ):
        if update or select or (usage and sequence not in needed):
            findings.add(
                "role_rights", f"Role {role} has rights on the sequence {sequence} that nothing needs.", key=sequence
            )


def _check_parameters(reader: Reader, findings: Findings, role: str) -> None:
    """Settings that only a superuser should change: the right to, and a value laid down for its sessions."""
    for parameter, right in reader.rows(
        "SELECT a.parname, g.privilege_type FROM pg_parameter_acl a CROSS JOIN LATERAL aclexplode(a.paracl) g"
        " WHERE g.grantee = 0 OR pg_has_role(%s, g.grantee, 'MEMBER')",
        [role],
    ):
        findings.add("role_parameter", f"Role {role} may {right} {parameter}.", key=role, field=parameter, there=right)
    for (setting,) in reader.rows(
        "SELECT s.value FROM pg_db_role_setting d CROSS JOIN LATERAL unnest(d.setconfig) AS s (value)"
        " WHERE d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
        " AND s.value LIKE 'session\\_replication\\_role=%%'"
    ):
        findings.add("role_parameter", f"Sessions begin with {setting}.", key=role, field="session_replication_role")
    for (setting,) in reader.rows(
        "SELECT s.value FROM pg_db_role_setting d CROSS JOIN LATERAL unnest(d.setconfig) AS s (value)"
        " WHERE d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
        " AND d.setrole IN (0, to_regrole(quote_ident(%s))) AND s.value LIKE 'search\\_path=%%'",
        [role],
    ):
        if setting.partition("=")[2].replace(" ", "") not in _PATHS:
            findings.add("role_parameter", f"Sessions begin with {setting}.", key=role, field="search_path")
