"""Interleaved rounds: every candidate once a round, the order shuffled each time, and the median of each.

Other work on the machine then falls on ours and on the peer's alike.
"""

import random
import statistics
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=str)


def say(text: str) -> None:
    """Progress goes to standard error: the table alone is on standard output."""
    print(text, file=sys.stderr, flush=True)


def interleaved(title: str, rounds: int, candidates: Mapping[Key, Callable[[], float]]) -> dict[Key, float]:
    """The median of what each candidate returns (a rate or seconds, which it measures itself)."""
    values: dict[Key, list[float]] = {name: [] for name in candidates}
    order = list(candidates)
    shuffler = random.Random(title)  # noqa: S311 - the same order in every run of the bench.
    for number in range(rounds):
        say(f"{title}: round {number + 1} of {rounds}")
        shuffler.shuffle(order)
        for name in order:
            values[name].append(candidates[name]())
    return {name: statistics.median(measured) for name, measured in values.items()}
