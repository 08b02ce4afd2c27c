"""The exact text of an entry, put together in SQL from an act and its changes: canonical JSON (RFC 8785).

The database's own function that appends entries (migration 0004) and the verification are made of the same piece,
so that a difference is never one of spelling. Another text is another format: it needs a new name in the entry.
"""

from audits.merkle.entries import LARGEST

_BY_DIGEST = len(',"changes":')

_CHANGES = """'[' || string_agg('{"diff":' || c.diff || ',"key":' || to_json(c.key) || ',"op":"' || c.op
        || '","table":' || to_json(c.tbl) || '}', ',' ORDER BY c.n) || ']'"""
# For few acts: by key, whatever PostgreSQL believes of tables that only grow. For all of them: in one pass.
_FEW = f"""
    CROSS JOIN LATERAL (
        SELECT {_CHANGES} AS changes FROM public.audits_change c WHERE c.epoch = a.epoch AND c.xid = a.xid
    ) c"""
_MANY = f"""
    LEFT JOIN (
        SELECT c.epoch, c.xid, {_CHANGES} AS changes FROM public.audits_change c
        WHERE (c.epoch, c.xid) IN (SELECT epoch, xid FROM a) GROUP BY c.epoch, c.xid
    ) c ON c.epoch = a.epoch AND c.xid = a.xid"""


def entry_texts(acts: str, *, placed: bool = False) -> str:
    """SQL for ``epoch, xid (text), id, kind, actor, subject, at, body (bytes), content (bytes)`` of acts, in no order.

    ``acts`` is a SELECT of whole rows of audits_act. The content is null but for entries that would be too large:
    those state their changes by digest (audits.merkle.entries). ``placed``: the acts are few and have a column
    ``place``, which comes last here; each act's changes are looked up by key.
    """
    place = ", {}.place" if placed else ""
    return f"""
WITH a AS MATERIALIZED ({acts})
SELECT t.epoch, t.xid, t.id, t.kind, t.actor, t.subject, t.at, convert_to(
    CASE WHEN s.large THEN t.head || ',"content":{{"length":' || octet_length(t.changes) || ',"sha256":"'
        || encode(sha256(convert_to(t.changes, 'UTF8')), 'hex') || '"}}' || t.tail
    ELSE t.head || ',"changes":' || t.changes || t.tail END, 'UTF8'),
    CASE WHEN s.large THEN convert_to(t.changes, 'UTF8') END{place.format("t")}
FROM (
    SELECT a.epoch, a.xid::text AS xid, a.id, a.kind, a.actor, a.subject, a.at,
        '{{"act":{{"actor":' || to_json(a.actor) || ',"at":"'
        || trim('"' from to_json(a.at AT TIME ZONE 'UTC')::text) || 'Z","data":' || a.data
        || ',"id":"' || a.id || '","kind":' || to_json(a.kind)
        || ',"reason":' || CASE WHEN a.reason = '' THEN 'null' ELSE '{{"committed":"' || a.reason || '"}}' END
        || ',"role":' || to_json(a.role) || ',"subject":' || to_json(a.subject) || ',"via":' || to_json(a.via)
        || '}}' AS head,
        coalesce(c.changes, '[]') AS changes,
        ',"format":"countersign/entry/v1","transaction":"' || a.epoch || ':' || a.xid || '"}}' AS tail
        {place.format("a")}
    FROM a{_FEW if placed else _MANY}
    OFFSET 0
) t
CROSS JOIN LATERAL (
    SELECT octet_length(t.head) + octet_length(t.changes) + octet_length(t.tail) > {LARGEST - _BY_DIGEST} AS large
) s
"""
