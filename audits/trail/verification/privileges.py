"""Step 8: the application's database role can do what it needs and nothing that would get around the trail."""

from django.conf import settings

from audits.trail.installation import OPEN_ACT, TRAIL_TABLES, rights_of
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
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
    tables = [*TRAIL_TABLES, *(governed.table for governed, columns in matter.governed() if columns)]
    _check_tables(reader, findings, role, tables)
    tell(len(tables))
    findings.checked += len(tables)
    _check_memberships(reader, findings, role)
    _check_surroundings(reader, findings, role)


def _check_tables(reader: Reader, findings: Findings, role: str, tables: list[str]) -> None:
    held = ", ".join(f"has_table_privilege(%(role)s, c.oid, '{right}')" for right in _RIGHTS)
    # A right on one column is found only by asking for any column.
    columns = ", ".join(f"has_any_column_privilege(%(role)s, c.oid, '{right}')" for right in ("INSERT", "UPDATE"))
    for table, owner, owns, *rights in reader.rows(
        f"SELECT c.relname, pg_get_userbyid(c.relowner), pg_has_role(%(role)s, c.relowner, 'MEMBER'), {held},"
        f" {columns} FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%(tables)s)",
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
    [(schema, database, commit, require, opens)] = reader.rows(
        "SELECT has_schema_privilege(%(role)s, 'public', 'CREATE'),"
        " has_database_privilege(%(role)s, current_database(), 'CREATE'),"
        " has_function_privilege(%(role)s, 'audits_commit(text)', 'EXECUTE'),"
        " has_function_privilege(%(role)s, 'audits_require_act(text)', 'EXECUTE'),"
        f" has_function_privilege(%(role)s, '{OPEN_ACT}', 'EXECUTE')",
        {"role": role},
    )
    for held, what in (
        (schema, "create objects in the schema public"),
        (database, "create schemas in the database"),
        (commit, "store texts beside the trail (audits_commit)"),
        (require, "call audits_require_act"),
    ):
        if held:
            findings.add("role_rights", f"Role {role} may {what}.", key=role, trail=False, there=True)
    if not opens:
        findings.add("role_rights", f"Role {role} may not open acts ({OPEN_ACT}).", key=role)
