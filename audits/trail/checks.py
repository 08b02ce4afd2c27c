"""System checks: what an operator must hear before the service starts."""

from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection
from django.db.utils import Error as DatabaseError

from audits.retention import Retention
from audits.trail.governed import governed_tables
from audits.trail.installation import rows_of
from audits.trail.keys import NoTrailKey, signing_key, trail_keys
from audits.trail.plain_tables import oddities
from audits.trail.publishing.trust import BadPolicy, witness_policy


@register()
def retention_is_not_cut_short(**_: object) -> list[CheckMessage]:
    """audits.E007: COUNTERSIGN_RETENTION moves a kind of event to a period below what its regulation asks for."""
    retention: Retention = settings.RETENTION
    return [
        Error(
            f"COUNTERSIGN_RETENTION cannot be used: {said}.",
            hint="Move a kind of event only to a class that keeps it longer, or leave it where it is.",
            id="audits.E007",
        )
        for said in retention.shortened()
    ]


@register(Tags.database)
def triggers_are_in_place(databases: Sequence[str] | None, **_: object) -> list[CheckMessage]:
    """For the default database. audits.E001: a governed table without its triggers; E003: a role that owns them;
    E006: a governed table that can be written past its triggers.
    """
    if not databases:
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'audits_act' AND pg_has_role(relowner, 'USAGE'))"
            )
            (owns,) = cursor.fetchone()
            cursor.execute(
                "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE t.tgname IN ('audits_i', 'audits_u', 'audits_d') AND t.tgenabled = 'A'"
                " GROUP BY c.relname HAVING count(*) = 3"
            )
            guarded = {name for (name,) in cursor.fetchall()}
            governed = [found.table for found in governed_tables()]
            odd = oddities(partial(rows_of, cursor), governed)
            cursor.execute("SELECT to_regclass('audits_act') IS NOT NULL")
            (migrated,) = cursor.fetchone()
    except DatabaseError as error:
        return [Error(f"The database cannot be asked: {error}", id="audits.E002")]
    if not migrated:
        return []
    if owns:
        return [
            Error(
                "The application's role owns the trail's tables, so it could switch their triggers off.",
                hint="DATABASE_URL must name another role than DATABASE_OWNER_URL, and no superuser.",
                id="audits.E003",
            )
        ]
    bare = [
        Error(
            f"Table {table} is governed but its triggers are missing or disabled.",
            hint="Run manage.py migrate as the owner, then ./run verify.",
            id="audits.E001",
        )
        for table in governed
        if table not in guarded
    ]
    return [
        *bare,
        *(
            Error(str(oddity), hint="A governed table is one ordinary table; run ./run verify.", id="audits.E006")
            for oddity in odd
        ),
    ]


@register(Tags.database)
def the_trail_can_be_signed(databases: Sequence[str] | None, **_: object) -> list[CheckMessage]:
    """audits.E004: no usable key for checkpoints; E005: witnesses that cannot be asked."""
    if not databases:
        return []
    try:
        signing_key()
        trail_keys()
    except NoTrailKey as error:
        return [Error(error.message, id="audits.E004")]
    try:
        witness_policy()
    except BadPolicy as error:
        return [Error(error.message, id="audits.E005")]
    return []
