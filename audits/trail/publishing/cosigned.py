"""A checkpoint's note with the signature lines of the witnesses that cosigned it.

The note in audits_checkpoint stays as it was signed. Never adds a line that does not hold.

c2sp.org/tlog-cosignature.
"""

from audits.merkle.cosignatures import WitnessKey, verify_cosignature
from audits.merkle.errors import VerificationError
from audits.models.trail import Checkpoint, Cosignature


def cosigned_note(checkpoint: Checkpoint) -> str:
    """The note, with every kept cosignature that holds, in the order of the witnesses' keys."""
    kept = Cosignature.objects.filter(size=checkpoint.size).order_by("witness")
    return checkpoint.note + "".join(row.line for row in kept if holds(checkpoint.note, row))


def holds(note: str, row: Cosignature) -> bool:
    """Whether the line is the named witness's over the note."""
    try:
        verify_cosignature(note + row.line, WitnessKey.parse(row.witness))
    except VerificationError:
        return False
    return row.line.count("\n") == 1 and row.line.endswith("\n")
