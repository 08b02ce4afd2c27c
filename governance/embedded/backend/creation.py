"""Test databases on the embedded server: owned and restricted like the real one.

They are made through a superuser's connection, because neither of our roles may create a database.
"""

from typing import Any

from django.db.backends.postgresql.creation import DatabaseCreation as PostgresCreation

from governance.embedded.roles import restrict_database


class DatabaseCreation(PostgresCreation):
    """Django's creation of test databases, followed by our owner and grants."""

    def _execute_create_test_db(self, cursor: Any, parameters: dict[str, str], keepdb: bool = False) -> None:
        super()._execute_create_test_db(cursor, parameters, keepdb)  # type: ignore[misc]
        name = parameters["dbname"].strip('"').replace('""', '"')
        restrict_database(cursor.connection, name)
