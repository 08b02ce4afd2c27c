"""Which versions ran in an environment at a moment, and who had approved them: one SQL statement over the trail.

Rests on what serving reported and on what was signed, as the entries hold them; today's rows take no part. Never says
that something ran: only that serving had reported it and no end of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from django.db import connection
from django.utils import timezone

from audits.trail.moments import SIZE_AT, Moment, NoSuchMoment, When


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The latest verdict of a role that was given by then. ``signer_name`` is None where it was erased since."""

    role: str
    verdict: str
    signer: str
    signer_name: str | None
    meaning: str
    signed_at: datetime
    entry: int


@dataclass(frozen=True, kw_only=True)
class Running:
    """One artifact that serving had reported and not its end. ``model`` and ``number`` are None where nobody registered
    the digest; ``allowed``: what its standing in the environment was then, None where it had none."""

    digest: str
    model: str | None
    number: int | None
    version: str | None
    since: datetime
    entry: int
    reported_by: str
    references: tuple[str, ...]
    decision: str
    allowed: bool | None
    verdicts: tuple[Verdict, ...]


# Append-only rows, each by its first appearance: the insert, or the snapshot it begins with.
_FIRST = """
SELECT DISTINCT ON (c.key) c.key, e.index, c.n, c.diff::jsonb AS d FROM audits_change c
JOIN audits_entry e ON e.epoch = c.epoch AND e.xid = c.xid
WHERE c.tbl = '{table}' AND c.op IN ('I', 'S') AND e.index < (SELECT size FROM bound) AND {which}
ORDER BY c.key, e.index, c.n
"""
_RUNNING = f"""
WITH bound AS MATERIALIZED (
    SELECT CASE WHEN %(at)s::timestamptz IS NULL THEN %(size)s::bigint ELSE ({SIZE_AT}) END AS size
), environment AS MATERIALIZED (
    {_FIRST.format(table="registry_environment", which="c.diff::jsonb ->> 'name' = %(environment)s")}
), report AS MATERIALIZED (
    SELECT f.index, f.n, f.d, f.d ->> 'digest' AS digest, f.d ->> 'reference' AS reference, f.d ->> 'status' AS status
    FROM ({
    _FIRST.format(
        table="registry_deployment", which="c.diff::jsonb ->> 'environment_id' IN (SELECT key FROM environment)"
    )
}) AS f
), running AS MATERIALIZED (
    SELECT r.digest, (array_agg(r.d ORDER BY r.index, r.n))[1] AS d, min(r.index) AS index,
        array_agg(DISTINCT r.reference ORDER BY r.reference) AS names
    FROM report r WHERE r.status = 'deployed' AND NOT EXISTS (
        -- An end without serving's own name for it is the end of all that ran under the digest.
        SELECT FROM report s WHERE s.digest = r.digest AND s.status = 'stopped' AND s.reference IN (r.reference, '')
        AND (s.index, s.n) > (r.index, r.n)
    ) GROUP BY r.digest
), version AS (
    {_FIRST.format(table="registry_modelversion", which="c.key IN (SELECT d ->> 'version_id' FROM running)")}
), model AS (
    {_FIRST.format(table="registry_registeredmodel", which="c.key IN (SELECT d ->> 'model_id' FROM version)")}
), verdict AS (
    SELECT DISTINCT ON (f.d ->> 'version_id', f.d ->> 'role') f.index, f.d FROM ({
    _FIRST.format(
        table="governance_approval",
        which="c.diff::jsonb ->> 'version_id' IN (SELECT d ->> 'version_id' FROM running)",
    )
}) AS f
    ORDER BY f.d ->> 'version_id', f.d ->> 'role', (f.d ->> 'signed_at')::timestamptz DESC, f.index DESC
), said AS (
    SELECT v.d ->> 'version_id' AS version_id, jsonb_agg(jsonb_build_object(
        'role', v.d ->> 'role', 'verdict', v.d ->> 'verdict', 'signer', 'user:' || (v.d ->> 'signer_id'),
        'signer_name', t.value, 'meaning', v.d ->> 'meaning', 'signed_at', v.d ->> 'signed_at', 'entry', v.index
    ) ORDER BY v.d ->> 'role' DESC) AS verdicts
    FROM verdict v LEFT JOIN audits_disclosure t ON t.commitment = v.d -> 'signer_name' ->> 'committed'
        AND encode(sha256(t.salt || convert_to(t.value, 'UTF8')), 'hex') = t.commitment
    GROUP BY v.d ->> 'version_id'
), standing AS (
    {
    _FIRST.format(
        table="governance_standing",
        which="c.diff::jsonb ->> 'environment_id' IN (SELECT key FROM environment)"
        " AND c.diff::jsonb ->> 'version_id' IN (SELECT d ->> 'version_id' FROM running)",
    )
}
)
SELECT r.digest, m.d ->> 'name', (v.d ->> 'number')::integer, v.key, (r.d ->> 'reported_at')::timestamptz, r.index,
    'user:' || (r.d ->> 'reported_by_id'), array_remove(r.names, ''), r.d ->> 'decision', judged.allowed,
    coalesce(said.verdicts, '[]')::text
FROM running r
LEFT JOIN version v ON v.key = r.d ->> 'version_id'
LEFT JOIN model m ON m.key = v.d ->> 'model_id'
LEFT JOIN said ON said.version_id = v.key
LEFT JOIN standing s ON s.d ->> 'version_id' = v.key
LEFT JOIN LATERAL (
    SELECT (CASE WHEN c.op = 'U' THEN c.diff::jsonb -> 'allowed' ->> 1 ELSE c.diff::jsonb ->> 'allowed' END)::boolean
        AS allowed
    FROM audits_change c JOIN audits_entry e ON e.epoch = c.epoch AND e.xid = c.xid
    WHERE c.tbl = 'governance_standing' AND c.key = s.key AND e.index < (SELECT size FROM bound)
        AND strpos(c.diff, '"allowed":') > 0
    ORDER BY e.index DESC, c.n DESC LIMIT 1
) AS judged ON true
ORDER BY r.index DESC
"""  # noqa: S608 - put together from this file's own texts.


def in_production(environment: str, at: When) -> list[Running]:
    """What ran in the environment of this name at ``at``: an entry, a time or a moment; newest first.

    One statement. An environment that was not there then ran nothing. Raises NoSuchMoment for the future.
    """
    if isinstance(at, datetime) and (at.tzinfo is None or at > timezone.now() + timedelta(seconds=5)):
        raise NoSuchMoment("A time needs its zone and must have been, for example 2026-03-14T09:26:53Z.")
    size = at.size if isinstance(at, Moment) else None if isinstance(at, datetime) else at + 1
    time = at if isinstance(at, datetime) else None
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING, {"environment": environment, "size": size, "at": time})
        rows = cursor.fetchall()
    return [
        Running(
            digest=digest,
            model=model,
            number=number,
            version=version,
            since=since,
            entry=entry,
            reported_by=reported_by,
            references=tuple(references),
            decision=decision or "",
            allowed=allowed,
            verdicts=tuple(
                Verdict(**{**given, "signed_at": datetime.fromisoformat(given["signed_at"])})
                for given in orjson.loads(verdicts)
            ),
        )
        for (
            digest, model, number, version, since, entry, reported_by, references, decision, allowed, verdicts
        ) in rows
    ]  # fmt: skip
