"""PostgreSQL 18 as a part of the application: made, started, shared and stopped by whoever needs it.

Nothing here but ``backend`` imports Django, nothing signals a process that is not a postgres of the data
directory, and nobody gets in without a password.
"""

from governance.embedded.errors import EmbeddedError
from governance.embedded.passwords import Role
from governance.embedded.server import Server, Status, ensure_running, release, status, stop
from governance.embedded.wheel import programs

__all__ = [
    "EmbeddedError",
    "Role",
    "Server",
    "Status",
    "ensure_running",
    "programs",
    "release",
    "status",
    "stop",
]
