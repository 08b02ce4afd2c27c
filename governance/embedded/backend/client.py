"""``manage.py dbshell`` with the psql of the wheel, as the role that is configured.

The password goes through the environment (PGPASSWORD), never through the command line.
"""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql.client import DatabaseClient as PostgresClient

from governance.embedded.server import ensure_running
from governance.embedded.wheel import programs


class DatabaseClient(PostgresClient):
    """psql, led to the embedded server."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Command line and environment of psql; starts the server if need be."""
        # Imported here: base.py imports this module.
        from governance.embedded.backend.base import embedded_options

        data_dir, role = embedded_options(settings_dict)
        params = ensure_running(data_dir).params(role)
        filled = {
            **settings_dict,
            "HOST": params["host"],
            "PORT": params["port"],
            "USER": params["user"],
            "PASSWORD": params["password"],
        }
        args, env = super().settings_to_cmd_args_env(filled, list(parameters))
        return [str(programs() / "psql"), *args[1:]], env
