"""``python -m benchmarks [NAME ...] [--json FILE] [--list]``: measure, print a table, and say what was missed."""

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from benchmarks.database import Busy
from benchmarks.rounds import say
from benchmarks.rows import Row, table, write_json

# Each is the function ``run`` of the module of that name: imported when it is asked for.
BENCHES = {
    "trail": "acts against plain saves, bulk updates, sequencing, verification",
    "trail-growth": "verification from ten thousand entries to ten million: an hour and 30 GB, by name only",
    "fairness": "cells and weighted rows against Fairlearn on raw rows",
    "gate": "a recorded, signed decision against a bare view that reads one row",
}

BY_NAME_ONLY = {"trail-growth"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench", description="Measure against peers in the same run.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHES)}; all but trail-growth where none is named"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON as well")
    parser.add_argument("--list", action="store_true", help="name the benches and end")
    asked = parser.parse_args()
    if asked.list:
        for name, about in BENCHES.items():
            print(f"{name:14} {about}")
        return 0
    unknown = [name for name in asked.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench {unknown[0]}; the benches are {', '.join(BENCHES)}")
    if asked.json is not None and not asked.json.absolute().parent.is_dir():
        parser.error(f"{asked.json} cannot be written: its folder does not exist")
    rows: list[Row] = []
    for name in asked.names or [name for name in BENCHES if name not in BY_NAME_ONLY]:
        begun = time.monotonic()
        run = cast(Callable[[], list[Row]], import_module(f"benchmarks.{name.replace('-', '_')}").run)
        try:
            rows += run()
        except Busy as error:
            say(str(error))
            return 1
        say(f"{name} took {time.monotonic() - begun:.0f} s")
        # After each, so that a run that is interrupted has said what it knows.
        if asked.json is not None:
            write_json(rows, asked.json)
    print(table(rows))
    print("\nA ratio above 1 says that ours is faster. Read ratios: absolute figures follow the machine and its load.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
