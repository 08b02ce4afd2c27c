"""A model's features found in a table, and its predictions of them.

Never sends a column that the model was not fitted on, and never the target.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audits.evidence.errors import EvidenceError
from audits.evidence.request import MeasureRequest
from audits.evidence.sandbox.card import ModelCard
from audits.evidence.sandbox.client import ModelHost
from audits.evidence.tables import require_column, type_name
from audits.evidence.values import listed

# So many rows at a time keep one message to some megabytes and one answer within its deadline.
_ROWS_AT_ONCE = 100_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictor:
    """A loaded model with what to ask it: features in the model's order, index of the positive class
    (classifiers), and in ``explains`` what its numbers are."""

    host: ModelHost
    features: tuple[str, ...]
    positive: int | None
    positive_found: str | None
    explains: str

    @property
    def has_scores(self) -> bool:
        """Whether a classifier answers probabilities, and not labels alone."""
        return self.positive is not None and self.host.card.scores

    def predict(self, rows: pa.Table) -> npt.NDArray[np.float64]:
        """One number per row: probability of the positive value, else 0 or 1, else the predicted value."""
        parts = [self._ask(rows.slice(start, _ROWS_AT_ONCE)) for start in range(0, rows.num_rows, _ROWS_AT_ONCE)]
        return np.concatenate(parts)

    def _ask(self, rows: pa.Table) -> npt.NDArray[np.float64]:
        if self.positive is None:
            return self.host.values(rows)
        if self.has_scores:
            return self.host.scores(rows, self.positive)
        return self.host.labels(rows, self.positive)


def predictor_for(host: ModelHost, request: MeasureRequest, table: pa.Table, positive: str | None) -> Predictor:
    """Match the model to the table and the task; ``EvidenceError`` says which columns are wanted or wrong."""
    if request.task == "regression" and host.card.classes is not None:
        raise EvidenceError("The model is a classifier; ask for the task “classification”.", code="model_task_mismatch")
    features = _features(host.card, request, table)
    if request.task == "regression":
        return Predictor(host=host, features=features, positive=None, positive_found=None, explains="predicted value")
    at, found = host.card.positive_index(positive or "")
    what = "probability" if host.card.scores else "predicted label (1 or 0)"
    return Predictor(
        host=host, features=features, positive=at, positive_found=found, explains=f"{what} of “{positive}”"
    )


def _features(card: ModelCard, request: MeasureRequest, table: pa.Table) -> tuple[str, ...]:
    left_out = {request.target, request.predictions}
    chosen = request.features or card.features
    if chosen is None:
        chosen = tuple(name for name in table.column_names if name not in left_out)
    if request.target in chosen:
        raise EvidenceError(
            f"The target “{request.target}” is among the model's features; nothing measured so would be true.",
            code="target_leaks",
        )
    if card.features is not None and set(chosen) != set(card.features):
        lacking = [name for name in card.features if name not in chosen]
        extra = [name for name in chosen if name not in card.features]
        raise EvidenceError(
            "The model was fitted on other features than those named: "
            + "; ".join(
                part
                for part in (
                    f"it needs {listed(lacking)}" if lacking else "",
                    f"it does not know {listed(extra)}" if extra else "",
                )
                if part
            )
            + ". Leave the features unnamed to use the model's own.",
            code="wrong_features",
        )
    ordered = card.features or chosen
    lacking = [name for name in ordered if name not in table.column_names]
    if len(lacking) > 1:
        raise EvidenceError(
            f"The table lacks {len(lacking)} columns that the model needs: {listed(lacking)}; it has "
            f"{listed(table.column_names)}.",
            code="missing_column",
        )
    for name in ordered:
        require_column(table, name, "feature of the model")
    if card.n_features is not None and card.n_features != len(ordered):
        raise EvidenceError(
            f"The model takes {card.n_features} features and knows no names; the table offers {len(ordered)} "
            f"({listed(ordered)}). Name the features in the model's order.",
            code="wrong_features",
        )
    if card.features is None:
        texts = [name for name in ordered if type_name(table.column(name).type) in {"text", "time", "other"}]
        if texts and card.final_estimator == card.estimator:
            raise EvidenceError(
                f"The model was fitted on numbers, but {listed(texts)} hold text; name its features.",
                code="wrong_features",
            )
    return tuple(ordered)
