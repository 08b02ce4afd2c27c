"""What a verification that held leaves for the next one: the tree's right edge and the folded rows, in one file.

Bound by an HMAC to the installation's secret, so that nobody without it can pass off a state as verified. Holds what
the trail holds (commitments and digests), and no text of a person.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
from django.conf import settings

from audits.errors import DomainError
from audits.local_secrets import sync_folder
from audits.merkle.tree import Frontier
from audits.trail.verification.folding import Fold

_FORMAT = "countersign/verified/v1"
_MAC = 64  # Hexadecimal digits, the last line.


class NotResumable(DomainError):
    """There is no earlier verification to go on from, or its file cannot be believed."""

    code = "not_resumable"
    status = 409


def kept_file() -> Path:
    return Path(settings.DATA_DIR) / "verification" / "verified"


def begin_keeping(frontier: Frontier, fold: Fold) -> Path:
    """Write the state aside; ``keep`` makes it the one to go on from, once every step has held."""
    path = kept_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f"verified.{os.getpid()}.new")
    mac = hmac.new(_key(), digestmod=hashlib.sha256)
    with open(aside, "wb", opener=_private) as file:
        os.fchmod(file.fileno(), 0o600)
        for line in _lines(frontier, fold):
            mac.update(line)
            file.write(line)
        file.write(mac.hexdigest().encode())
        file.flush()
        os.fsync(file.fileno())
    return aside


def keep(aside: Path) -> None:
    aside.replace(kept_file())
    sync_folder(kept_file().parent)


def read_kept() -> bytes:
    """The state's lines, proved to be ours. Raises NotResumable."""
    path = kept_file()
    try:
        data = path.read_bytes()
    except OSError:
        raise NotResumable("No verification before this one has held here: run a full one first.") from None
    body, said = data[:-_MAC], data[-_MAC:]
    if not hmac.compare_digest(hmac.new(_key(), body, hashlib.sha256).hexdigest().encode(), said):
        raise NotResumable(f"{path} is not what a verification of this installation left: run a full one.")
    return body


def frontier_of(kept: bytes) -> Frontier:
    head = orjson.loads(kept[: kept.index(b"\n")])
    if head["format"] != _FORMAT or head["origin"] != settings.TRAIL_ORIGIN:
        raise NotResumable("The state kept is of another format or another trail: run a full verification.")
    return Frontier.restored(size=head["size"], nodes=[bytes.fromhex(node) for node in head["nodes"]])


def restore(kept: bytes, fold: Fold) -> None:
    """Put the rows back into a new fold."""
    at = kept.index(b"\n") + 1
    table = ""
    while at < len(kept):
        end = kept.index(b"\n", at)
        line = orjson.loads(kept[at:end])
        at = end + 1
        if isinstance(line, str):
            table = line
            fold.tables.setdefault(table, {})
            continue
        key, values, since, later = line
        row = fold.row(values, since)
        row.later = later
        fold.tables[table][key] = row


def _lines(frontier: Frontier, fold: Fold) -> Iterator[bytes]:
    yield _line(
        {
            "format": _FORMAT,
            "origin": settings.TRAIL_ORIGIN,
            "size": frontier.size,
            "nodes": [node.hex() for node in frontier.nodes],
        }
    )
    for table, rows in fold.tables.items():
        yield _line(table)
        for key, row in rows.items():
            yield _line([key, row.values, row.since, row.later])


def _line(value: object) -> bytes:
    return orjson.dumps(value) + b"\n"


def _key() -> bytes:
    return hashlib.sha256(b"countersign verification state\n" + settings.SECRET_KEY.encode()).digest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
