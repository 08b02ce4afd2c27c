"""Step 4: each text beside the trail is the one that was committed to; none is too many, or missing without an act.

A text that an act of the kind ``audits.text.erased`` took away may be missing, and must not be there again.
"""

from collections.abc import Iterable, Iterator

from audits.merkle.errors import VerificationError
from audits.trail.disclosure import (
    ERASING,
    MARK,
    commitment_of,
    commitments_in,
    commitments_of,
    erasures_in,
    erasures_of,
)
from audits.trail.verification.checking import Check, Document, Page, pages
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.rebuilt import pending_entries
from audits.trail.verification.report import LISTED, Findings
from audits.trail.verification.sorting import Sorter

_TABLE = "audits_disclosure"


class Disclosures(Check):
    reads = True

    def __init__(self, matter: Matter, findings: Findings, tell: Tell) -> None:
        super().__init__(matter, findings, tell)
        self._recorded, self._erased = Sorter(), Sorter()

    def take(self, page: Page) -> None:
        for place, text in enumerate(page.texts):
            if isinstance(text, VerificationError):
                # Step 3 names it; the reason is still the leaf's own.
                self._note(commitments_in(page.bodies[place]), [])
            elif MARK in text or ERASING in text:
                self._take(page.documents[place])

    def _take(self, document: Document | Exception) -> None:
        if isinstance(document, Exception):
            return
        try:
            self._note(commitments_of(document), erasures_of(document))
        except (LookupError, TypeError, AttributeError):
            return  # Step 5 names what has not the shape of an entry.

    def _note(self, recorded: Iterable[str], erased: Iterable[str]) -> None:
        for commitment in recorded:
            self._recorded.add(commitment.encode())
        for commitment in erased:
            self._erased.add(commitment.encode())

    def finish(self) -> None:
        reader = self.matter.reader
        with self._recorded, self._erased:
            self._check_texts(reader)
            for _, text in pending_entries(reader):
                self._note(commitments_in(text), erasures_in(text))
            _compare(self.matter, self.findings, self._recorded.items(), _Erased(self._erased.items()))

    def _check_texts(self, reader: Reader) -> None:
        for rows in reader.pages("SELECT commitment, salt, value FROM audits_disclosure"):
            for commitment, salt, text in rows:
                if commitment_of(salt, text) != commitment:
                    self.findings.add(
                        "disclosure",
                        "A text beside the trail is not the one that was committed to: the text, its salt or the "
                        "commitment was changed.",
                        table=_TABLE,
                        key=commitment,
                        field="value",
                        there=text,
                    )
            self.findings.checked += len(rows)
            self.tell(len(rows))


class _Erased:
    """The erased commitments in order, asked for in order."""

    def __init__(self, items: Iterator[bytes]) -> None:
        self._items = items
        self._next = next(items, None)

    def holds(self, commitment: bytes) -> bool:
        while self._next is not None and self._next < commitment:
            self._next = next(self._items, None)
        return self._next == commitment


def _compare(matter: Matter, findings: Findings, recorded: Iterator[bytes], erased: _Erased) -> None:
    """All sides in the order of their bytes, one step at a time; memory grows with the differences only."""
    stored = (
        commitment.encode()
        for (commitment,) in matter.reader.stream(
            'SELECT commitment FROM audits_disclosure ORDER BY commitment COLLATE "C"'
        )
    )
    # Of the entries that an earlier verification has read, nobody knows here which texts they commit to.
    report_extra = _report_extra if matter.resumed is None else _pass_over
    missing: dict[str, str] = {}
    other, before = next(stored, None), b""
    for commitment in recorded:
        while other is not None and other < commitment:
            report_extra(findings, other)
            other = next(stored, None)
        if commitment == before:
            _note(missing, findings, commitment, "disclosure_twice")
        elif other != commitment:
            if not erased.holds(commitment):
                _note(missing, findings, commitment, "disclosure_missing")
        else:
            if erased.holds(commitment):
                _note(missing, findings, commitment, "disclosure_returned")
            other = next(stored, None)
        before = commitment
    while other is not None:
        report_extra(findings, other)
        other = next(stored, None)
    if missing:
        _name_missing(matter, findings, missing)


def _pass_over(findings: Findings, commitment: bytes) -> None:
    """Nothing to say."""


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


def _texts_of_entries(matter: Matter) -> Iterator[tuple[int | None, bytes]]:
    for page in pages(matter):
        for index, body, text in zip(page.indexes, page.bodies, page.texts, strict=True):
            yield index, body if isinstance(text, VerificationError) else text
    for _, text in pending_entries(matter.reader):
        yield None, text


_MESSAGES = {
    "disclosure_returned": "A text that an act erased lies beside the trail again.",
    "disclosure_missing": "The trail commits to a text that is not beside it any more.",
    "disclosure_twice": "The trail commits more than once with the same salt and text: one was copied.",
}


def _name_missing(matter: Matter, findings: Findings, missing: dict[str, str]) -> None:
    """Report each with the entry that it is from."""
    for index, body in _texts_of_entries(matter):
        for commitment in commitments_in(body):
            code = missing.pop(commitment, None)
            if code is not None:
                findings.add(code, _MESSAGES[code], table=_TABLE, key=commitment, index=index)
