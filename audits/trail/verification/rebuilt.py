"""Entries as their acts and changes give them now, put together by the database with the sequencer's own SQL."""

from collections.abc import Iterator

from audits.trail.assembly import entry_texts
from audits.trail.entries import stated_content, whole
from audits.trail.verification.reading import Reader

_ONE = entry_texts("SELECT * FROM audits_act WHERE epoch = %s AND xid = %s::xid8")
# In the order of the last change, as the sequencer will take them.
_PENDING = f"""
SELECT t.id::text, t.text, t.content FROM ({
    entry_texts(
        "SELECT a.* FROM audits_act a WHERE NOT EXISTS"
        " (SELECT FROM audits_entry e WHERE e.epoch = a.epoch AND e.xid = a.xid)"
    )
}) AS t (epoch, xid, id, kind, actor, subject, at, text, content)
ORDER BY t.epoch, (SELECT max(n) FROM audits_change c WHERE c.epoch = t.epoch AND c.xid = t.xid::xid8)
"""
_FROM_ENTRY = "SELECT a.* FROM audits_act a JOIN audits_entry f USING (epoch, xid) WHERE f.index >= %(first)s"


def differing(first: int) -> str:
    """SQL for the entries from ``first`` on that differ: they are compared where they lie."""
    acts = "SELECT * FROM audits_act" if first == 0 else _FROM_ENTRY
    return _DIFFERING.replace("@texts@", entry_texts(acts).replace("%(first)s", str(int(first))))


_DIFFERING = """
SELECT e.index, t.epoch, t.xid, t.id::text
FROM (@texts@) AS t (epoch, xid, id, kind, actor, subject, at, text, content)
JOIN audits_entry e ON e.epoch = t.epoch AND e.xid = t.xid::xid8
WHERE e.body IS DISTINCT FROM t.text OR e.content IS DISTINCT FROM t.content
ORDER BY e.index
"""


def rebuilt_entry(reader: Reader, epoch: int, xid: str) -> bytes | None:
    """The entry's leaf as its act and changes give it now; None where there is no such act."""
    rows = reader.rows(_ONE, [epoch, xid])
    return bytes(rows[0][7]) if rows else None


def kept_beside(reader: Reader, index: int, body: bytes) -> bytes | None:
    """What is kept beside the entry that states it. Read by itself: it can be 256 MB."""
    if stated_content(body) is None:
        return None
    rows = reader.rows("SELECT content FROM audits_entry WHERE index = %s", [index])
    return bytes(rows[0][0]) if rows and rows[0][0] is not None else None


def pending_entries(reader: Reader) -> Iterator[tuple[str, bytes]]:
    """Act id and whole text of every act that is no leaf yet."""
    for act_id, text, content in reader.stream(_PENDING):
        yield act_id, whole(bytes(text), None if content is None else bytes(content))
