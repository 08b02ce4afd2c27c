"""The one error of the embedded PostgreSQL, and how failures of the machine are put into words.

It never carries a password; a log tail may hold a statement, but none of ours holds a secret in clear.
"""

import errno
from pathlib import Path

from audits.errors import DomainError

_OWN_SERVER = "or set DATABASE_URL and DATABASE_OWNER_URL to use a PostgreSQL server of your own"


class EmbeddedError(DomainError):
    """PostgreSQL cannot be started, reached or stopped; the message says what to do."""

    code = "embedded_database"
    status = 503  # Unlike other refusals it passes: clients do well to ask again.


def from_os_error(error: OSError, *, doing: str) -> EmbeddedError:
    """The error of the machine as a sentence that says what to do; ``doing`` completes "Could not ..."."""
    where = f" ({error.filename})" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            advice = "The disk or the quota is full: free some space and run the command again; nothing is lost."
        case errno.EACCES | errno.EPERM:
            advice = (
                "Permission was denied: run as the user that owns the data directory, "
                f"or choose another one with COUNTERSIGN_DATA, {_OWN_SERVER}."
            )
        case errno.EROFS:
            advice = "The file system is read-only: choose a writable data directory with COUNTERSIGN_DATA."
        case errno.ENAMETOOLONG:
            advice = "The path is too long for this file system: choose a shorter one with COUNTERSIGN_DATA."
        case errno.ENOTDIR | errno.EEXIST | errno.ELOOP:
            advice = "Something else lies at that path: move it away, or choose another COUNTERSIGN_DATA."
        case _:
            advice = f"Mend that, {_OWN_SERVER}."
    return EmbeddedError(f"Could not {doing}: {error.strerror or error}{where}. {advice}")


def from_output(output: str, *, doing: str, log: Path | None = None) -> EmbeddedError:
    """What a program of PostgreSQL said before it failed, shortened, with advice where the cause is plain."""
    tail = "\n".join(line for line in output.strip().splitlines()[-12:] if line.strip()) or "(it said nothing)"
    advice = f"Mend what it says, {_OWN_SERVER}."
    if "No space left on device" in output or "Disk quota exceeded" in output:
        advice = "The disk or the quota is full: free some space and run the command again; nothing is lost."
    elif "could not look up effective user ID" in output:
        advice = f"This user id has no name on this machine: add it to /etc/passwd, {_OWN_SERVER}."
    elif "could not create shared memory segment" in output or "could not map anonymous" in output:
        advice = "The machine has no shared memory left: end other programs or raise the container's limit."
    elif "database files are incompatible" in output:
        advice = "The data directory was made by another release of PostgreSQL: dump it there and restore here."
    elif "Permission denied" in output:
        advice = f"PostgreSQL may not reach a file it needs: check the owner of the data directory, {_OWN_SERVER}."
    place = f" The whole log: {log}" if log else ""
    return EmbeddedError(f"Could not {doing}. PostgreSQL said:\n{tail}\n{advice}{place}")
