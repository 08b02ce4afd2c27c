"""What the demo says while it runs: numbered steps, one line each, and what was answered."""

import sys
import time


class Teller:
    """Prints steps to standard output; on a terminal a running step shows what it is doing."""

    def __init__(self) -> None:
        self._number = 0
        self._began = time.monotonic()
        self._live = sys.stdout.isatty()

    def step(self, title: str) -> None:
        self._number += 1
        sys.stdout.write(f"\n{self._number:2d}. {title}\n")
        sys.stdout.flush()

    def say(self, line: str) -> None:
        self._clear()
        sys.stdout.write(f"    {line}\n")
        sys.stdout.flush()

    def doing(self, line: str) -> None:
        """Something slow goes on; shown in place on a terminal, and as a line elsewhere."""
        if self._live:
            self._clear()
            sys.stdout.write(f"    ... {line[:100]}")
        else:
            sys.stdout.write(f"    ... {line}\n")
        sys.stdout.flush()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def _clear(self) -> None:
        if self._live:
            sys.stdout.write("\r\033[K")
