"""The exact text of an entry, put together in SQL from an act and its changes: canonical JSON (RFC 8785).

The database's own function that appends entries (migration 0002) and the verification are made of the same piece,
so that a difference is never one of spelling. Another text is another format: it needs a new name in the entry.
"""


def entry_texts(acts: str) -> str:
    """SQL for ``epoch, xid (text), id, kind, actor, subject, at, body (bytes)`` of some acts, in no order.

    ``acts`` is a SELECT of whole rows of audits_act.
    """
    return f"""
WITH a AS MATERIALIZED ({acts}), c AS (
    SELECT epoch, xid, string_agg('{{"diff":' || diff || ',"key":' || to_json(key) || ',"op":' || to_json(op)
        || ',"table":' || to_json(tbl) || '}}', ',' ORDER BY n) AS changes
    FROM public.audits_change WHERE (epoch, xid) IN (SELECT epoch, xid FROM a) GROUP BY epoch, xid
)
SELECT a.epoch, a.xid::text, a.id, a.kind, a.actor, a.subject, a.at, convert_to(
    '{{"act":{{"actor":' || to_json(actor) || ',"at":"'
    || trim('"' from to_json(a.at AT TIME ZONE 'UTC')::text) || 'Z","data":' || data
    || ',"id":"' || id || '","kind":' || to_json(kind)
    || ',"reason":' || CASE WHEN reason = '' THEN 'null' ELSE '{{"committed":"' || reason || '"}}' END
    || ',"role":' || to_json(role) || ',"subject":' || to_json(subject) || ',"via":' || to_json(via)
    || '}},"changes":[' || coalesce(changes, '') || '],"format":"countersign/entry/v1","transaction":"'
    || a.epoch || ':' || a.xid || '"}}', 'UTF8')
FROM a LEFT JOIN c USING (epoch, xid)
"""
