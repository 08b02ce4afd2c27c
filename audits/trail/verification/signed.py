"""Step 1: every checkpoint is signed, and none is newer than what the signer and the outside remember."""

from audits.merkle.canonical import sha256_hex
from audits.merkle.checkpoints import Checkpoint
from audits.merkle.errors import VerificationError
from audits.trail.verification.matter import Claim, Matter, Tell
from audits.trail.verification.report import Findings

_TABLE = "audits_checkpoint"


def check_checkpoints(matter: Matter, findings: Findings, tell: Tell) -> None:
    """Roots are compared with the entries in step 2, to which this step hands its claims."""
    [(matter.entries,)] = matter.reader.rows("SELECT count(*) FROM audits_entry")
    newest = _check_stored(matter, findings, tell)
    before, after = matter.remembered
    if before is not None and newest < before.size:
        _report_behind(matter, findings, before, newest)
    if newest > (after.size if after is not None else 0):
        remembered = "nothing" if after is None else f"{after.size} entries"
        findings.add(
            "not_remembered",
            f"The database holds a checkpoint of {newest} entries, but the signer's memory outside it is of "
            f"{remembered}: the memory was lost or set back, or the checkpoint is not the signer's.",
            table=_TABLE,
            key=str(newest),
        )
    for checkpoint in (before, after):
        if checkpoint is not None:
            matter.claims.append(Claim(size=checkpoint.size, root=checkpoint.root, source="the signer's memory"))
    if matter.outside is not None:
        _check_outside(matter, findings, matter.outside)


def _check_stored(matter: Matter, findings: Findings, tell: Tell) -> int:
    """The size of the newest checkpoint whose signature holds; 0 where there is none."""
    newest = 0
    for size, root, note in matter.reader.stream("SELECT size, root, note FROM audits_checkpoint ORDER BY size"):
        findings.checked += 1
        tell(1)
        try:
            signed = matter.keys.open(note)
        except VerificationError as error:
            findings.add(
                "bad_signature",
                f"The checkpoint of {size} entries is not signed by the trail's key, nor by a retired one "
                f"within its last size: {error.message}.",
                table=_TABLE,
                key=str(size),
                field="note",
                there=note,
            )
            continue
        newest = max(newest, signed.size)
        matter.newest = note
        _compare(findings, size, "size", signed.size, size)
        _compare(findings, size, "root", signed.root.hex(), bytes(root).hex())
        matter.claims.append(Claim(size=signed.size, root=signed.root, source=f"the checkpoint of {signed.size}"))
    return newest


def _compare(findings: Findings, size: int, field: str, signed: int | str, there: int | str) -> None:
    if signed != there:
        findings.add(
            "checkpoint_row",
            f"The checkpoint's row says another {field} than its signed note.",
            table=_TABLE,
            key=str(size),
            field=field,
            trail=signed,
            there=there,
        )


def _report_behind(matter: Matter, findings: Findings, remembered: Checkpoint, newest: int) -> None:
    if matter.entries < remembered.size:
        findings.add(
            "rolled_back",
            f"The signer signed {remembered.size} entries, the log holds {matter.entries}: the database was "
            "rolled back to an earlier state, or entries were removed.",
            table="audits_entry",
            key=str(matter.entries),
        )
    else:
        findings.add(
            "checkpoint_missing",
            f"The signer signed a checkpoint of {remembered.size} entries, the newest in the database is of "
            f"{newest}: rows were removed.",
            table=_TABLE,
            key=str(remembered.size),
        )


def _check_outside(matter: Matter, findings: Findings, note: str) -> None:
    findings.checked += 1
    try:
        outside = matter.keys.open(note)
    except VerificationError as error:
        findings.add(
            "outside",
            f"The checkpoint kept outside (SHA-256 {sha256_hex(note.encode())[:16]}…) is not signed by the "
            f"trail's key, nor by a retired one within its last size: {error.message}.",
        )
        return
    matter.claims.append(Claim(size=outside.size, root=outside.root, source="the checkpoint kept outside"))
