"""Evidence: measurements of models and their predictions, as frozen records that anyone can make again.

Never imports Django, and imports the measuring libraries only when a measurement begins: the web process may
import this package.
"""

from typing import TYPE_CHECKING

from audits.evidence.description import ColumnDescription, TableDescription
from audits.evidence.errors import EvidenceError
from audits.evidence.isolated import describe_isolated, run_isolated
from audits.evidence.record import EvidenceRecord, Figure, digest_of, records_as_json
from audits.evidence.request import MEASUREMENTS, MeasureRequest, Subject

if TYPE_CHECKING:
    from audits.evidence.measuring import measure
    from audits.evidence.sandbox.limits import SandboxLimits
    from audits.evidence.tables import describe_table, digest_of_file, read_table

_LATE = {
    "SandboxLimits": "audits.evidence.sandbox.limits",
    "describe_table": "audits.evidence.tables",
    "digest_of_file": "audits.evidence.tables",
    "measure": "audits.evidence.measuring",
    "read_table": "audits.evidence.tables",
}

__all__ = [
    "MEASUREMENTS",
    "ColumnDescription",
    "EvidenceError",
    "EvidenceRecord",
    "Figure",
    "MeasureRequest",
    "SandboxLimits",
    "Subject",
    "TableDescription",
    "describe_isolated",
    "describe_table",
    "digest_of",
    "digest_of_file",
    "measure",
    "read_table",
    "records_as_json",
    "run_isolated",
]


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATE[name]), name)
