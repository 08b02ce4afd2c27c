"""Truth and predictions of a table as arrays: who is positive, who was selected, with which score.

Never guesses in silence: how a prediction column was read is part of the outcome, and anything ambiguous is
refused.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audits.evidence.errors import EvidenceError
from audits.evidence.request import PredictionKind
from audits.evidence.tables import missing_count, require_column, type_name
from audits.evidence.values import listed, text_of

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.int8]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """The target of a binary task: 1 where positive, 0 otherwise, one per row that has a value; ``kept``
    marks those rows of the table; ``positive`` and ``negative`` are the two values as text."""

    truth: Flags
    kept: npt.NDArray[np.bool_]
    positive: str
    negative: str

    @property
    def missing(self) -> int:
        """Rows left out because their target is missing."""
        return int((~self.kept).sum())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Truth, decision and, where there is one, score per row: arrays of one length n.

    ``truth`` and ``selected`` are 0 or 1; ``scores`` are probabilities of the positive value, or None where
    only labels are known; ``read_as`` says in words where the decisions come from.
    """

    truth: Flags
    selected: Flags
    scores: Floats | None
    threshold: float | None
    read_as: str

    @property
    def n(self) -> int:
        """Rows measured."""
        return len(self.truth)


def read_target(table: pa.Table, column: str, positive: str | None) -> Target:
    """The binary target; ``EvidenceError`` for one class, more than two, or a positive value that never
    occurs."""
    values = require_column(table, column, "target")
    kept = ~np.asarray(pc.is_null(values, nan_is_null=True).to_numpy())
    texts, codes = _coded(values)
    seen = sorted(texts)
    if not seen:
        raise EvidenceError(f"The target column “{column}” has no values at all.", code="empty_target")
    if positive is None:
        known = {"1", "true"} & set(seen)
        if not known or not (set(seen) <= {"0", "1"} or set(seen) <= {"false", "true"}):
            raise EvidenceError(
                f"Name the positive value of “{column}”; its values are {listed(seen)}.", code="no_positive"
            )
        positive = known.pop()
    wanted = text_of(positive)
    if wanted not in seen:
        raise EvidenceError(
            f"The positive value “{positive}” does not occur in “{column}”; its values are {listed(seen)}.",
            code="unknown_positive",
        )
    if len(seen) == 1:
        raise EvidenceError(
            f"The target “{column}” has one value only ({listed(seen)}); nothing can be told apart.",
            code="one_class",
        )
    if len(seen) > 2:
        raise EvidenceError(
            f"The target “{column}” has {len(seen)} values ({listed(seen)}); only binary targets are measured. "
            "Make a column of two values, or ask for the task “regression”.",
            code="not_binary",
        )
    truth = np.array([text == wanted for text in texts], dtype=np.int8)[codes[kept]]
    negative = next(text for text in seen if text != wanted)
    return Target(truth=truth, kept=kept, positive=wanted, negative=negative)


def outcomes_of_column(
    table: pa.Table, target: Target, column: str, kind: PredictionKind, threshold: float
) -> Outcomes:
    """Decisions from a column of predictions, of the rows that have a target.

    1. Values of the target are labels. 2. Otherwise 0 and 1 (false and true) are labels, 1 being positive.
    3. Otherwise numbers in 0..1 are scores, selected at ``threshold`` and above. 4. Anything else is refused.
    """
    values = require_column(table, column, "predictions").filter(pa.array(target.kept))
    _refuse_missing(values, column)
    texts, codes = _coded(values)
    seen = set(texts)
    if kind != "scores":
        for positive, negative, told in (
            (target.positive, target.negative, "labels, in the values of the target"),
            ("1", "0", "labels, 1 being the positive value"),
            ("true", "false", "labels, true being the positive value"),
        ):
            if seen <= {positive, negative}:
                selected = np.array([text == positive for text in texts], dtype=np.int8)[codes]
                return Outcomes(truth=target.truth, selected=selected, scores=None, threshold=None, read_as=told)
    if kind == "labels" or type_name(values.type) not in {"integer", "number"}:
        raise EvidenceError(
            f"The predictions in “{column}” are {listed(sorted(seen))}; they must be the target's values "
            f"({listed([target.negative, target.positive])}), 0 and 1, or scores in 0..1.",
            code="unknown_prediction",
        )
    scores = _numbers(values)
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        raise EvidenceError(
            f"The predictions in “{column}” run from {scores.min():g} to {scores.max():g}; {int(outside.sum())} of "
            f"{len(scores)} lie outside 0..1. Give probabilities, or labels in the target's values "
            f"({listed([target.negative, target.positive])}).",
            code="scores_out_of_range",
        )
    return outcomes_of_scores(target, scores, threshold, "scores, the probability of the positive value")


def outcomes_of_scores(target: Target, scores: Floats, threshold: float, read_as: str) -> Outcomes:
    """Decisions from scores: selected where the score is at or above the threshold."""
    selected = (scores >= threshold).astype(np.int8)
    return Outcomes(truth=target.truth, selected=selected, scores=scores, threshold=threshold, read_as=read_as)


def numeric_target(table: pa.Table, column: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """A regression target: its values, and which rows of the table have one."""
    values = _require_numeric(table, column, "target")
    kept = ~np.asarray(pc.is_null(values, nan_is_null=True).to_numpy())
    truth = _numbers(values.filter(pa.array(kept)))
    if len(truth) < 2 or float(truth.min()) == float(truth.max()):
        raise EvidenceError(
            f"The target “{column}” has fewer than two different values; nothing can be measured.",
            code="one_value",
        )
    return truth, kept


def numeric_predictions(table: pa.Table, column: str, kept: npt.NDArray[np.bool_]) -> Floats:
    """A column of predicted values, of the rows kept."""
    values = _require_numeric(table, column, "predictions").filter(pa.array(kept))
    _refuse_missing(values, column)
    return _numbers(values)


def _require_numeric(table: pa.Table, column: str, role: str) -> pa.ChunkedArray:
    values = require_column(table, column, role)
    if type_name(values.type) not in {"integer", "number", "boolean"}:
        shown = [text for text in pc.unique(values).to_pylist()[:50] if text is not None and not _is_number(text)]
        raise EvidenceError(
            f"The column “{column}” ({role}) must hold numbers for regression; it holds {listed(shown)}.",
            code="not_numeric",
        )
    return values


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _refuse_missing(values: pa.ChunkedArray, column: str) -> None:
    missing = missing_count(values)
    if missing:
        raise EvidenceError(
            f"The predictions in “{column}” are missing in {missing} of {len(values)} rows; leave those rows out on "
            "purpose, or predict them.",
            code="missing_prediction",
        )


def _numbers(values: pa.ChunkedArray) -> Floats:
    made = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if not np.isfinite(made).all():
        raise EvidenceError("A column of numbers holds infinite values; correct them first.", code="not_finite")
    return made


def _coded(values: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Distinct values as text (several spellings of a number fall together by text), and one code per row;
    missing rows have some code or other and must be masked."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    present = [
        (index, value)
        for index, value in enumerate(encoded.dictionary.to_pylist())
        if value is not None and value == value
    ]
    texts = sorted({text_of(value) for _, value in present})
    to_text = np.zeros(max(len(encoded.dictionary), 1), dtype=np.int64)
    for index, value in present:
        to_text[index] = texts.index(text_of(value))
    codes = np.asarray(encoded.indices.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
    return texts, to_text[codes] if len(encoded.dictionary) else codes
