"""Made-up evidence of the right shape: small, quick to store, with a figure in SVG."""

from datetime import UTC, datetime

from audits.evidence.record import EvidenceRecord, Figure
from audits.evidence.request import Subject
from audits.services.evidence import MeasuredRecord
from registry.models import ModelVersion
from registry.services.assessments import SUBJECT_KIND

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><style>rect{fill:#16304b}</style>'
    b'<rect width="10" height="10"/></svg>'
)
AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def measured(value: float, *, n: int = 200, low: float | None = None, high: float | None = None) -> dict[str, object]:
    return {"value": value, "n": n, "low": low, "high": high}


RESULTS: dict[str, dict[str, object]] = {
    "performance": {
        "n": 200,
        "confusion_matrix": {"true_positives": 80},
        "accuracy": measured(0.8, low=0.74, high=0.85),
        "roc_auc": measured(0.87, low=0.81, high=0.92),
    },
    "fairness": {
        "comparisons": [
            {
                "columns": ["sex"],
                "kind": "single",
                "groups": [
                    {"label": "f", "n": 90, "small": False, "impact_ratio": measured(0.9, low=0.85, high=0.99)},
                    {"label": "m", "n": 110, "small": False, "impact_ratio": measured(1.0, low=0.9, high=1.0)},
                ],
                "demographic_parity_difference": measured(0.05),
                "equalized_odds_difference": measured(0.06),
            }
        ]
    },
    "explainability": {"additivity": {"maximal_gap": 0.0}},
}


def record(version: ModelVersion, measurement: str, *, title: str = "") -> MeasuredRecord:
    """One record about a version, with a table, a flag and a figure."""
    figure = Figure(name="figure", title=f"Figure of {measurement}", alt="a square", svg=SVG)
    made = EvidenceRecord(
        measurement=measurement,
        title=title or measurement.capitalize(),
        finding=f"What {measurement} found.",
        subject=Subject(kind=SUBJECT_KIND, id=str(version.pk), digest=version.artifact_digest),
        inputs={"dataset": {"digest": "d" * 64}},
        parameters={"threshold": 0.5},
        seed=7,
        versions={"python": "3.11"},
        results=RESULTS[measurement],  # type: ignore[arg-type]
        tables=[
            {
                "name": "t",
                "title": "Numbers",
                "columns": [{"name": "metric", "label": "Metric"}, {"name": "value", "label": "Value"}],
                "rows": [{"metric": "accuracy", "value": 0.8}],
            }
        ],
        flags=[{"code": "small_group", "message": "sex: one group is small."}],
        figures=(figure,),
        timings={},
    )
    return MeasuredRecord(document=made.as_json(), digest=made.digest, figures={"figure": SVG})
