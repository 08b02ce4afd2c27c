"""The exact text of an entry, put together in SQL from an act and its changes: canonical JSON (RFC 8785).

The database's own function that appends entries (migration 0004) and the verification are made of the same piece,
so that a difference is never one of spelling. Another text is another format: it needs a new name in the entry.
"""

from audits.merkle.entries import LARGEST

_CHANGES = len(',"changes":')


def entry_texts(acts: str) -> str:
    """SQL for ``epoch, xid (text), id, kind, actor, subject, at, body (bytes), content (bytes)`` of acts, in no order.

    ``acts`` is a SELECT of whole rows of audits_act. The content is null but for entries that would be too large:
    those state their changes by digest (audits.merkle.entries).
    """
    return f"""
WITH a AS MATERIALIZED ({acts}), c AS (
    SELECT epoch, xid, '[' || string_agg('{{"diff":' || diff || ',"key":' || to_json(key) || ',"op":' || to_json(op)
        || ',"table":' || to_json(tbl) || '}}', ',' ORDER BY n) || ']' AS changes
    FROM public.audits_change WHERE (epoch, xid) IN (SELECT epoch, xid FROM a) GROUP BY epoch, xid
)
SELECT t.epoch, t.xid, t.id, t.kind, t.actor, t.subject, t.at, convert_to(
    CASE WHEN s.large THEN t.head || ',"content":{{"length":' || octet_length(t.changes) || ',"sha256":"'
        || encode(sha256(convert_to(t.changes, 'UTF8')), 'hex') || '"}}' || t.tail
    ELSE t.head || ',"changes":' || t.changes || t.tail END, 'UTF8'),
    CASE WHEN s.large THEN convert_to(t.changes, 'UTF8') END
FROM (
    SELECT a.epoch, a.xid::text AS xid, a.id, a.kind, a.actor, a.subject, a.at,
        '{{"act":{{"actor":' || to_json(actor) || ',"at":"'
        || trim('"' from to_json(a.at AT TIME ZONE 'UTC')::text) || 'Z","data":' || data
        || ',"id":"' || id || '","kind":' || to_json(kind)
        || ',"reason":' || CASE WHEN reason = '' THEN 'null' ELSE '{{"committed":"' || reason || '"}}' END
        || ',"role":' || to_json(role) || ',"subject":' || to_json(subject) || ',"via":' || to_json(via)
        || '}}' AS head,
        coalesce(c.changes, '[]') AS changes,
        ',"format":"countersign/entry/v1","transaction":"' || a.epoch || ':' || a.xid || '"}}' AS tail
    FROM a LEFT JOIN c USING (epoch, xid)
    OFFSET 0
) t
CROSS JOIN LATERAL (
    SELECT octet_length(t.head) + octet_length(t.changes) + octet_length(t.tail) > {LARGEST - _CHANGES} AS large
) s
"""
