"""Step 2: every entry hashes to its leaf, none is missing, and the tree has each root that was signed.

RFC 6962 section 2.1, RFC 8785.
"""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from audits.merkle import tree
from audits.merkle.canonical import Json, read_canonical
from audits.merkle.errors import VerificationError
from audits.trail.entries import stated_content, whole
from audits.trail.verification.acts import kept_beside, rebuilt_entry
from audits.trail.verification.matter import Claim, Matter, Tell
from audits.trail.verification.report import Findings

_TABLE = "audits_entry"
_ENTRIES = """
SELECT index, epoch || ':' || xid, act_id::text, kind, actor, subject,
       trim('"' from to_json(at AT TIME ZONE 'UTC')::text) || 'Z', body, leaf_hash, epoch, xid::text,
       content IS NOT NULL
FROM audits_entry ORDER BY index
"""
_LONG_NUMBER = re.compile(rb"[0-9]{16}")


def check_leaves(matter: Matter, findings: Findings, tell: Tell) -> None:
    frontier = tree.Frontier()
    roots = _Roots(iter(sorted(matter.claims, key=lambda claim: claim.size)), findings)
    roots.compare(frontier)
    expected = 0
    for row in matter.reader.stream(_ENTRIES):
        index, body, leaf = row[0], bytes(row[7]), bytes(row[8])
        if index != expected:
            findings.add(
                "index",
                f"Entry {expected} is missing: the next one in the table is {index}.",
                table=_TABLE,
                key=str(expected),
                field="index",
                trail=expected,
                there=index,
                index=expected,
            )
        expected = index + 1
        hashed = tree.leaf_hash(body)
        if hashed != leaf:
            _report_hash(matter, findings, index, row[9], row[10], body, leaf)
        _check_body(findings, index, body, row)
        _check_content(matter, findings, index, body, has_content=row[11])
        frontier.append(hashed)
        roots.compare(frontier)
        findings.checked += 1
        tell(1)
    roots.finish(frontier)


class _Roots:
    """Compares the growing tree with claims in the order of their sizes; reports the first that fails."""

    def __init__(self, claims: Iterator[Claim], findings: Findings) -> None:
        self._claims = claims
        self._next = next(claims, None)
        self._findings = findings
        self._failed: set[str] = set()

    def compare(self, frontier: tree.Frontier) -> None:
        while self._next is not None and self._next.size <= frontier.size:
            claim, self._next = self._next, next(self._claims, None)
            root = tree.EMPTY_ROOT if claim.size == 0 else frontier.root()
            stored = claim.source.startswith("the checkpoint of")
            # After the first bad leaf every later root differs: one finding says it.
            if root != claim.root and not (stored and "stored" in self._failed):
                self._failed.add("stored" if stored else claim.source)
                self._findings.add(
                    "root",
                    f"The first {claim.size} entries do not have the root that {claim.source} says: an entry "
                    "among them was changed, removed or added.",
                    trail=claim.root.hex(),
                    there=root.hex(),
                )

    def finish(self, frontier: tree.Frontier) -> None:
        while self._next is not None:
            claim, self._next = self._next, next(self._claims, None)
            if claim.source not in self._failed:
                self._failed.add(claim.source)
                self._findings.add(
                    "rolled_back",
                    f"The log holds {frontier.size} entries, but {claim.source} was signed over {claim.size}: the "
                    "database was rolled back to an earlier state, or entries were removed.",
                    table=_TABLE,
                    key=str(frontier.size),
                )


def _report_hash(
    matter: Matter, findings: Findings, index: int, epoch: int, xid: str, body: bytes, leaf: bytes
) -> None:
    """Say which of the two was changed, as far as the act itself tells."""
    hashed = tree.leaf_hash(body)
    field = "leaf_hash" if rebuilt_entry(matter.reader, epoch, xid) == body else "body"
    findings.add(
        "leaf_hash",
        f"Entry {index} does not hash to its leaf: its {field} was changed.",
        table=_TABLE,
        key=str(index),
        field=field,
        trail=leaf.hex() if field == "body" else hashed.hex(),
        there=hashed.hex() if field == "body" else leaf.hex(),
        index=index,
    )


def _check_body(findings: Findings, index: int, body: bytes, row: tuple[object, ...]) -> None:
    try:
        entry = _read(body)
    except (VerificationError, RecursionError) as error:
        findings.add(
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
    stored = {
        "xid": (said.get("transaction"), row[1]),
        "act_id": (act.get("id"), row[2]),
        "kind": (act.get("kind"), row[3]),
        "actor": (act.get("actor"), row[4]),
        "subject": (act.get("subject"), row[5]),
        "at": (act.get("at"), row[6]),
    }
    for field, (trail, there) in stored.items():
        if trail != there:
            findings.add(
                "entry_column",
                f"Entry {index}: the column {field} says another thing than the entry itself.",
                table=_TABLE,
                key=str(index),
                field=_transaction_field(trail, there) if field == "xid" else field,
                trail=trail,
                there=str(there),
                index=index,
            )


def _check_content(matter: Matter, findings: Findings, index: int, body: bytes, *, has_content: bool) -> None:
    """What is kept beside an entry is what the entry states, and nothing is beside one that states nothing."""
    if not has_content and stated_content(body) is None:
        return
    try:
        whole(body, kept_beside(matter.reader, index, body) if stated_content(body) else b"")
    except VerificationError as error:
        findings.add(
            "content",
            f"Entry {index}: {error.message}.",
            table=_TABLE,
            key=str(index),
            field="content",
            index=index,
        )


def _transaction_field(trail: Json, there: object) -> str:
    return "xid" if str(trail).partition(":")[0] == str(there).partition(":")[0] else "epoch"


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


# Made once: json.loads and json.dumps make new ones at each call.
_decode = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse).decode
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def _read(body: bytes) -> Json:
    """The entry, proved canonical: quickly where the quick way is sure to agree with RFC 8785, else strictly."""
    if body.isascii() and not _LONG_NUMBER.search(body):
        try:
            text = body.decode("ascii")
            value: Json = _decode(text)
            if _encode(value) == text:
                return value
        except (ValueError, RecursionError):
            pass
    return read_canonical(body)
