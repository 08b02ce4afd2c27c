"""Entries in words: what a body says, line by line, for a person at a terminal.

It never checks anything, never fails on a body of another shape, and never lets a body move the cursor.

Entry format "countersign/entry/v1", read tolerantly.
"""

import json
from collections.abc import Mapping

from audits.merkle.bundle_shape import within_container_limit
from audits.merkle.canonical import Json

_OPERATIONS = {"I": "added", "U": "changed", "D": "deleted"}
_LONGEST = 200


def describe_entry(index: int, body: bytes, content: bytes | None = None) -> list[str]:
    """Return lines for one entry: index, time, kind, then what it says of actor, subject, reason, changes.

    ``content`` holds the changes of an entry that names them by digest.
    """
    try:
        value: Json = json.loads(body) if within_container_limit(body) else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return [f"#{index}  (not readable as an entry)  {_plain(body.decode('utf-8', 'replace'))}"]
    act = value.get("act")
    if not isinstance(act, dict):
        return [f"#{index}  (another kind of entry)  {_plain(value)}"]
    lines = [f"#{index}  {_plain(act.get('at', 'no time'))}  {_plain(act.get('kind', 'no kind'))}"]
    for name in ("actor", "via", "subject", "reason", "data"):
        if act.get(name) not in (None, "", {}, []):
            lines.append(f"    {name:<8} {_plain(act[name])}")
    changes = value.get("changes") if content is None else _changes_in(content)
    if isinstance(changes, list):
        lines.extend(f"    {_describe_change(change)}" for change in changes)
    return lines


def _changes_in(content: bytes) -> Json:
    try:
        changes: Json = json.loads(content) if within_container_limit(content) else None
    except (ValueError, RecursionError):
        return None
    return changes


def _describe_change(change: Json) -> str:
    if not isinstance(change, dict):
        return f"changes  {_plain(change)}"
    code = change.get("op")
    operation = _OPERATIONS.get(code, code) if isinstance(code, str) else code
    line = f"{_plain(operation):<8} {_plain(change.get('table', 'no table'))}"
    if change.get("key") is not None:
        line += f" {_plain(change['key'])}"
    difference = change.get("diff")
    if isinstance(difference, Mapping) and difference:
        line += f": {', '.join(_plain(field) for field in difference)}"
    return line


def _plain(value: Json) -> str:
    """Return at most some two hundred characters of any value, in one line."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = "(nested too deeply to show)"
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 3] + "..."
    return printable(text)


def printable(text: str) -> str:
    """Return ``text`` with control and direction characters escaped: it may hold commands to a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
