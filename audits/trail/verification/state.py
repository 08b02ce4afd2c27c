"""Step 5: every governed row is what the trail's changes add up to, field by field; no row more, none less."""

import logging
from collections.abc import Iterable

import orjson

from audits.merkle.canonical import Json
from audits.trail.capture import state_query
from audits.trail.disclosure import commitment_of
from audits.trail.encoding import Column
from audits.trail.governed import GovernedTable
from audits.trail.verification.checking import Check, Page
from audits.trail.verification.folding import Fold, FoldedRow, Values, committed, disclosed_texts, same
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.rebuilt import pending_entries
from audits.trail.verification.report import Findings
from audits.trail.verification.resuming import begin_keeping, restore

_log = logging.getLogger(__name__)


class State(Check):
    reads = True

    def __init__(self, matter: Matter, findings: Findings, tell: Tell) -> None:
        super().__init__(matter, findings, tell)
        self._fold = Fold(matter.reader, findings)
        if matter.resumed is not None:
            restore(matter.resumed, self._fold)

    def take(self, page: Page) -> None:
        apply = self._fold.apply
        for index, document in zip(page.indexes, page.documents, strict=True):
            apply(document, index=index)

    def finish(self) -> None:
        fold = self._fold
        if self.matter.keeping:
            # Before the acts that are no entries yet: the next verification will read those as entries.
            try:
                self.matter.kept = begin_keeping(self.matter.frontier, fold)
            except OSError as error:  # Whoever may only read here verifies all the same.
                _log.warning("The state could not be kept for verify --since-last: %s", error)
        for act_id, text in pending_entries(self.matter.reader):
            try:
                fold.apply(orjson.loads(text), label=f"act {act_id}")
            except ValueError as error:
                fold.apply(error, label=f"act {act_id}")
        fold.finish()
        for governed, columns in self.matter.governed():
            folded = fold.tables.pop(governed.table, {})
            _TableCheck(self.matter, self.findings, governed, columns, folded).run(self.tell)
        for table, rows in sorted(fold.tables.items()):
            if rows:
                self.findings.add(
                    "not_governed",
                    f"The trail holds {len(rows)} rows of {table}, which is not a governed table any more.",
                    table=table,
                )


def _is_same(trail: Values, there: Values) -> bool:
    """Equal at first sight; false where a field is a commitment, or only equal to Python."""
    return trail == there and [type(value) for value in trail.values()] == [type(there[field]) for field in trail]


class _TableCheck:
    """Compares one table with its fold."""

    def __init__(
        self,
        matter: Matter,
        findings: Findings,
        governed: GovernedTable,
        columns: list[Column],
        folded: dict[str, FoldedRow],
    ) -> None:
        self._matter = matter
        self._findings = findings
        self._governed = governed
        self._columns = columns
        self._folded = folded

    def run(self, tell: Tell) -> None:
        table = self._governed.table
        if not self._columns:
            self._findings.add("table_missing", f"The governed table {table} is not there.", table=table)
            return
        query = state_query(table, self._governed.key, self._columns)
        for rows in self._matter.reader.pages(query):
            self._compare([(key, orjson.loads(text)) for key, text in rows])
            self._findings.checked += len(rows)
            tell(len(rows))
        for key, row in self._folded.items():
            self._findings.add(
                "row_missing",
                f"{table} {key}: the row is gone, and no act removed it.",
                table=table,
                key=key,
                index=row.set_at(""),
            )

    def _compare(self, rows: Iterable[tuple[str, Values]]) -> None:
        pairs: list[tuple[str, FoldedRow, Values, Values]] = []
        for key, there in rows:
            row = self._folded.pop(key, None)
            if row is None:
                self._findings.add(
                    "row_extra",
                    f"{self._governed.table} {key}: the row is there, and no act put it there.",
                    table=self._governed.table,
                    key=key,
                    field=self._governed.key,
                    there=key,
                )
            elif not _is_same(trail := row.values, there):
                pairs.append((key, row, trail, there))
        wanted = [digest for _, _, trail, _ in pairs for value in trail.values() if (digest := committed(value))]
        texts = disclosed_texts(self._matter.reader, wanted) if wanted else {}
        for key, row, trail, there in pairs:
            for field in trail if trail.keys() == there.keys() else sorted({*trail, *there}):
                if field in trail and field in there:
                    self._compare_field(key, row, field, trail[field], there[field], texts)
                else:
                    self._report(key, row, field, trail.get(field), there.get(field))

    def _compare_field(
        self, key: str, row: FoldedRow, field: str, trail: Json, found: Json, texts: dict[str, tuple[bytes, str]]
    ) -> None:
        commitment = committed(trail)
        if commitment is None:
            if not same(trail, found):
                self._report(key, row, field, trail, found)
            return
        if commitment not in texts:
            # Step 4 names the missing text; here it means that the field cannot be compared.
            self._report(key, row, field, f"(committed) {commitment}", found)
            return
        salt, text = texts[commitment]
        if not isinstance(found, str) or commitment_of(salt, found) != commitment:
            genuine = commitment_of(salt, text) == commitment
            self._report(key, row, field, text if genuine else f"(committed) {commitment}", found)

    def _report(self, key: str, row: FoldedRow, field: str, trail: Json, there: Json) -> None:
        index = row.set_at(field)
        by = "by an act that is no entry yet" if index is None else f"by entry {index}"
        self._findings.add(
            "field",
            f"{self._governed.table} {key}: {field} is not what the trail says, last set {by}.",
            table=self._governed.table,
            key=key,
            field=field,
            trail=trail,
            there=there,
            index=index,
        )
