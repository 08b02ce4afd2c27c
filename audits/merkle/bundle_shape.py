"""The bundle as a file: its fields, its limits, and the strict reader of both.

It never reports anything as true: what it returns has the right shape and nothing more.

Format "countersign/bundle/v1", a JSON object:

    {"format": "countersign/bundle/v1", "origin": name of the log, "key": vkey of the present signer,
     "retired_keys": [{"key": vkey, "last": largest size it signed}, ...]                (optional),
     "checkpoint": signed note, with the cosignature lines of witnesses,
     "entries": [{"index": int, "body": exact canonical JSON as text, "proof": [Base 64, ...],
                  "content": exact text that the body names by digest (optional)}, ...],
     "consistency": [{"first": int, "second": int, "proof": [Base 64, ...]}, ...]        (optional),
     "timestamps": [{"checkpoint": signed note, "token": Base 64 of DER, RFC 3161}, ...] (optional),
     "selection": {what was asked for; covered by no signature}                          (optional),
     "about": {anything; covered by no signature}}

docs/bundle.md says the same for those who write a verifier.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from audits.merkle.canonical import MAX_DEPTH, Json, deeper_than
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

MAX_RETIRED_KEYS = 100
"""Most retired keys in one bundle."""

MAX_TIMESTAMPS = 100
"""Most timestamps in one bundle."""

MAX_TOKEN_BYTES = 100_000
"""Longest timestamp token: a few certificates."""

MAX_NUMBER_DIGITS = 100
"""Most characters of a number in the file: readers differ beyond what they can hold."""

MAX_CONTAINERS = 1_000_000
"""Most brackets and braces in one text: an empty one costs a reader some sixty times its length in memory."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class BundleEntry:
    """An entry's index, the exact bytes of its body, and its inclusion proof (32 bytes each).

    ``content``: the bytes that the body names by length and SHA-256, where it does and they are given.
    """

    index: int
    body: bytes
    proof: tuple[bytes, ...]
    content: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """The proof that the tree of ``second`` entries begins with the tree of ``first`` entries."""

    first: int
    second: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class RetiredKey:
    """A key (vkey) that signed for the log once, up to ``last`` entries and never beyond."""

    key: str
    last: int


@dataclass(frozen=True, kw_only=True)
class Timestamp:
    """A checkpoint of the log (signed note) and an RFC 3161 token (DER) over it."""

    checkpoint: str
    token: bytes


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle of the right shape. Nothing in it is proved yet; ``about`` and ``selection`` never are."""

    origin: str
    key: str
    retired_keys: tuple[RetiredKey, ...]
    checkpoint: str
    entries: tuple[BundleEntry, ...]
    consistency: tuple[Consistency, ...]
    timestamps: tuple[Timestamp, ...]
    selection: Mapping[str, Json] | None
    about: Mapping[str, Json]


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle file; raise ``VerificationError`` with step "shape" for any other bytes."""
    fields = _object(
        _parsed(data),
        "the bundle",
        required={"format", "origin", "key", "checkpoint", "entries", "about"},
        optional={"consistency", "retired_keys", "timestamps", "selection"},
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
    selection = fields.get("selection")
    if "selection" in fields and not isinstance(selection, dict):
        _refuse("selection is not an object")
    return Bundle(
        origin=_text(fields["origin"], "origin"),
        key=_text(fields["key"], "key"),
        retired_keys=_items(fields.get("retired_keys", []), "retired_keys", MAX_RETIRED_KEYS, _read_retired_key),
        checkpoint=_text(fields["checkpoint"], "checkpoint"),
        entries=entries,
        consistency=_items(fields.get("consistency", []), "consistency", MAX_CONSISTENCY, _read_consistency),
        timestamps=_items(fields.get("timestamps", []), "timestamps", MAX_TIMESTAMPS, _read_timestamp),
        selection=selection if isinstance(selection, dict) else None,
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
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object_once,
            parse_int=_integer_of,
            parse_float=_fraction_of,
            parse_constant=_refuse_constant,
        )
    except VerificationError:
        raise
    except UnicodeDecodeError:
        _refuse("the file is not UTF-8")
    except json.JSONDecodeError as error:
        _refuse(f"the file is not JSON, or was cut off: {error}")
    except (ValueError, RecursionError):
        _refuse("the file nests too deeply")
    if deeper_than(value, MAX_DEPTH):
        _refuse(f"the file nests deeper than {MAX_DEPTH} levels")
    return value


def _integer_of(text: str) -> int:
    _require_short(text)
    return int(text)


def _fraction_of(text: str) -> float:
    _require_short(text)
    return float(text)


def _require_short(number: str) -> None:
    if len(number) > MAX_NUMBER_DIGITS:
        _refuse(f"the file holds a number that is too long: more than {MAX_NUMBER_DIGITS} characters")


def _object_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Refuse a field that comes twice: two readers could each believe another one."""
    value = dict(pairs)
    if len(value) != len(pairs):
        _refuse("an object holds the same field twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON")


def _read_entry(value: Json, what: str) -> BundleEntry:
    fields = _object(value, what, required={"index", "body", "proof"}, optional={"content"})
    return BundleEntry(
        index=_integer(fields["index"], f"{what}.index"),
        body=_encoded(fields["body"], f"{what}.body"),
        proof=_items(fields["proof"], f"{what}.proof", MAX_PROOF, _read_hash),
        content=_encoded(fields["content"], f"{what}.content") if "content" in fields else None,
    )


def _encoded(value: Json, what: str) -> bytes:
    try:
        return _text(value, what).encode("utf-8")
    except UnicodeEncodeError:
        _refuse(f"{what} holds a lone surrogate, which is not text")


def _read_retired_key(value: Json, what: str) -> RetiredKey:
    fields = _object(value, what, required={"key", "last"})
    return RetiredKey(key=_text(fields["key"], f"{what}.key"), last=_integer(fields["last"], f"{what}.last"))


def _read_timestamp(value: Json, what: str) -> Timestamp:
    fields = _object(value, what, required={"checkpoint", "token"})
    token = from_base64(_text(fields["token"], f"{what}.token"), step="shape", what=f"{what}.token")
    if len(token) > MAX_TOKEN_BYTES:
        _refuse(f"{what}.token has more than {MAX_TOKEN_BYTES} bytes")
    return Timestamp(checkpoint=_text(fields["checkpoint"], f"{what}.checkpoint"), token=token)


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
