"""Step 5: every governed row is what the trail's changes add up to, field by field; no row more, none less."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from audits.merkle.canonical import Json
from audits.trail.capture import state_query
from audits.trail.disclosure import commitment_of
from audits.trail.encoding import Column
from audits.trail.governed import GovernedTable
from audits.trail.verification.acts import kept_beside, pending_entries
from audits.trail.verification.disclosures import disclosed_texts
from audits.trail.verification.folding import Fold, FoldedRow, Values, committed, same
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import batches
from audits.trail.verification.report import Findings


def check_state(matter: Matter, findings: Findings, tell: Tell) -> None:
    with _collector_off():
        fold = Fold(matter.reader, findings)
        for index, body in matter.reader.stream("SELECT index, body FROM audits_entry ORDER BY index"):
            fold.apply(
                bytes(body),
                index=index,
                label=f"entry {index}",
                content=kept_beside(matter.reader, index, bytes(body)),
            )
        for act_id, text in pending_entries(matter.reader):
            fold.apply(text, index=None, label=f"act {act_id}")
        fold.finish()
        for governed, columns in matter.governed():
            folded = fold.tables.pop(governed.table, {})
            _TableCheck(matter, findings, governed, columns, folded).run(tell)
    for table, rows in sorted(fold.tables.items()):
        if rows:
            findings.add(
                "not_governed",
                f"The trail holds {len(rows)} rows of {table}, which is not a governed table any more.",
                table=table,
            )


@contextmanager
def _collector_off() -> Iterator[None]:
    """Python's collector walks the whole state again and again: a fold takes four times as long with it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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
        for rows in batches(self._matter.reader.stream(query)):
            self._compare([(key, orjson.loads(text)) for key, text in rows])
            self._findings.checked += len(rows)
            tell(len(rows))
        for key, row in self._folded.items():
            self._findings.add(
                "row_missing",
                f"{table} {key}: the row is gone, and no act removed it.",
                table=table,
                key=key,
                index=row.since,
            )

    def _compare(self, rows: list[tuple[str, Values]]) -> None:
        pairs = []
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
            else:
                pairs.append((key, row, there))
        wanted = [digest for _, row, _ in pairs for value in row.values.values() if (digest := committed(value))]
        texts = disclosed_texts(self._matter.reader, wanted) if wanted else {}
        for key, row, there in pairs:
            for field in row.values if row.values.keys() == there.keys() else sorted({*row.values, *there}):
                self._compare_field(key, row, field, there, texts)

    def _compare_field(
        self, key: str, row: FoldedRow, field: str, there: Values, texts: dict[str, tuple[bytes, str]]
    ) -> None:
        if field not in row.values or field not in there:
            self._report(key, row, field, row.values.get(field), there.get(field))
            return
        trail, found = row.values[field], there[field]
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
