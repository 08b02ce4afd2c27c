"""The messages between the caller and a model's process: one byte of kind, eight of length, then so many
bytes.

Never a pickle in either direction. Tables go in as Arrow IPC; numbers come back as little-endian doubles,
because a process that a model may have taken over should be answered by a length check and not by a parser.
"""

import struct
from typing import BinaryIO

HEAD = struct.Struct(">cQ")

HELLO = b"H"
ANSWER = b"O"
PROBLEM = b"E"
SCORES = b"S"
LABELS = b"L"
VALUES = b"R"

ERROR_BYTES = 1 << 16
HELLO_BYTES = 1 << 22


def framed(kind: bytes, payload: bytes) -> bytes:
    """The message as bytes."""
    return HEAD.pack(kind, len(payload)) + payload


def read_frame(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """The next message from a blocking stream, or None at its end."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    kind, length = HEAD.unpack(head)
    payload = stream.read(length)
    return None if len(payload) < length else (kind, payload)
