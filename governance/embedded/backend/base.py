"""ENGINE ``governance.embedded.backend``: the trail's PostgreSQL backend on a server started on demand.

In ``DATABASES``, beside ``NAME``: ``"EMBEDDED": {"data_dir": Path, "role": ROLE}`` (or the same in
``OPTIONS``, as ``embedded``), where ROLE is ``application``, ``owner`` or ``superuser``; HOST, PORT, USER and
PASSWORD stay empty. It never opens a connection as another role than the one configured, but for making and
dropping test databases. Django asks for the name ``base`` (django.db.utils.load_backend).
"""

import threading
from pathlib import Path
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import NO_DB_ALIAS

from audits.postgres.base import DatabaseWrapper as CarryingWrapper
from governance.embedded.backend.client import DatabaseClient
from governance.embedded.backend.creation import DatabaseCreation
from governance.embedded.errors import EmbeddedError
from governance.embedded.passwords import ROLE_NAMES, Role
from governance.embedded.server import Server, confirm_running, ensure_running


class DatabaseWrapper(CarryingWrapper):
    """A connection that finds, starts or restarts its own server."""

    client_class = DatabaseClient
    creation_class = DatabaseCreation

    _connection_pools: ClassVar[dict[str, Any]]  # Django's own, which its stubs leave out.
    # What each alias's pool was opened for. After a restart it holds dead connections; after the test runner
    # changed NAME it would hold connections to the real database.
    _pool_targets: ClassVar[dict[str, tuple[Server, str]]] = {}
    _pool_guard: ClassVar[threading.Lock] = threading.Lock()

    # With a pool every request asks for parameters: the password's file is read once per run of the server.
    _server: Server | None = None
    _address: dict[str, str | int]

    def get_connection_params(self) -> dict[str, Any]:
        """Start the server if need be and say how to reach it. Raises ``EmbeddedError``."""
        data_dir, role = embedded_options(self.settings_dict)
        server = ensure_running(data_dir)
        if server is not self._server:
            if self.alias == NO_DB_ALIAS:
                # Only Django's test runner asks for "no database": it makes and drops databases,
                # which no role of ours may do.
                role = "superuser"
            self._address = server.params(role)
            self._server = server
        params: dict[str, Any] = super().get_connection_params()
        params.pop("embedded", None)
        # The server's own values last: nothing in OPTIONS can lead the connection elsewhere.
        return {**params, **self._address, "dbname": params["dbname"]}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; if the server died or is going down, bring it back and try once more."""
        before = self._server
        if before is None:
            raise EmbeddedError("A connection was opened without asking where the server is.")
        self._drop_stale_pool(before)
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError:
            after = confirm_running(before.data_dir)
            if after == before:
                raise
            self._drop_stale_pool(after)
            return super().get_new_connection(self.get_connection_params())

    def _drop_stale_pool(self, server: Server) -> None:
        if self.alias == NO_DB_ALIAS or not self.settings_dict["OPTIONS"].get("pool"):
            return
        target = (server, str(self.settings_dict["NAME"]))
        with self._pool_guard:
            if self._pool_targets.get(self.alias, target) != target:
                stale = self._connection_pools.pop(self.alias, None)
                if stale is not None:
                    # Its threads may be in the middle of an attempt to connect: nobody waits for them.
                    threading.Thread(target=stale.close, name="close-stale-pool", daemon=True).start()
            self._pool_targets[self.alias] = target


def embedded_options(settings_dict: dict[str, Any]) -> tuple[Path, Role]:
    """Data directory and role out of one entry of ``DATABASES``; raises ``ImproperlyConfigured``."""
    options = settings_dict.get("EMBEDDED") or settings_dict["OPTIONS"].get("embedded") or {}
    role = options.get("role", "application")
    if not options.get("data_dir") or role not in ROLE_NAMES:
        raise ImproperlyConfigured(
            'The engine governance.embedded.backend needs "EMBEDDED": {"data_dir": ..., "role": ...} '
            f"in DATABASES; role is one of {', '.join(ROLE_NAMES)}."
        )
    return Path(options["data_dir"]), role
