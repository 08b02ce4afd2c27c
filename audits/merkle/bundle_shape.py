"""The bundle as a file: its fields, its limits, and the strict reader of both.

It never reports anything as true: what it returns has the right shape and nothing more.

Format "countersign/bundle/v1", a JSON object:

    {"format": "countersign/bundle/v1", "origin": name of the log, "key": vkey, "checkpoint": signed note,
     "entries": [{"index": int, "body": exact canonical JSON as text, "proof": [Base 64, ...]}, ...],
     "consistency": [{"first": int, "second": int, "proof": [Base 64, ...]}, ...]   (optional),
     "about": {anything; covered by no signature}}
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from audits.merkle.canonical import Json
from audits.merkle.checkpoints import MAX_SIZE
from audits.merkle.encoding import from_base64
from audits.merkle.errors import VerificationError, excerpt
from audits.merkle.notes import MAX_NOTE_BYTES
from audits.merkle.tree import HASH_SIZE

FORMAT = "countersign/bundle/v1"

MAX_BUNDLE_BYTES = 32 * 2**20
"""Longest bundle that is read."""

MAX_ENTRIES = 20_000
"""Most entries in one bundle."""

MAX_PROOF = 63
"""Most hashes in one proof: what a tree of 2^63 entries needs (also the limit of c2sp.org/tlog-witness)."""

MAX_CONSISTENCY = 100
"""Most consistency proofs in one bundle."""

MAX_CONTAINERS = 1_000_000
"""Most brackets and braces in one text: an empty one costs a reader some sixty times its length in memory."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class BundleEntry:
    """An entry's index, the exact bytes of its body, and its inclusion proof (32 bytes each)."""

    index: int
    body: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """The proof that the tree of ``second`` entries begins with the tree of ``first`` entries."""

    first: int
    second: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle of the right shape. Nothing in it is proved yet, and ``about`` never is."""

    origin: str
    key: str
    checkpoint: str
    entries: tuple[BundleEntry, ...]
    consistency: tuple[Consistency, ...]
    about: Mapping[str, Json]


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle file; raise ``VerificationError`` with step "shape" for any other bytes."""
    fields = _object(
        _parsed(data),
        "the bundle",
        required={"format", "origin", "key", "checkpoint", "entries", "about"},
        optional={"consistency"},
    )
    if fields["format"] != FORMAT:
        _refuse(f'the format is {excerpt(str(fields["format"]))}; this verifier reads "{FORMAT}"')
    entries = _items(fields["entries"], "entries", MAX_ENTRIES, _read_entry)
    if not entries:
        # "All of no entries are proved" would read like success.
        _refuse("the bundle holds no entry, so it proves nothing")
    about = fields["about"]
    if not isinstance(about, dict):
        _refuse("about is not an object")
    return Bundle(
        origin=_text(fields["origin"], "origin"),
        key=_text(fields["key"], "key"),
        checkpoint=_text(fields["checkpoint"], "checkpoint"),
        entries=entries,
        consistency=_items(fields.get("consistency", []), "consistency", MAX_CONSISTENCY, _read_consistency),
        about=about,
    )


def within_container_limit(text: str | bytes) -> bool:
    """Tell whether parsing ``text`` as JSON stays within the memory that this verifier allows itself."""
    if isinstance(text, str):
        return text.count("[") + text.count("{") <= MAX_CONTAINERS
    return text.count(b"[") + text.count(b"{") <= MAX_CONTAINERS


def _parsed(data: bytes) -> Json:
    if len(data) > MAX_BUNDLE_BYTES:
        _refuse(f"a bundle has at most {MAX_BUNDLE_BYTES} bytes: ask for it in parts")
    if not within_container_limit(data):
        _refuse(f"a bundle has at most {MAX_CONTAINERS} brackets and braces")
    try:
        value: Json = json.loads(data.decode("utf-8"), object_pairs_hook=_object_once, parse_constant=_refuse_constant)
    except VerificationError:
        raise
    except UnicodeDecodeError:
        _refuse("the file is not UTF-8")
    except json.JSONDecodeError as error:
        _refuse(f"the file is not JSON, or was cut off: {error}")
    except (ValueError, RecursionError):
        _refuse("the file nests too deeply or holds a number that is too long")
    return value


def _object_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Refuse a field that comes twice: two readers could each believe another one."""
    value = dict(pairs)
    if len(value) != len(pairs):
        _refuse("an object holds the same field twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON")


def _read_entry(value: Json, what: str) -> BundleEntry:
    fields = _object(value, what, required={"index", "body", "proof"})
    try:
        body = _text(fields["body"], f"{what}.body").encode("utf-8")
    except UnicodeEncodeError:
        _refuse(f"{what}.body holds a lone surrogate, which is not text")
    return BundleEntry(
        index=_integer(fields["index"], f"{what}.index"),
        body=body,
        proof=_items(fields["proof"], f"{what}.proof", MAX_PROOF, _read_hash),
    )


def _read_consistency(value: Json, what: str) -> Consistency:
    fields = _object(value, what, required={"first", "second", "proof"})
    return Consistency(
        first=_integer(fields["first"], f"{what}.first"),
        second=_integer(fields["second"], f"{what}.second"),
        # A consistency proof may begin with one hash more than a path has.
        proof=_items(fields["proof"], f"{what}.proof", MAX_PROOF + 1, _read_hash),
    )


def _read_hash(value: Json, what: str) -> bytes:
    data = from_base64(_text(value, what), step="shape", what=what)
    if len(data) != HASH_SIZE:
        _refuse(f"{what} has {len(data)} bytes; a hash has {HASH_SIZE}")
    return data


def _object(value: Json, what: str, *, required: set[str], optional: set[str] | None = None) -> dict[str, Json]:
    """Return the object; a field that nobody checks must not be there, or a reader takes it for checked."""
    if not isinstance(value, dict):
        _refuse(f"{what} is not an object")
    missing = required - value.keys()
    if missing:
        _refuse(f"{what} lacks {', '.join(sorted(missing))}")
    unknown = value.keys() - required - (optional or set())
    if unknown:
        _refuse(f"{what} has a field that this format does not know: {excerpt(min(unknown))}")
    return value


def _items(value: Json, what: str, limit: int, read: Callable[[Json, str], _Item]) -> tuple[_Item, ...]:
    if not isinstance(value, list):
        _refuse(f"{what} is not a list")
    if len(value) > limit:
        _refuse(f"{what} has {len(value)} items; the limit is {limit}")
    return tuple(read(item, f"{what}[{position}]") for position, item in enumerate(value))


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str):
        _refuse(f"{what} is not text")
    if what in {"origin", "key", "checkpoint"} and len(value) > MAX_NOTE_BYTES:
        _refuse(f"{what} is longer than {MAX_NOTE_BYTES} characters")
    return value


def _integer(value: Json, what: str) -> int:
    # bool is an int to Python, 1.0 equals 1: neither is how an index is written.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SIZE:
        _refuse(f"{what} is not a whole number from 0 to {MAX_SIZE}")
    return value


def _refuse(message: str) -> NoReturn:
    raise VerificationError(message, step="shape") from None
