"""Step 4: each text beside the trail is the one that was committed to, and none is missing or too many."""

import hashlib
from collections.abc import Iterable, Iterator

from audits.trail.disclosure import commitment_of, commitments_in
from audits.trail.verification.acts import pending_entries
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import Findings

_TABLE = "audits_disclosure"


def disclosed_texts(reader: Reader, commitments: Iterable[str]) -> dict[str, tuple[bytes, str]]:
    """Salt and text of each commitment that has them, not checked."""
    rows = reader.rows(
        "SELECT commitment, salt, value FROM audits_disclosure WHERE commitment = ANY(%s)", [list(commitments)]
    )
    return {commitment: (bytes(salt), text) for commitment, salt, text in rows}


def check_disclosures(matter: Matter, findings: Findings, tell: Tell) -> None:
    stored = 0
    for commitment, salt, text in matter.reader.stream("SELECT commitment, salt, value FROM audits_disclosure"):
        if commitment_of(bytes(salt), text) != commitment:
            findings.add(
                "disclosure",
                "A text beside the trail is not the one that was committed to: the text, its salt or the "
                "commitment was changed.",
                table=_TABLE,
                key=commitment,
                field="value",
                there=text,
            )
        stored ^= _mask(commitment)
        findings.checked += 1
        tell(1)
    # Memory for one number only; the sets are built when the numbers differ.
    recorded = 0
    for _, commitment in _recorded(matter.reader):
        recorded ^= _mask(commitment)
    if stored != recorded:
        _name_differences(matter.reader, findings)


def _mask(commitment: str) -> int:
    return int.from_bytes(hashlib.sha256(commitment.encode()).digest(), "big")


def _recorded(reader: Reader) -> Iterator[tuple[int | None, str]]:
    for index, body in reader.stream("SELECT index, body FROM audits_entry ORDER BY index"):
        for commitment in commitments_in(bytes(body)):
            yield index, commitment
    for _, text in pending_entries(reader):
        for commitment in commitments_in(text):
            yield None, commitment


def _name_differences(reader: Reader, findings: Findings) -> None:
    left = {commitment for (commitment,) in reader.stream("SELECT commitment FROM audits_disclosure")}
    seen: set[str] = set()
    for index, commitment in _recorded(reader):
        if commitment in left:
            left.remove(commitment)
        elif commitment not in seen:
            findings.add(
                "disclosure_missing",
                "The trail commits to a text that is not beside it any more.",
                table=_TABLE,
                key=commitment,
                index=index,
            )
        seen.add(commitment)
    for commitment in sorted(left):
        findings.add(
            "disclosure_extra",
            "A text lies beside the trail that no entry commits to.",
            table=_TABLE,
            key=commitment,
        )
