"""What a model says of itself once it is loaded.

Never believed beyond its shape: the text comes from a process that runs an untrusted file.
"""

import dataclasses
from typing import Self

from audits.evidence.errors import EvidenceError
from audits.evidence.values import JsonObject, JsonValue, listed, text_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Estimator type, the features it was fitted on (names where it knows them), its classes, and how it is
    shut in.

    ``isolation`` has ``network`` ("isolated" or "not isolated"), ``user`` ("unprivileged", "own user", "root")
    and ``files`` ("shut off" or "not shut off").
    """

    estimator: str
    final_estimator: str
    features: tuple[str, ...] | None
    n_features: int | None
    classes: tuple[str, ...] | None
    scores: bool
    notes: tuple[str, ...]
    isolation: JsonObject

    @classmethod
    def from_json(cls, given: JsonObject) -> Self:
        """Read the host's greeting; ``EvidenceError`` for any other shape."""
        isolation = given.get("isolation")
        count = given.get("n_features")
        if not isinstance(isolation, dict) or not (count is None or isinstance(count, int)):
            raise EvidenceError("The model's process described itself wrongly.", code="model_failed")
        return cls(
            estimator=str(given.get("estimator"))[:200],
            final_estimator=str(given.get("final_estimator"))[:200],
            features=_texts(given.get("features")),
            n_features=count,
            classes=_classes(given.get("classes")),
            scores=given.get("scores") is True,
            notes=_texts(given.get("notes")) or (),
            isolation={name: str(value)[:40] for name, value in isolation.items()},
        )

    def positive_index(self, positive: str) -> tuple[int, str]:
        """Index of the positive class, and how it was found, for the record.

        A model fitted on 0 and 1 (or false and true) answers for "positive" with its class 1, whatever the
        target calls it. Raises ``EvidenceError`` for other classes and for more than two.
        """
        classes = self.classes
        if classes is None:
            raise EvidenceError(
                "The model is no classifier; ask for the task “regression”, or give a classifier.",
                code="model_task_mismatch",
            )
        if len(classes) != 2:
            raise EvidenceError(
                f"The model knows {len(classes)} classes ({listed(classes)}); only binary models are measured.",
                code="model_task_mismatch",
            )
        if text_of(positive) in classes:
            return classes.index(text_of(positive)), f"class {text_of(positive)}"
        for pair in (("0", "1"), ("false", "true")):
            if classes == pair:
                return 1, f"class {pair[1]}, the model being fitted on {pair[0]} and {pair[1]}"
        raise EvidenceError(
            f"The positive value “{positive}” is none of the model's classes ({listed(classes)}).",
            code="unknown_positive",
        )


def _texts(value: JsonValue) -> tuple[str, ...] | None:
    return tuple(str(item)[:500] for item in value) if isinstance(value, list) else None


def _classes(value: JsonValue) -> tuple[str, ...] | None:
    return tuple(text_of(item)[:500] for item in value) if isinstance(value, list) else None
