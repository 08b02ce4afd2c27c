"""What is to be measured: the request, as the caller states it and as JSON.

Never looks at a file; whether the table has these columns is found out when it is read.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal, Self, cast

from audits.evidence.errors import EvidenceError
from audits.evidence.values import JsonObject, JsonValue, listed

MEASUREMENTS = ("performance", "fairness", "explainability")

Task = Literal["classification", "regression"]
PredictionKind = Literal["auto", "labels", "scores"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """What the evidence is about, in the caller's words: evidence knows no models, only subjects."""

    kind: str
    id: str
    digest: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasureRequest:
    """The measurements wanted and all that their numbers depend on, apart from the model and the table.

    ``features`` empty means those that the model names, or else every column but target and predictions.
    ``positive`` is compared as text ("1" is 1 is 1.0). ``bins`` holds edges for numeric sensitive columns;
    without edges a column of more than ten distinct values is cut at its quartiles. ``predictions`` names a
    column to use in place of a model; ``prediction_kind`` settles what it holds where "auto" would guess
    wrong.
    """

    measurements: tuple[str, ...]
    subject: Subject
    task: Task
    target: str
    positive: str | None = None
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    predictions: str | None = None
    prediction_kind: PredictionKind = "auto"
    threshold: float = 0.5
    seed: int = 20240229
    min_group_size: int = 30
    max_groups: int = 200
    bins: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    calibration_bins: int = 10
    bootstrap_resamples: int = 500
    explained_rows: int = 60
    background_rows: int = 50

    def __post_init__(self) -> None:
        unknown = [name for name in self.measurements if name not in MEASUREMENTS]
        if unknown or not self.measurements:
            raise EvidenceError(
                f"Unknown measurement {listed(unknown)}; there are {listed(MEASUREMENTS)}."
                if unknown
                else f"No measurement was asked for; there are {listed(MEASUREMENTS)}.",
                code="unknown_measurement",
            )
        if self.task not in {"classification", "regression"}:
            raise EvidenceError(
                f"Unknown task “{self.task}”; it is “classification” or “regression”.", code="bad_request"
            )
        if self.prediction_kind not in {"auto", "labels", "scores"}:
            raise EvidenceError("The kind of predictions is “auto”, “labels” or “scores”.", code="bad_request")
        if "fairness" in self.measurements:
            if not self.sensitive:
                raise EvidenceError(
                    "Fairness needs at least one sensitive column; name one, or leave fairness out.",
                    code="no_sensitive_column",
                )
            if self.task != "classification":
                raise EvidenceError(
                    "Fairness is measured for binary classification only; leave it out for regression.",
                    code="bad_request",
                )
        if not 0 <= self.threshold <= 1:
            raise EvidenceError(f"The threshold must lie in 0..1, not {self.threshold}.", code="bad_threshold")
        for name, least in (
            ("seed", 0),
            ("min_group_size", 1),
            ("max_groups", 1),
            ("calibration_bins", 2),
            ("bootstrap_resamples", 20),
            ("explained_rows", 1),
            ("background_rows", 1),
        ):
            if not least <= getattr(self, name) < 2**53:
                raise EvidenceError(f"“{name}” must be at least {least}.", code="bad_request")
        for column, edges in self.bins.items():
            if not edges or list(edges) != sorted(set(edges)):
                raise EvidenceError(f"The edges for “{column}” must be numbers in rising order.", code="bad_request")
        doubled = {name for name in self.sensitive if self.sensitive.count(name) > 1}
        if doubled or self.target in self.sensitive:
            raise EvidenceError(
                "Each sensitive column is named once, and the target is not one of them.", code="bad_request"
            )

    def as_json(self) -> JsonObject:
        """The request as JSON values, readable by :meth:`from_json`."""
        made = cast(JsonObject, dataclasses.asdict(self))
        for name in ("measurements", "sensitive", "features"):
            made[name] = list(getattr(self, name))
        made["bins"] = {column: list(edges) for column, edges in self.bins.items()}
        return made

    @classmethod
    def from_json(cls, given: JsonValue) -> Self:
        """Read a request; ``EvidenceError`` names the field that is unknown, missing or of the wrong type."""
        if not isinstance(given, dict):
            raise EvidenceError("A request is a JSON object.", code="bad_request")
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = sorted(set(given) - set(fields))
        if unknown:
            raise EvidenceError(f"The request has unknown fields: {listed(unknown)}.", code="bad_request")
        made: dict[str, object] = {}
        try:
            for name, value in given.items():
                made[name] = _read_field(name, value)
            return cls(**made)  # type: ignore[arg-type] # every field was read by its own type above
        except (TypeError, KeyError) as error:
            raise EvidenceError(f"The request is not as it should be: {error}.", code="bad_request") from error


def _read_field(name: str, value: JsonValue) -> object:
    if name == "subject":
        if not isinstance(value, dict):
            raise TypeError("subject must be an object")
        return Subject(kind=_text(value["kind"]), id=_text(value["id"]), digest=_text(value["digest"]))
    if name in {"measurements", "sensitive", "features"}:
        if not isinstance(value, list):
            raise TypeError(f"{name} must be a list of names")
        return tuple(_text(item) for item in value)
    if name == "bins":
        if not isinstance(value, dict):
            raise TypeError("bins must map columns to lists of edges")
        return {column: _edges(edges) for column, edges in value.items()}
    if name in {"target", "task", "prediction_kind"}:
        return _text(value)
    if name in {"positive", "predictions"}:
        return None if value is None else _text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number")
    if name == "threshold":
        return float(value)
    if value != int(value):
        raise TypeError(f"{name} must be a whole number")
    return int(value)


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise TypeError("names and values are given as text")
    return value


def _edges(value: JsonValue) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise TypeError("edges must be a list of numbers")
    return tuple(float(edge) for edge in value if isinstance(edge, int | float))
