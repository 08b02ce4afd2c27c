"""Sorts more texts than memory should hold: sorted runs in temporary files, merged while they are read.

Never holds more than one run.
"""

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

RUN = 1_000_000


class Sorter:
    """Takes byte strings without line ends; gives them back in order, duplicates included."""

    def __init__(self, run: int = RUN) -> None:
        self._run = run
        self._held: list[bytes] = []
        self._files: list[BinaryIO] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, item: bytes) -> None:
        self._held.append(item)
        if len(self._held) >= self._run:
            file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the stack
            file.writelines(line + b"\n" for line in sorted(self._held))
            file.seek(0)
            self._files.append(file)
            self._held.clear()

    def items(self) -> Iterator[bytes]:
        """Everything in order, once."""
        return heapq.merge(sorted(self._held), *(_lines(file) for file in self._files))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return (line[:-1] for line in file)
