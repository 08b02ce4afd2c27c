"""Step 3: the acts and changes in the database are still those that the leaves were made of, in their one spelling."""

import json
from dataclasses import dataclass
from typing import Any

from audits.merkle.canonical import CanonicalError, Json, canonical_bytes
from audits.merkle.errors import VerificationError
from audits.trail.entries import whole
from audits.trail.verification.bodies import Examiner, is_plainly_canonical
from audits.trail.verification.checking import Check, Page
from audits.trail.verification.matter import Matter, Tell
from audits.trail.verification.reading import Reader
from audits.trail.verification.rebuilt import differing, kept_beside, rebuilt_entry
from audits.trail.verification.report import Findings

_PENDING = """
SELECT count(*) FROM audits_act a
WHERE NOT EXISTS (SELECT FROM audits_entry e WHERE e.epoch = a.epoch AND e.xid = a.xid)
"""


# Acts that the sequencer will never find: it believes to have seen them, and they are neither in the log nor waiting.
_SKIPPED = """
SELECT a.epoch, a.xid::text, a.id::text FROM audits_act a CROSS JOIN audits_progress p
WHERE NOT EXISTS (SELECT FROM audits_entry e WHERE e.epoch = a.epoch AND e.xid = a.xid) AND p.epoch > 0
  AND (a.epoch < p.epoch OR (a.epoch = p.epoch AND a.xid < p.beyond AND a.xid <> ALL (p.running)))
  AND NOT EXISTS (
    SELECT FROM audits_queue q CROSS JOIN LATERAL unnest(q.epochs, q.xids) AS w (epoch, xid)
    WHERE w.epoch = a.epoch AND w.xid = a.xid)
"""


@dataclass(frozen=True, kw_only=True)
class _Place:
    index: int
    act_id: str
    epoch: int
    xid: str


class Acts(Check):
    """The database compares; what it finds to differ, and what is not plainly canonical, is read strictly here."""

    reads = True

    def __init__(self, matter: Matter, findings: Findings, tell: Tell) -> None:
        super().__init__(matter, findings, tell)
        self._differing = matter.beside.ask(differing(matter.frontier.size))
        self._pending = matter.beside.ask(_PENDING)
        self._examiner = Examiner(matter, findings)
        self._unsure: list[int] = []

    def take(self, page: Page) -> None:
        for index, text, document in zip(page.indexes, page.texts, page.documents, strict=True):
            if index in page.released:
                continue
            if (
                isinstance(document, Exception)
                or isinstance(text, VerificationError)
                or not is_plainly_canonical(document, text)
            ):
                self._unsure.append(index)
        self.findings.checked += len(page.indexes)
        self.tell(len(page.indexes))

    def finish(self) -> None:
        reader = self.matter.reader
        for index in self._unsure:
            self._examiner.examine(index)
        for index, epoch, xid, act_id in self._differing():
            place = _Place(index=index, act_id=act_id, epoch=epoch, xid=xid)
            self._examiner.examine(index)
            [(body,)] = reader.rows(
                "SELECT body FROM audits_entry WHERE index = %s AND epoch = %s AND xid = %s::xid8", [index, epoch, xid]
            )
            text = rebuilt_entry(reader, epoch, xid)
            _report_difference(reader, self.findings, place, bytes(body), text or b"")
        [(self.matter.pending,)] = self._pending()
        self.findings.checked += self.matter.pending
        if self.matter.pending:
            _check_skipped(reader, self.findings)
        for index in _check_orphans(reader, self.findings):
            self._examiner.examine(index)
        _check_epochs(reader, self.findings)


def _check_skipped(reader: Reader, findings: Findings) -> None:
    for epoch, xid, act_id in reader.stream(_SKIPPED):
        findings.add(
            "act_skipped",
            f"The act of transaction {epoch}:{xid} is not in the log, and the sequencer's progress was set past it.",
            table="audits_progress",
            key=act_id,
            field="beyond",
        )


def _check_orphans(reader: Reader, findings: Findings) -> list[int]:
    """The entries that no act belongs to."""
    indexes = []
    for index, act_id in reader.stream(
        # An entry without a body hashes to no leaf, or has left the database with its act for the archive.
        "SELECT index, act_id::text FROM audits_entry e WHERE e.body <> '' AND NOT EXISTS"
        " (SELECT FROM audits_act a WHERE a.epoch = e.epoch AND a.xid = e.xid) ORDER BY index"
    ):
        findings.add(
            "act_missing",
            f"Entry {index} was made of an act that is not in the database any more (or was moved).",
            table="audits_act",
            key=act_id,
            index=index,
        )
        indexes.append(index)
    for epoch, xid, n, table, key in reader.stream(
        "SELECT epoch, xid::text, n, tbl, key FROM audits_change c WHERE NOT EXISTS"
        " (SELECT FROM audits_act a WHERE a.epoch = c.epoch AND a.xid = c.xid)"
    ):
        findings.add(
            "change_without_act",
            f"A change of {table} {key} (transaction {epoch}:{xid}) belongs to no act.",
            table="audits_change",
            key=str(n),
            field="xid",
        )
    return indexes


def _check_epochs(reader: Reader, findings: Findings) -> None:
    rows = reader.rows("SELECT number, system_identifier FROM audits_epoch ORDER BY number")
    numbers = {number for number, _ in rows}
    [(here,)] = reader.rows("SELECT system_identifier::text FROM pg_control_system()")
    if not rows or rows[-1][1] != here:
        findings.add(
            "epoch",
            "The database lives in another cluster than the trail's newest epoch says: after a restore run "
            "manage.py migrate, which begins a new epoch.",
            table="audits_epoch",
            key=str(rows[-1][0]) if rows else "",
            field="system_identifier",
            trail=here,
            there=rows[-1][1] if rows else None,
        )
    for (epoch,) in reader.rows("SELECT DISTINCT epoch FROM audits_act ORDER BY epoch"):
        if epoch not in numbers:
            findings.add(
                "epoch",
                f"Acts belong to epoch {epoch}, which is not in the database.",
                table="audits_epoch",
                key=str(epoch),
                field="number",
            )


def _report_difference(reader: Reader, findings: Findings, place: _Place, body: bytes, text: bytes) -> None:
    """Name the column that was changed; the database's side is read raw, since it may be no JSON any more."""
    reported = findings.total
    try:
        leaf = _parsed(whole(body, kept_beside(reader, place.index, body)))
    except VerificationError:
        leaf = None
    if leaf is not None:
        _compare_act(reader, findings, place, leaf)
        _compare_changes(reader, findings, place, leaf)
    if findings.total == reported:
        findings.add(
            "act_changed",
            f"The act of entry {place.index} and its changes do not give the entry's text any more.",
            table="audits_act",
            key=place.act_id,
            trail=body.decode("utf-8", "replace"),
            there=text.decode("utf-8", "replace"),
            index=place.index,
        )


def _parsed(body: bytes) -> dict[str, Any] | None:
    """The entry, where it has the shape of one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    shaped = (
        isinstance(value, dict)
        and isinstance(value.get("act"), dict)
        and isinstance(value.get("changes"), list)
        and all(isinstance(change, dict) for change in value["changes"])
    )
    return value if shaped else None


def _compare_act(reader: Reader, findings: Findings, place: _Place, leaf: dict[str, Any]) -> None:
    [row] = reader.rows(
        "SELECT id::text, kind, actor, via, role, subject, reason, data,"
        " trim('\"' from to_json(at AT TIME ZONE 'UTC')::text) || 'Z'"
        " FROM audits_act WHERE epoch = %s AND xid = %s::xid8",
        [place.epoch, place.xid],
    )
    there = dict(zip(("id", "kind", "actor", "via", "role", "subject", "reason", "data", "at"), row, strict=True))
    recorded = dict(leaf["act"])
    reason = recorded.get("reason")
    recorded["reason"] = reason.get("committed") if isinstance(reason, dict) else ""
    recorded["data"] = _text(recorded.get("data"))
    for field, found in there.items():
        if recorded.get(field) != found:
            findings.add(
                "act_changed",
                f"The act of entry {place.index} was changed after it was recorded.",
                table="audits_act",
                key=place.act_id,
                field=field,
                trail=recorded.get(field),
                there=found,
                index=place.index,
            )


def _compare_changes(reader: Reader, findings: Findings, place: _Place, leaf: dict[str, Any]) -> None:
    rows = reader.rows(
        "SELECT n, tbl, op, key, diff FROM audits_change WHERE epoch = %s AND xid = %s::xid8 ORDER BY n",
        [place.epoch, place.xid],
    )
    changes = leaf["changes"]
    if len(changes) != len(rows):
        findings.add(
            "changes_count",
            f"Entry {place.index} holds {len(changes)} changes, the database {len(rows)} of that act.",
            table="audits_change",
            key=f"{place.epoch}:{place.xid}",
            trail=len(changes),
            there=len(rows),
            index=place.index,
        )
        return
    for change, (n, *there) in zip(changes, rows, strict=True):
        recorded = (change.get("table"), change.get("op"), change.get("key"), _text(change.get("diff")))
        for field, trail, found in zip(("tbl", "op", "key", "diff"), recorded, there, strict=True):
            if trail != found:
                findings.add(
                    "change_changed",
                    f"A change of entry {place.index} was changed after it was recorded.",
                    table="audits_change",
                    key=str(n),
                    field=field,
                    trail=trail,
                    there=found,
                    index=place.index,
                )


def _text(value: Json) -> str:
    """The value as the trail's tables write it."""
    try:
        return canonical_bytes(value).decode()
    except (CanonicalError, RecursionError):
        return repr(value)[:1000]
