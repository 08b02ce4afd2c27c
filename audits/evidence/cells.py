"""Counts per cell: how many rows of each combination of groups, truth and decision.

Never looks at a score or a feature. The counting is an Ibis expression, so that the same one runs wherever
rows lie.
"""

import dataclasses

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audits.evidence.groups import Grouping
from audits.evidence.outcomes import Outcomes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cells:
    """Non-empty cells in order of their codes. ``codes`` has a row per cell and a column per grouping;
    ``truth`` and ``selected`` are 0 or 1; ``count`` is at least 1."""

    codes: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    selected: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]


def count_cells(groupings: list[Grouping], outcomes: Outcomes) -> Cells:
    """Gather the cells of all groupings at once, with DuckDB through Ibis."""
    keys = [f"group_{number}" for number in range(len(groupings))]
    rows = pa.table(
        {
            **{key: grouping.codes for key, grouping in zip(keys, groupings, strict=True)},
            "truth": outcomes.truth,
            "selected": outcomes.selected,
        }
    )
    names = [*keys, "truth", "selected"]
    connection = ibis.duckdb.connect()
    try:
        table = ibis.memtable(rows)
        counted = table.group_by(names).aggregate(count=table.count()).order_by(names)
        answer = connection.to_pyarrow(counted)
    finally:
        connection.disconnect()
    columns = {name: np.asarray(answer.column(name).to_numpy(), dtype=np.int64) for name in answer.column_names}
    return Cells(
        codes=np.column_stack([columns[key] for key in keys]),
        truth=columns["truth"],
        selected=columns["selected"],
        count=columns["count"],
    )
