"""Step 4: each text beside the trail is the one that was committed to, and none is missing or too many."""

from collections.abc import Iterable, Iterator

from audits.trail.disclosure import commitment_of, commitments_in
from audits.trail.verification.acts import pending_entries
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.report import LISTED, Findings
from audits.trail.verification.sorting import Sorter

_TABLE = "audits_disclosure"


def disclosed_texts(reader: Reader, commitments: Iterable[str]) -> dict[str, tuple[bytes, str]]:
    """Salt and text of each commitment that has them, not checked."""
    rows = reader.rows(
        "SELECT commitment, salt, value FROM audits_disclosure WHERE commitment = ANY(%s)", [list(commitments)]
    )
    return {commitment: (bytes(salt), text) for commitment, salt, text in rows}


def check_disclosures(matter: Matter, findings: Findings, tell: Tell) -> None:
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
        findings.checked += 1
        tell(1)
    with Sorter() as recorded:
        for _, commitment in _recorded(matter.reader):
            recorded.add(commitment.encode())
        _compare(matter.reader, findings, recorded.items())


def _compare(reader: Reader, findings: Findings, recorded: Iterator[bytes]) -> None:
    """Both sides in the order of their bytes, one step at a time; memory grows with the differences only."""
    stored = (
        commitment.encode()
        for (commitment,) in reader.stream('SELECT commitment FROM audits_disclosure ORDER BY commitment COLLATE "C"')
    )
    missing: dict[str, str] = {}
    other, before = next(stored, None), b""
    for commitment in recorded:
        while other is not None and other < commitment:
            _report_extra(findings, other)
            other = next(stored, None)
        if commitment == before:
            _note(missing, findings, commitment, "disclosure_twice")
        elif other != commitment:
            _note(missing, findings, commitment, "disclosure_missing")
        else:
            other = next(stored, None)
        before = commitment
    while other is not None:
        _report_extra(findings, other)
        other = next(stored, None)
    if missing:
        _name_missing(reader, findings, missing)


def _report_extra(findings: Findings, commitment: bytes) -> None:
    findings.add(
        "disclosure_extra",
        "A text lies beside the trail that no entry commits to.",
        table=_TABLE,
        key=commitment.decode(),
    )


def _note(missing: dict[str, str], findings: Findings, commitment: bytes, code: str) -> None:
    """Remember what is to be looked up; what would not be listed is counted."""
    if len(missing) < LISTED:
        missing.setdefault(commitment.decode(), code)
    else:
        findings.add(code, _MESSAGES[code], table=_TABLE, key=commitment.decode())


def _recorded(reader: Reader) -> Iterator[tuple[int | None, str]]:
    for index, body in reader.stream("SELECT index, body FROM audits_entry ORDER BY index"):
        for commitment in commitments_in(bytes(body)):
            yield index, commitment
    for _, text in pending_entries(reader):
        for commitment in commitments_in(text):
            yield None, commitment


_MESSAGES = {
    "disclosure_missing": "The trail commits to a text that is not beside it any more.",
    "disclosure_twice": "The trail commits more than once with the same salt and text: one was copied.",
}


def _name_missing(reader: Reader, findings: Findings, missing: dict[str, str]) -> None:
    """Report each with the entry that it is from."""
    for index, commitment in _recorded(reader):
        code = missing.pop(commitment, None)
        if code is not None:
            findings.add(code, _MESSAGES[code], table=_TABLE, key=commitment, index=index)
