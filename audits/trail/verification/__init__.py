"""Checks the trail against itself, against what was signed, and against every row and file that it speaks of.

Reads only, repairs nothing and stores nothing; no step stops the others.
"""

from audits.trail.verification.engine import verify
from audits.trail.verification.report import Finding, Step, VerificationReport

__all__ = ["Finding", "Step", "VerificationReport", "verify"]
