"""Segments: runs of entries in files, each of which can be verified alone against one signed checkpoint.

A file is text: a header in canonical JSON, then the exact body of each entry on a line of its own, with its content on
the next where the body names it by digest. Never trusts a key that comes in the file.

RFC 9162 section 2.1.1 (the tree), RFC 8785 (no line of canonical JSON holds a line end), C2SP tlog-checkpoint.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audits.merkle.canonical import canonical_bytes, read_canonical
from audits.merkle.checkpoints import Checkpoint, open_checkpoint
from audits.merkle.encoding import from_base64, to_base64
from audits.merkle.entries import stated_content, whole
from audits.merkle.errors import VerificationError
from audits.merkle.notes import VerifyingKey
from audits.merkle.tree import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash

FORMAT = "countersign/segment/v1"
MOST = 65_536
"""Entries of one segment at most."""

_LONGEST_HEADER = 64 * 1024
_LONGEST_LINE = 1 << 30
_MEMBERS = {"checkpoint", "count", "first", "format", "key", "origin", "proof"}


class Writable(Protocol):
    """What a segment is written to."""

    def write(self, data: bytes, /) -> object: ...


class Readable(Protocol):
    """What a segment is read from: a binary file, or something that hashes on the way."""

    def readline(self, limit: int = ..., /) -> bytes: ...

    def read(self, count: int = ..., /) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class SegmentHeader:
    """Entries ``first`` to ``first + count - 1`` of the log; ``proof`` are the roots of the subtrees around them."""

    origin: str
    key: str
    first: int
    count: int
    checkpoint: str
    proof: tuple[bytes, ...]

    def line(self) -> bytes:
        return canonical_bytes(
            {
                "checkpoint": self.checkpoint,
                "count": self.count,
                "first": self.first,
                "format": FORMAT,
                "key": self.key,
                "origin": self.origin,
                "proof": [to_base64(node) for node in self.proof],
            }
        )


@dataclass(frozen=True, kw_only=True)
class ArchivedEntry:
    """One entry of a segment; ``content`` where its body names that by digest."""

    index: int
    body: bytes
    content: bytes | None


@dataclass(frozen=True, kw_only=True)
class VerifiedSegment:
    """What a whole file proved: these entries are in the log of the checkpoint. ``sha256`` is that of the file."""

    header: SegmentHeader
    checkpoint: Checkpoint
    sha256: str


def range_proof(first: int, end: int, size: int, subtree: Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """The roots of the largest subtrees outside ``[first, end)``, left to right; ``subtree`` gives that of a range."""
    if not 0 <= first < end <= size:
        raise ValueError(f"no entries {first} to {end} in a log of {size}")
    proof: list[bytes] = []

    def visit(low: int, high: int) -> None:
        if high <= first or low >= end:
            proof.append(subtree(low, high))
        elif not (first <= low and high <= end):
            middle = low + _split(high - low)
            visit(low, middle)
            visit(middle, high)

    visit(0, size)
    return tuple(proof)


def root_of_range(first: int, leaves: Sequence[bytes], size: int, proof: Sequence[bytes]) -> bytes:
    """The root of the log of ``size`` that these leaf hashes and the subtrees around them give.

    Raises ``VerificationError`` with step "range" where the proof has a hash too many or too few.
    """
    end = first + len(leaves)
    if not 0 <= first < end <= size:
        raise VerificationError(f"no entries {first} to {end} in a log of {size}", step="range")
    if any(len(node) != HASH_SIZE for node in (*leaves, *proof)):
        raise VerificationError("a hash of another length than 32 bytes", step="range")
    rest = iter(proof)

    def visit(low: int, high: int) -> bytes:
        if high <= first or low >= end:
            node = next(rest, None)
            if node is None:
                raise VerificationError("the proof ends too early", step="range")
            return node
        if high - low == 1:
            return leaves[low - first]
        middle = low + _split(high - low)
        return node_hash(visit(low, middle), visit(middle, high))

    root = visit(0, size)
    if next(rest, None) is not None:
        raise VerificationError("the proof goes on after the root", step="range")
    return root


def subtree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes as a tree of their own (RFC 9162, 2.1.1)."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return node_hash(subtree_root(leaves[:middle]), subtree_root(leaves[middle:]))


def write_segment(out: Writable, header: SegmentHeader, entries: Iterable[tuple[bytes, bytes | None]]) -> str:
    """Write the file; its SHA-256. Raises ValueError where a body or its content could not be read back."""
    digest = hashlib.sha256()
    count = 0

    def line(data: bytes) -> None:
        if b"\n" in data or not data:
            raise ValueError(f"entry {header.first + count} is not one line of canonical JSON")
        out.write(data + b"\n")
        digest.update(data + b"\n")

    line(header.line())
    for body, content in entries:
        whole(body, content)
        line(body)
        if content is not None:
            line(content)
        count += 1
    if count != header.count:
        raise ValueError(f"{count} entries where the header says {header.count}")
    return digest.hexdigest()


def read_header(stream: Readable) -> SegmentHeader:
    """Read the first line. Raises ``VerificationError`` with step "shape"."""
    line = stream.readline(_LONGEST_HEADER + 1)
    if not line.endswith(b"\n"):
        raise VerificationError("the file has no header line: it is no segment, or was cut off", step="shape")
    value = read_canonical(line[:-1])
    if not isinstance(value, dict) or value.keys() != _MEMBERS or value["format"] != FORMAT:
        raise VerificationError(f"the header is not one of {FORMAT}", step="shape")
    first, count, proof = value["first"], value["count"], value["proof"]
    texts = [value[name] for name in ("origin", "key", "checkpoint")]
    if (
        any(not isinstance(number, int) or isinstance(number, bool) for number in (first, count))
        or not all(isinstance(text, str) for text in texts)
        or not isinstance(proof, list)
        or not all(isinstance(node, str) for node in proof)
        or not 0 <= first < 2**53
        or not 1 <= count <= MOST
    ):
        raise VerificationError("the header's members are not what they should be", step="shape")
    return SegmentHeader(
        origin=texts[0],
        key=texts[1],
        first=first,
        count=count,
        checkpoint=texts[2],
        proof=tuple(from_base64(node, step="shape", what="a hash of the proof") for node in proof),
    )


def read_entries(stream: Readable, header: SegmentHeader, *, at: int | None = None) -> Iterator[ArchivedEntry]:
    """Each entry from where the stream stands, its content checked against its body; nothing is proved yet.

    ``at`` is the entry there, where that is not the first.
    Raises ``VerificationError`` with step "shape" (cut off, too long) or "content" (another than the body states).
    """
    for index in range(header.first if at is None else at, header.first + header.count):
        body = _line(stream, index)
        content = None if stated_content(body) is None else _line(stream, index)
        whole(body, content)
        yield ArchivedEntry(index=index, body=body, content=content)
    if stream.read(1):
        raise VerificationError("the file goes on after its last entry", step="shape")


def verify_segment(
    stream: Readable, keys: Sequence[VerifyingKey], *, each: Callable[[ArchivedEntry], None] | None = None
) -> VerifiedSegment:
    """Prove that every entry of the file is in the log that one of these keys signed. Memory: the hashes alone.

    1. The header has the shape of one. 2. The checkpoint is signed by a key that the caller trusts. 3. Each line is
    read and hashed, contents compared with what their bodies name. 4. Leaves and the subtrees around them give the
    signed root. Raises ``VerificationError``. ``each`` is told every entry before it is proved.
    """
    hashed = _Hashed(stream)
    header = read_header(hashed)
    checkpoint = _signed(header, keys)
    leaves = []
    for entry in read_entries(hashed, header):
        leaves.append(leaf_hash(entry.body))
        if each is not None:
            each(entry)
    root = root_of_range(header.first, leaves, checkpoint.size, header.proof)
    if root != checkpoint.root:
        raise VerificationError(
            "the entries do not give the signed root: at least one was changed, or the file is of another log",
            step="range",
        )
    return VerifiedSegment(header=header, checkpoint=checkpoint, sha256=hashed.hexdigest())


class _Hashed:
    """A stream that is hashed as it is read."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def readline(self, limit: int = -1, /) -> bytes:
        line = self._stream.readline(limit)
        self._digest.update(line)
        return line

    def read(self, count: int = -1, /) -> bytes:
        data = self._stream.read(count)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _signed(header: SegmentHeader, keys: Sequence[VerifyingKey]) -> Checkpoint:
    problem = VerificationError("no key to check the checkpoint with", step="key")
    for key in keys:
        try:
            found = open_checkpoint(header.checkpoint, key)
        except VerificationError as error:
            problem = error
            continue
        if found.origin != header.origin or found.size < header.first + header.count:
            raise VerificationError("the checkpoint is of another log, or older than the entries", step="checkpoint")
        return found
    raise problem


def _line(stream: Readable, index: int) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n") or len(line) < 2:
        raise VerificationError(f"the file is cut off in entry {index}", step="shape", index=index)
    return line[:-1]


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m audits.merkle.segments FILE… --key VKEY``: exit 0 where every file holds."""
    parser = argparse.ArgumentParser(description="Verifies archived segments of a trail, without the service.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--key", action="append", required=True, metavar="VKEY", help="a key of the log that you trust")
    given = parser.parse_args(arguments)
    failed = False
    for path in given.files:
        try:
            keys = [VerifyingKey.parse(text) for text in given.key]
            with path.open("rb") as stream:
                found = verify_segment(stream, keys)
        except (VerificationError, OSError) as error:
            failed = True
            sys.stdout.write(f"DOES NOT HOLD  {path.name}: {error}\n")
            continue
        header = found.header
        sys.stdout.write(
            f"holds  {path.name}: entries {header.first} to {header.first + header.count - 1} are in the log "
            f"{header.origin} of {found.checkpoint.size} entries (SHA-256 of the file {found.sha256})\n"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
