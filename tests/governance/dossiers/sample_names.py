"""What the parts of the sample dossier have in common: the model, its artifact, moments, digests."""

import hashlib
from datetime import UTC, datetime


def digest(text: str) -> str:
    """A digest of the right shape for anything that the sample names."""
    return hashlib.sha256(text.encode()).hexdigest()


START = datetime(2026, 11, 23, 9, 12, 4, tzinfo=UTC)
PRINTED = datetime(2026, 11, 30, 19, 46, 31, tzinfo=UTC)
MODEL = "retail-credit-early-arrears-prediction"
VERSION = "7"
ARTIFACT = digest("artifact")
