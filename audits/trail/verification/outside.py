"""What others say of the checkpoints holds: cosignatures, timestamps, and the acts by which keys were retired.

Never takes a witness's or an authority's key from what it says itself, except to name what does not hold.

c2sp.org/tlog-cosignature, c2sp.org/tlog-policy, RFC 3161.
"""

import json
from datetime import timedelta

from django.utils import timezone

from audits.errors import DomainError
from audits.merkle.cosignatures import WitnessKey, verify_cosignature
from audits.merkle.errors import VerificationError
from audits.merkle.log_keys import RetiredKey
from audits.merkle.timestamps import verify_timestamp
from audits.trail.publishing.stamps import trusted_roots
from audits.trail.publishing.trust import witness_policy
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.report import Findings

_LONG = timedelta(days=1)  # How far the quorum of witnesses may be behind.
_COSIGNED = """
SELECT w.size, w.witness, w.line, c.note FROM audits_cosignature w LEFT JOIN audits_checkpoint c ON c.size = w.size
ORDER BY w.size, w.witness
"""
_STAMPED = """
SELECT t.size, t.authority, t.token, c.note FROM audits_timestamp t LEFT JOIN audits_checkpoint c ON c.size = t.size
ORDER BY t.size, t.authority
"""


def check_outside(matter: Matter, findings: Findings, tell: Tell) -> None:
    _check_cosignatures(matter, findings, tell)
    _check_quorum(matter, findings)
    _check_timestamps(matter, findings, tell)
    for retired in matter.keys.retired:
        findings.checked += 1
        _check_retired(matter, findings, retired)


def _check_cosignatures(matter: Matter, findings: Findings, tell: Tell) -> None:
    for size, witness, line, note in matter.reader.stream(_COSIGNED):
        findings.checked += 1
        tell(1)
        try:
            verify_cosignature(f"{note or ''}{line}", WitnessKey.parse(witness))
        except VerificationError as error:
            findings.add(
                "cosignature",
                f"The cosignature of the checkpoint of {size} entries does not hold: {error.message}.",
                table="audits_cosignature",
                key=f"{size}, {witness}",
                field="line",
                there=line,
            )


def _check_quorum(matter: Matter, findings: Findings) -> None:
    """The quorum of witnesses, where the operator asks for one, saw every checkpoint that is older than a day."""
    try:
        policy = witness_policy()
    except DomainError as error:
        findings.add(error.code, error.message)
        return
    if policy.quorum is None:
        return
    findings.checked += 1
    seen = 0
    for size, note, lines in matter.reader.stream(
        "SELECT c.size, c.note, array_agg(w.line ORDER BY w.witness) FROM audits_checkpoint c"
        " JOIN audits_cosignature w ON w.size = c.size GROUP BY c.size, c.note ORDER BY c.size DESC"
    ):
        try:
            if policy.judge(note + "".join(lines)).quorum_met:
                seen = size
                break
        except VerificationError:
            continue  # Reported line by line, or by step 1.
    [(unseen,)] = matter.reader.rows("SELECT min(signed_at) FROM audits_checkpoint WHERE size > %s", [seen])
    if unseen is not None and timezone.now() - unseen > _LONG:
        findings.add(
            "quorum",
            f"For more than a day no checkpoint beyond {seen} entries was cosigned by the quorum of witnesses that "
            "COUNTERSIGN_WITNESSES asks for: the worker's log says who does not answer.",
            table="audits_cosignature",
        )


def _check_timestamps(matter: Matter, findings: Findings, tell: Tell) -> None:
    try:
        roots = trusted_roots()
    except DomainError as error:
        findings.add(error.code, error.message)
        return
    if not roots:
        return  # Without a certificate to trust there is nothing that a token proves.
    for size, authority, token, note in matter.reader.stream(_STAMPED):
        findings.checked += 1
        tell(1)
        try:
            verify_timestamp(bytes(token), note or "", roots)
        except VerificationError as error:
            findings.add(
                "timestamp",
                f"The timestamp of the checkpoint of {size} entries does not hold: {error.message}.",
                table="audits_timestamp",
                key=f"{size}, {authority}",
                field="token",
            )


def _check_retired(matter: Matter, findings: Findings, retired: RetiredKey) -> None:
    """The key's own last checkpoint covers the act that names its successor, whose first act holds its size."""
    vkey = retired.key.vkey
    announced, lasts = None, []
    for index, kind, body in matter.reader.rows(
        "SELECT index, kind, body FROM audits_entry WHERE subject = 'system:trail-key' ORDER BY index"
    ):
        data = _data(bytes(body))
        if data.get("old") != vkey:
            continue
        # The first of each counts: who comes later could name any size.
        if kind == "audits.key.announced" and announced is None:
            announced = index
        if kind == "audits.key.rotated" and announced is not None:
            lasts.append(data.get("last"))
    if announced is None or announced >= retired.last:
        findings.add(
            "retired_key",
            f"The key {vkey} is listed as retired after {retired.last} entries, but no act within them announces it: "
            "whoever wrote the list made a key of the log of it.",
            key=vkey,
        )
    elif lasts and retired.last != lasts[0]:
        findings.add(
            "retired_key",
            "The list of retired keys gives a key another last size than the act that retired it.",
            key=vkey,
            trail=lasts[0],
            there=retired.last,
        )


def _data(body: bytes) -> "dict[str, str | int]":
    try:
        data: dict[str, str | int] = json.loads(body)["act"]["data"]
    except (ValueError, LookupError, TypeError):
        return {}  # Step 2 says so.
    return data if isinstance(data, dict) else {}
