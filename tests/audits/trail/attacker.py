"""An attacker who is superuser of the database, switches the triggers off, changes things, and cleans up behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.database import Connection

# SQL for another value of the same type than the column ``{v}``, by type; null becomes something.
_OTHER = {
    "boolean": "NOT coalesce({v}, false)",
    "uuid": "gen_random_uuid()",
    "xid8": "(({v}::text::bigint + 1000000)::text)::xid8",
    "jsonb": "jsonb_build_array({v}, 'forged')",
    "bytea": r"set_byte(coalesce({v}, '\x00'), 0, (get_byte(coalesce({v}, '\x00'), 0) + 1) % 256)",
    "timestamp with time zone": "coalesce({v}, now()) + interval '1 microsecond'",
    "date": "coalesce({v}, current_date) + 1",
    "double precision": "coalesce({v}, 0) + 1",
    "text[]": "array_append({v}, 'forged')",
}
_NUMBER = "coalesce({v}, 0) + 1000"
_TEXT = "CASE WHEN coalesce({v}, '') = '' THEN 'x' ELSE chr(ascii({v}) + 1) || substr({v}, 2) END"


def other_value(column: str, kind: str) -> str:
    """SQL for a changed value of the column, whose type is ``kind`` (as ``format_type`` writes it)."""
    if kind in ("smallint", "integer", "bigint") or kind.startswith("numeric"):
        pattern = _NUMBER
    elif kind.startswith(("text", "character")) and kind != "text[]":
        pattern = _TEXT
    else:
        pattern = _OTHER[kind]
    # Doubled, since these go into statements with parameters.
    return pattern.format(v=f'"{column}"').replace("%", "%%")


class Attacker:
    """Acts through a superuser's connection in autocommit mode."""

    def __init__(self, superuser: Connection) -> None:
        self.sql = superuser

    @contextmanager
    def unguarded(self, table: str) -> Iterator[None]:
        """No trigger of the table fires, no foreign key is checked; afterwards everything looks as before."""
        names = [
            name
            for (name,) in self.sql.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table]
            ).fetchall()
        ]
        self.sql.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        self.sql.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            self.sql.execute("SET session_replication_role = origin")
            for name in names:
                self.sql.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER "{name}"')

    def columns(self, table: str) -> dict[str, str]:
        """Name and type of each column."""
        found = self.sql.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [table],
        ).fetchall()
        return {str(name): str(kind) for name, kind in found}

    def save_rows(self, table: str) -> None:
        """Remember the table as it is."""
        self.sql.execute("CREATE SCHEMA IF NOT EXISTS remembered")
        self.sql.execute(f'CREATE TABLE remembered."{table}" AS TABLE public."{table}"')

    def restore_rows(self, table: str) -> None:
        """Bring the table back to what was remembered, again past every trigger."""
        with self.unguarded(table):
            self.sql.execute(f'DELETE FROM public."{table}"')
            self.sql.execute(f'INSERT INTO public."{table}" OVERRIDING SYSTEM VALUE SELECT * FROM remembered."{table}"')
        self.sql.execute(f'DROP TABLE remembered."{table}"')
