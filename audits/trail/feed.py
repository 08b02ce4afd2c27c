"""The trail as lines for a SIEM: newline JSON with the exact entries, or OCSF events. Only what a checkpoint covers.

Never holds a personal text: an entry holds commitments to them. Whoever asks again from the last index that it has gets
every entry at least once.

OCSF 1.3.0, class Entity Management (class_uid 3004): the acts here are about things that are managed, and the class API
Activity would need the network address of whoever called, which the trail does not keep.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from audits.errors import Conflict, DomainError
from audits.merkle.encoding import to_base64
from audits.models import Entry
from audits.trail.keys import verifying_key
from audits.trail.log import latest_checkpoint

OCSF_VERSION = "1.3.0"
CLASS_UID, CATEGORY_UID = 3004, 3
_AT_ONCE = 500

_CREATE, _READ, _UPDATE, _DELETE, _OTHER = 1, 2, 3, 4, 99
_ACTIVITIES = {_CREATE: "Create", _READ: "Read", _UPDATE: "Update", _DELETE: "Delete"}
_OF_VERB = {
    **dict.fromkeys(("registered", "created", "issued", "added", "made", "recorded", "printed", "granted"), _CREATE),
    **dict.fromkeys(("exported", "downloaded"), _READ),
    **dict.fromkeys(("assigned", "reassigned", "changed", "answered", "computed", "adopted", "loaded"), _UPDATE),
    **dict.fromkeys(("erased", "archived", "closed", "revoked", "retired"), _DELETE),
}
_FAILED = ("refused", "denied", "failed")
_SUCCESS, _FAILURE = 1, 2
_INFORMATIONAL, _LOW = 1, 2
_PERSON, _SYSTEM = 1, 3


def ndjson_line(entry: Entry, size: int, origin: str) -> bytes:
    """``entry`` is the exact text of the leaf: SHA-256 of a zero byte and it, in UTF-8, is ``leaf_hash`` (Base64)."""
    body = b"null" if entry.not_at_hand else bytes(entry.body)
    why = b',"not_at_hand":' + orjson.dumps(entry.not_at_hand) if entry.not_at_hand else b""
    leaf = to_base64(bytes(entry.leaf_hash)).encode()
    return b'{"checkpoint_size":%d,"entry":%s,"index":%d,"leaf_hash":"%s"%s,"log":%s}\n' % (
        size,
        body,
        entry.index,
        leaf,
        why,
        orjson.dumps(origin),
    )


def ocsf_line(entry: Entry, size: int, origin: str) -> bytes:
    """One OCSF event; what OCSF has no place for is in ``unmapped``, index, leaf hash and checkpoint size among it."""
    document = orjson.loads(bytes(entry.body))
    act: Mapping[str, Any] = document["act"]
    verb = entry.kind.rpartition(".")[2]
    activity = _OF_VERB.get(verb, _OTHER)
    failed = verb in _FAILED
    kind, _, key = entry.subject.partition(":")
    event = {
        "activity_id": activity,
        "activity_name": _ACTIVITIES.get(activity, verb),
        "actor": {
            "user": {"uid": entry.actor, "type_id": _PERSON if entry.actor.startswith("user:") else _SYSTEM},
        },
        "category_name": "Identity & Access Management",
        "category_uid": CATEGORY_UID,
        "class_name": "Entity Management",
        "class_uid": CLASS_UID,
        "entity": {"type": kind, "uid": key or kind},
        "message": f"{entry.kind} on {entry.subject} by {entry.actor}",
        "metadata": {
            "event_code": entry.kind,
            "log_name": origin,
            "original_time": str(act["at"]),
            "product": {"name": "Countersign", "vendor_name": "Countersign"},
            "sequence": entry.index,
            "uid": str(entry.act_id),
            "version": OCSF_VERSION,
        },
        "severity": "Low" if failed else "Informational",
        "severity_id": _LOW if failed else _INFORMATIONAL,
        "status": "Failure" if failed else "Success",
        "status_id": _FAILURE if failed else _SUCCESS,
        "time": int(datetime.fromisoformat(str(act["at"])).timestamp() * 1000),
        "type_name": f"Entity Management: {_ACTIVITIES.get(activity, 'Other')}",
        "type_uid": CLASS_UID * 100 + activity,
        "unmapped": {
            "changes": [
                {"columns": sorted(change["diff"]), "key": change["key"], "op": change["op"], "table": change["table"]}
                for change in document.get("changes", [])
            ],
            "checkpoint_size": size,
            "data": act["data"],
            "index": entry.index,
            "leaf_hash": to_base64(bytes(entry.leaf_hash)),
            "role": act["role"],
            "via": act["via"],
        },
    }
    return orjson.dumps(event) + b"\n"


FORMATS: Mapping[str, Callable[[Entry, int, str], bytes]] = {"ndjson": ndjson_line, "ocsf": ocsf_line}


def index_in(line: bytes) -> tuple[int, str]:
    """Index and leaf hash (Base64) of a line of either format. Raises DomainError where it is none."""
    try:
        found = orjson.loads(line)
        of_line = found["unmapped"] if "class_uid" in found else found
        return int(of_line["index"]), str(of_line["leaf_hash"])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise DomainError("This is no line of the trail's feed.", code="not_a_feed") from None


def format_of(line: bytes) -> str:
    return "ocsf" if b'"class_uid":' in line else "ndjson"


def covered(after: int) -> int:
    """The size of the newest signed checkpoint; 0 before the first. Raises Conflict where the reader knows more."""
    checkpoint = latest_checkpoint()
    size = 0 if checkpoint is None else checkpoint.size
    if after >= max(size, 1) or after < -1:
        raise Conflict(
            f"You have entry {after}, but the log's newest checkpoint covers {size} entries: another log, or one that "
            "was set back. Keep what you have and ask whoever audits it.",
            code="ahead_of_log",
        )
    return size


def feed(*, after: int, limit: int | None, form: str) -> Iterator[bytes]:
    """Lines of the entries after an index (-1: from the first), at most ``limit``, oldest first. Raises Conflict."""
    size = covered(after)
    origin, line_of = verifying_key().name, FORMATS[form]
    end = size if limit is None else min(size, after + 1 + limit)
    return _lines(after + 1, end, lambda entry: line_of(entry, size, origin))


def _lines(first: int, end: int, line_of: Callable[[Entry], bytes]) -> Iterator[bytes]:
    for low in range(first, end, _AT_ONCE):
        found = Entry.objects.filter(index__gte=low, index__lt=min(low + _AT_ONCE, end)).order_by("index")
        for entry in found:
            yield line_of(entry)
