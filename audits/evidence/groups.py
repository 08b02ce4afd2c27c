"""Groups of a sensitive column: its values as text, numbers cut at stated edges, missing values a group of
their own.

Never drops a row: every row belongs to exactly one group of each column.
"""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audits.evidence.errors import EvidenceError
from audits.evidence.tables import require_column, type_name
from audits.evidence.values import text_of

MISSING = "(missing)"
_MOST_VALUES = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grouping:
    """One sensitive column as groups: ``labels`` in the order to show them, ``codes`` one per row, ``edges``
    where numbers were cut (each bin from its lower edge on, below its upper edge)."""

    column: str
    labels: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    edges: tuple[float, ...] | None
    quartiles: bool


def group_rows(
    table: pa.Table,
    column: str,
    bins: Mapping[str, tuple[float, ...]],
    max_groups: int,
) -> Grouping:
    """Cut a column into groups; ``EvidenceError`` where there would be more than ``max_groups``."""
    values = require_column(table, column, "sensitive").combine_chunks()
    missing = np.asarray(pc.is_null(values, nan_is_null=True).to_numpy(zero_copy_only=False))
    numeric = type_name(values.type) in {"integer", "number"}
    if column in bins and not numeric:
        raise EvidenceError(
            f"Edges were given for “{column}”, which does not hold numbers; leave them out.",
            code="not_numeric",
        )
    distinct = int(pc.count_distinct(values, mode="only_valid").as_py())
    if numeric and (column in bins or distinct > _MOST_VALUES):
        return _binned(column, values, missing, bins.get(column))
    # Each distinct value becomes text once, however many rows hold it.
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    places = np.asarray(encoded.indices.fill_null(0).to_numpy(zero_copy_only=False))
    texts = {int(place): text_of(encoded.dictionary[int(place)].as_py()) for place in np.unique(places[~missing])}
    labels = sorted({*texts.values(), *([MISSING] if missing.any() else [])}, key=_order)
    if len(labels) > max_groups:
        raise EvidenceError(
            f"The sensitive column “{column}” has {len(labels)} different values; at most {max_groups} groups are "
            "compared. Put the values into fewer groups first.",
            code="too_many_groups",
        )
    index = {label: code for code, label in enumerate(labels)}
    code_of = np.zeros(max(len(encoded.dictionary), 1), dtype=np.int64)
    for place, text in texts.items():
        code_of[place] = index[text]
    return Grouping(
        column=column,
        labels=tuple(labels),
        codes=np.where(missing, index.get(MISSING, 0), code_of[places]).astype(np.int64),
        edges=None,
        quartiles=False,
    )


def _binned(column: str, values: pa.Array, missing: npt.NDArray[np.bool_], given: tuple[float, ...] | None) -> Grouping:
    numbers = np.asarray(values.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False))
    known = numbers[~missing]
    edges = given or tuple(sorted({float(edge) for edge in np.quantile(known, [0.25, 0.5, 0.75])}))
    codes = np.digitize(numbers, np.array(edges), right=False)
    names = [
        f"below {_short(edges[0])}",
        *(f"{_short(low)} to below {_short(high)}" for low, high in itertools.pairwise(edges)),
        f"{_short(edges[-1])} and above",
        MISSING,
    ]
    codes[missing] = len(names) - 1
    used = sorted(set(codes.tolist()))
    renumbered = {old: new for new, old in enumerate(used)}
    return Grouping(
        column=column,
        labels=tuple(names[code] for code in used),
        codes=np.array([renumbered[code] for code in codes.tolist()], dtype=np.int64),
        edges=edges,
        quartiles=given is None,
    )


def _short(edge: float) -> str:
    return text_of(float(f"{edge:.6g}"))


def _order(label: str) -> tuple[bool, bool, float, str]:
    try:
        number = float(label)
    except ValueError:
        return (label == MISSING, True, 0.0, label)
    return (False, False, number, label)
