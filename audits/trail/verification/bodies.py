"""What an entry says: that its bytes are canonical JSON, and that its columns and its content say the same.

Quickly for entries that are as the service writes them; whatever is not is read strictly (RFC 8785).
"""

from typing import Any

from orjson import OPT_SORT_KEYS, OPT_STRICT_INTEGER, dumps

from audits.merkle.canonical import Json, read_canonical
from audits.merkle.errors import VerificationError
from audits.trail.entries import stated_content, whole
from audits.trail.verification.checking import Document
from audits.trail.verification.matter import Matter
from audits.trail.verification.rebuilt import kept_beside, rebuilt_entry
from audits.trail.verification.report import Findings

_TABLE = "audits_entry"
_ENTRY = """
SELECT body, epoch, xid::text, act_id::text, kind, actor, subject,
       trim('"' from to_json(at AT TIME ZONE 'UTC')::text) || 'Z', content IS NOT NULL
FROM audits_entry WHERE index = %s
"""
_OPTIONS = OPT_SORT_KEYS | OPT_STRICT_INTEGER
_PLAIN = frozenset((str, int, bool, type(None)))
# The first byte of a character beyond U+FFFF, among which RFC 8785 sorts names in another order than UTF-8 does.
_BEYOND = 0xF0


def is_plainly_canonical(document: Document, text: bytes) -> bool:
    """True where ``text`` is the RFC 8785 spelling of the entry without doubt; False where it has to be read strictly.

    Of an entry that has the form of one: what its act and its tables' triggers put in are texts, whole numbers,
    true, false and null. The doubtful rest (decimals, names beyond U+FFFF, deep nesting) orjson spells otherwise.
    """
    try:
        if not text.isascii() and max(text) >= _BEYOND:
            return False
        if dumps(document, option=_OPTIONS) != text:
            return False
        data = document["act"]["data"]
        if data and not _is_plain(data, 4):
            return False
        for change in document["changes"]:
            for value in change["diff"].values():
                kind = type(value)
                if kind in _PLAIN or (kind is list and _PLAIN.issuperset(map(type, value))):
                    continue
                if not _is_plain(value, 3):
                    return False
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        return False
    return True


def _is_plain(value: Json, levels: int) -> bool:
    if type(value) in _PLAIN:
        return True
    if not levels:
        return False
    if isinstance(value, dict):
        return all(_is_plain(item, levels - 1) for item in value.values())
    return isinstance(value, list) and all(_is_plain(item, levels - 1) for item in value)


class Examiner:
    """Reads single entries strictly, each once in a whole verification."""

    def __init__(self, matter: Matter, findings: Findings) -> None:
        self._matter = matter
        self._findings = findings

    def is_rebuilt(self, index: int, body: bytes) -> bool:
        """Whether the act and its changes give this body now."""
        rows = self._matter.reader.rows("SELECT epoch, xid::text FROM audits_entry WHERE index = %s", [index])
        return any(rebuilt_entry(self._matter.reader, epoch, xid) == body for epoch, xid in rows)

    def examine(self, index: int) -> None:
        if index in self._matter.examined:
            return
        self._matter.examined.add(index)
        for row in self._matter.reader.rows(_ENTRY, [index]):
            self._examine_body(index, bytes(row[0]), row)
            self._examine_content(index, bytes(row[0]), has_content=row[8])

    def _examine_body(self, index: int, body: bytes, row: tuple[Any, ...]) -> None:
        try:
            entry = read_canonical(body)
        except (VerificationError, RecursionError) as error:
            self._findings.add(
                "not_canonical",
                f"Entry {index}: {error}.",
                table=_TABLE,
                key=str(index),
                field="body",
                index=index,
            )
            return
        said = entry if isinstance(entry, dict) else {}
        act = said.get("act")
        act = act if isinstance(act, dict) else {}
        transaction = str(said.get("transaction"))
        epoch, _, xid = transaction.partition(":")
        there = dict(zip(("epoch", "xid", "act_id", "kind", "actor", "subject", "at"), row[1:8], strict=True))
        stored = {
            "epoch": (epoch, str(there["epoch"])),
            "xid": (xid, there["xid"]),
            "act_id": (act.get("id"), there["act_id"]),
            **{field: (act.get(field), there[field]) for field in ("kind", "actor", "subject", "at")},
        }
        for field, (trail, found) in stored.items():
            if trail != found:
                self._findings.add(
                    "entry_column",
                    f"Entry {index}: the column {field} says another thing than the entry itself.",
                    table=_TABLE,
                    key=str(index),
                    field=field,
                    trail=trail,
                    there=str(found),
                    index=index,
                )

    def _examine_content(self, index: int, body: bytes, *, has_content: bool) -> None:
        """What is kept beside an entry is what the entry states, and nothing is beside one that states nothing."""
        states = stated_content(body) is not None
        if not has_content and not states:
            return
        try:
            text = whole(body, kept_beside(self._matter.reader, index, body) if states else b"")
            read_canonical(text)
        except (VerificationError, RecursionError) as error:
            self._findings.add(
                "content",
                f"Entry {index}: {error}.",
                table=_TABLE,
                key=str(index),
                field="content",
                index=index,
            )
