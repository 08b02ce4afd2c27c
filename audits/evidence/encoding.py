"""Feature columns as one matrix of numbers for SHAP, and back again as the model knows them.

Never gives the model a value that no row has: codes are decoded before predicting. A category's code is its
position among the sorted values; missing is NaN for numbers and -1 for categories.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from audits.evidence.tables import type_name
from audits.evidence.values import JsonValue, text_of

Matrix = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoder:
    """How each column is coded: ``categories`` has an Arrow array of values for a category, None for a
    number."""

    names: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    categories: tuple[pa.Array | None, ...]

    def decode(self, matrix: Matrix) -> pa.Table:
        """Rows of codes as a table of the original types (categories dictionary-encoded)."""
        columns = []
        for at, (kind, values) in enumerate(zip(self.types, self.categories, strict=True)):
            codes = matrix[:, at]
            if values is None:
                columns.append(pa.array(codes, mask=np.isnan(codes)).cast(kind))
            else:
                index = pa.array(codes.astype(np.int32), mask=codes < 0)
                columns.append(pa.DictionaryArray.from_arrays(index, values))
        return pa.table(columns, names=list(self.names))

    def shown(self, at: int, code: float) -> JsonValue:
        """A code of column ``at`` as a value for the record; None where it is missing."""
        values = self.categories[at]
        if values is None:
            if not np.isfinite(code):
                return None
            return int(code) if code.is_integer() and abs(code) < 2**53 else float(code)
        return None if code < 0 else text_of(values[int(code)].as_py())


def encode(table: pa.Table, names: tuple[str, ...]) -> tuple[Encoder, Matrix]:
    """The encoder of these columns, and their matrix: shape (rows, columns)."""
    types: list[pa.DataType] = []
    categories: list[pa.Array | None] = []
    columns: list[Matrix] = []
    for name in names:
        values = table.column(name).combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if type_name(values.type) in {"integer", "number"}:
            categories.append(None)
            columns.append(np.asarray(values.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)))
        else:
            known = pc.unique(values).drop_null()
            known = known.take(pc.sort_indices(known))
            categories.append(known)
            columns.append(np.asarray(pc.index_in(values, known).fill_null(-1).to_numpy(zero_copy_only=False)))
        types.append(values.type)
    matrix = np.column_stack([column.astype(np.float64) for column in columns])
    return Encoder(names=names, types=tuple(types), categories=tuple(categories)), matrix


def settled_order(matrix: Matrix) -> npt.NDArray[np.int64]:
    """An order of the rows that depends on their values and not on where they stand; equal rows stay as they
    are."""
    hashes = pd.util.hash_pandas_object(pd.DataFrame(matrix), index=False).to_numpy()
    return np.argsort(hashes, kind="stable").astype(np.int64)
