"""The ground floor's tables: accounts, the trail, evidence."""

from audits.models.accounts import User
from audits.models.evidence import Evidence
from audits.models.governed import Capture, Governed
from audits.models.trail import Act, Checkpoint, Cosignature, Disclosure, Entry, Timestamp
from audits.models.verification import Verification, VerificationRun

__all__ = [
    "Act",
    "Capture",
    "Checkpoint",
    "Cosignature",
    "Disclosure",
    "Entry",
    "Evidence",
    "Governed",
    "Timestamp",
    "User",
    "Verification",
    "VerificationRun",
]
