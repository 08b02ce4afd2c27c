"""Files by content: put a stream, get its SHA-256; open by SHA-256. Nothing is ever overwritten or half-written.

Backed by the Django storage ``artifacts`` (a local folder by default; any storage that writes whole objects serves).
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.core.files.base import File
from django.core.files.storage import Storage, storages

from audits.errors import DomainError, NotFound

CHUNK = 1024 * 1024


class CorruptContent(DomainError):
    """Stored bytes do not have the digest they are stored under, or an upload is not what was announced."""

    code = "corrupt_content"
    status = 422


class TooLarge(DomainError):
    code = "too_large"
    status = 413


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One stored file: SHA-256 in hexadecimal, size in bytes."""

    digest: str
    size: int


def _storage() -> Storage:
    return storages["artifacts"]


def _name(digest: str) -> str:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise NotFound(f"{digest[:80]!r} is not a SHA-256 digest in lower-case hexadecimal.")
    return f"sha256/{digest[:2]}/{digest}"


def put(
    chunks: Iterable[bytes],
    *,
    expected_digest: str = "",
    expected_size: int | None = None,
    limit: int | None = None,
) -> Stored:
    """Store the bytes of a stream. Nothing remains where the stream ends early or is not what was announced."""
    hasher = hashlib.sha256()
    size = 0
    with tempfile.TemporaryFile() as spool:
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
            if limit is not None and size > limit:
                raise TooLarge(f"The upload is larger than the limit of {limit} bytes; nothing was kept.")
            spool.write(chunk)
        digest = hasher.hexdigest()
        if expected_size is not None and size != expected_size:
            raise CorruptContent(
                f"The upload was cut off: {expected_size} bytes were announced and {size} came. Nothing was kept; "
                "send it again.",
                code="upload_incomplete",
            )
        if expected_digest and digest != expected_digest.lower():
            raise CorruptContent(
                f"The bytes that came have SHA-256 {digest}, not {expected_digest} as announced. Nothing was kept; "
                "send it again.",
                code="digest_mismatch",
            )
        name = _name(digest)
        storage = _storage()
        if not storage.exists(name):
            spool.seek(0)
            storage.save(name, File(spool, name=digest))
    return Stored(digest=digest, size=size)


def put_bytes(data: bytes) -> Stored:
    return put([data])


def put_file(path: Path) -> Stored:
    with path.open("rb") as file:
        return put(iter(lambda: file.read(CHUNK), b""))


def exists(digest: str) -> bool:
    return _storage().exists(_name(digest))


def open_content(digest: str) -> BinaryIO:
    """The stored file, not yet verified: readers that act on it use :func:`read` or :func:`local_copy`."""
    name = _name(digest)
    storage = _storage()
    if not storage.exists(name):
        raise NotFound(f"The file with SHA-256 {digest} is not in the store. Restore it from a backup.")
    return storage.open(name, "rb")  # type: ignore[return-value]


def read(digest: str) -> bytes:
    """The bytes, re-hashed: what comes back is what was stored, or CorruptContent."""
    with open_content(digest) as file:
        data = file.read()
    _compare(digest, hashlib.sha256(data).hexdigest())
    return data


def check(digest: str, progress: Callable[[int], None] | None = None) -> int:
    """Re-hash one stored file; its size in bytes. Raises CorruptContent or NotFound."""
    size = 0
    hasher = hashlib.sha256()
    for chunk in _chunks(digest):
        hasher.update(chunk)
        size += len(chunk)
        if progress is not None:
            progress(len(chunk))
    _compare(digest, hasher.hexdigest())
    return size


@contextmanager
def local_copy(digest: str, *, suffix: str = "") -> Iterator[Path]:
    """A verified copy in a temporary file of this process, for programs that need a path."""
    hasher = hashlib.sha256()
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        path = Path(folder) / f"content{suffix}"
        with path.open("wb") as copy:
            for chunk in _chunks(digest):
                hasher.update(chunk)
                copy.write(chunk)
        _compare(digest, hasher.hexdigest())
        yield path


def _chunks(digest: str) -> Iterator[bytes]:
    with open_content(digest) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _compare(digest: str, found: str) -> None:
    if found != digest:
        raise CorruptContent(
            f"The stored file {digest} now hashes to {found}: it was changed on disk. Restore it from a backup and run "
            "./run verify."
        )
