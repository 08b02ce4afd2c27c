"""One measured row: ours beside a peer's, as JSON and as a line of the table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Row:
    """``ratio`` above 1 says that ours is faster. ``goal`` is a ratio, or in ``unit`` where there is no peer.

    ``n`` is the size of what was measured: rows, acts, requests. ``met`` is None where no goal was stated.
    """

    bench: str
    what: str
    n: int
    unit: str
    ours: float
    peer: str | None
    theirs: float | None
    ratio: float | None
    goal: float | None
    met: bool | None


def compare(
    *, bench: str, what: str, n: int, unit: str, ours: float, peer: str, theirs: float, goal: float | None = None
) -> Row:
    """Ours beside the peer's, both in ``unit``: a rate (its name ends in ``/s``) or a time."""
    ratio = ours / theirs if unit.endswith("/s") else theirs / ours
    met = None if goal is None else ratio >= goal
    return Row(
        bench=bench, what=what, n=n, unit=unit, ours=ours, peer=peer, theirs=theirs, ratio=ratio, goal=goal, met=met
    )


def absolute(*, bench: str, what: str, n: int, unit: str, ours: float, goal: float) -> Row:
    """Ours beside a goal in the same unit, where the goal names a figure and no peer."""
    met = ours >= goal if unit.endswith("/s") else ours <= goal
    return Row(
        bench=bench, what=what, n=n, unit=unit, ours=ours, peer=None, theirs=None, ratio=None, goal=goal, met=met
    )


def write_json(rows: Sequence[Row], path: Path) -> None:
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """The rows as text, one line each, columns aligned."""
    lines = [("bench", "what", "n", "unit", "ours", "theirs", "ratio", "goal", "", "peer")]
    for row in rows:
        lines.append(
            (
                row.bench,
                row.what,
                f"{row.n:,}",
                row.unit,
                _short(row.ours),
                _short(row.theirs),
                _times(row.ratio),
                _short(row.goal) if row.peer is None else _times(row.goal),
                {None: "", True: "met", False: "missed"}[row.met],
                row.peer or "",
            )
        )
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    to_the_right = {2, 4, 5, 6, 7}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at in to_the_right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{_short(ratio) if ratio >= 100 else f'{ratio:.2f}'}x"
