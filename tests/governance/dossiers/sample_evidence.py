"""Three sections of evidence for the sample dossier, with tables, flags and figures."""

from governance.dossiers.blocks import Column, ColumnKind, Fact, Figure, Table
from governance.dossiers.content import EvidenceSection
from tests.governance.dossiers.sample_figures import bars, calibration
from tests.governance.dossiers.sample_names import ARTIFACT, digest

NUMBER, PERCENT = ColumnKind.NUMBER, ColumnKind.PERCENT


def build_evidence() -> tuple[EvidenceSection, ...]:
    return (_performance(), _fairness(), _explanation())


def _performance() -> EvidenceSection:
    return EvidenceSection(
        title="Performance on evaluation data",
        summary="The model ranks customers well (ROC AUC 0.864) and its probabilities are close to what was observed.",
        digest=digest("performance"),
        entry=4101,
        facts=(
            Fact(label="Evaluation data, SHA-256", value=digest("test"), digest=True),
            Fact(label="Artifact, SHA-256", value=ARTIFACT, digest=True),
            Fact(label="Rows", value=103_051),
            Fact(label="Seed", value="20261123"),
            Fact(label="Libraries", value="scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1"),
        ),
        tables=(
            Table(
                title="Metrics with 95% intervals",
                columns=(
                    Column(label="Metric", width=40),
                    Column(label="Value", kind=NUMBER, digits=4),
                    Column(label="Low", kind=NUMBER, digits=4),
                    Column(label="High", kind=NUMBER, digits=4),
                    Column(label="n", kind=NUMBER),
                ),
                rows=(
                    ("Accuracy", 0.8127, 0.8103, 0.8151, 103_051),
                    ("ROC AUC", 0.8642, 0.8615, 0.8669, 103_051),
                    ("Brier score", 0.1312, 0.1298, 0.1326, 103_051),
                    ("Calibration slope", 0.981, 0.962, 1.0, 103_051),
                ),
                note="Intervals by 1,000 bootstrap resamples.",
            ),
        ),
        figures=(
            Figure(
                title="Calibration.",
                alt="Observed share of arrears against mean predicted probability in ten bins; the "
                "points follow the diagonal closely.",
                content=calibration(),
            ),
        ),
    )


def _fairness() -> EvidenceSection:
    groups = ["female", "male"]
    bands = ["under 30", "30 to 49", "50 to 64", "65 and over"]
    columns = (
        Column(label="Group", width=26),
        *(
            Column(label=label, kind=NUMBER if label == "n" else PERCENT)
            for label in (
                "n",
                "Selection rate",
                "True positive rate",
                "False positive rate",
                "Precision",
                "Accuracy",
            )
        ),
        Column(label="Impact ratio", kind=NUMBER, digits=3),
    )
    rows = [
        (
            f"{group}, {band}",
            1200 * (g + 1) + 877 * b if (g, b) != (0, 3) else 14,
            0.31 + 0.02 * g - 0.01 * b,
            0.71 + 0.01 * b,
            0.12 + 0.013 * g,
            0.66,
            0.81 - 0.004 * b,
            0.7312 + 0.07 * g + 0.03 * b,
        )
        for g, group in enumerate(groups)
        for b, band in enumerate(bands)
    ]
    singles = [
        ("female", 51_244, 0.281, 0.712, 0.121, 0.664, 0.809, 0.871),
        ("male", 51_807, 0.3226, 0.724, 0.133, 0.671, 0.816, 1.0),
    ]
    return EvidenceSection(
        title="Fairness by sex and age band",
        summary="Women under 30 are selected 27% less often than the most selected group; all "
        "differences by sex alone are within their limits.",
        digest=digest("fairness"),
        entry=4102,
        flags=(
            "The group sex = female, age = 65 and over has 14 rows, fewer than the 30 that a conclusion "
            "needs; its figures are shown and decide nothing.",
            "The interval of the impact ratio for sex = female, age = 30 to 49 crosses 0.80: "
            "inconclusive, which is not passed.",
        ),
        facts=(
            Fact(label="Evaluation data, SHA-256", value=digest("test"), digest=True),
            Fact(label="Rows", value=103_051),
            Fact(label="Sensitive columns", value="sex, age (in bands)"),
            Fact(label="Threshold", value=0.5),
            Fact(label="Seed", value="20261123"),
        ),
        tables=(
            Table(
                title="Differences between groups",
                columns=(
                    Column(label="Measure", width=46),
                    Column(label="Value", kind=NUMBER, digits=4),
                    Column(label="95% interval", kind=NUMBER),
                    Column(label="Limit", kind=NUMBER),
                    Column(label="Result"),
                ),
                rows=(
                    ("Demographic parity difference", 0.0416, "0.0377 to 0.0455", "≤ 0.10", "✓ Within"),
                    ("Demographic parity ratio", 0.8711, "0.8600 to 0.8822", "≥ 0.80", "✓ Within"),
                    ("Equalized odds difference", 0.0712, "0.0650 to 0.0774", "≤ 0.10", "✓ Within"),
                    ("Impact ratio, intersections", 0.7312, "0.7009 to 0.7615", "≥ 0.80", "✗ Outside"),
                ),
            ),
            Table(title="By sex", columns=columns, rows=tuple(singles)),
            Table(
                title="By sex and age band",
                columns=columns,
                rows=tuple(rows),
                flagged=frozenset({3}),
                note="Shaded: fewer than 30 rows.",
            ),
        ),
        figures=(
            Figure(
                title="Impact ratio per group.",
                alt="Bars of the impact ratio for eight groups; women under 30 lie below the dashed line at 0.80.",
                content=bars(
                    "Impact ratio per group",
                    [row[0] for row in rows],
                    [row[7] for row in rows],
                    "Impact ratio",
                    0.8,
                ),
            ),
        ),
    )


def _explanation() -> EvidenceSection:
    features = [
        "months_since_last_arrears",
        "monthly_net_income",
        "existing_credit_lines",
        "requested_amount",
        "employment_status = self-employed",
        "requested_term_in_months",
        "age",
        "postal_region = 88",
    ]
    values = [0.412, 0.288, 0.201, 0.144, 0.101, 0.066, 0.041, 0.012]
    return EvidenceSection(
        title="Explanation by SHAP",
        summary="Past arrears, income and the number of credit lines drive the predictions; age plays a small part.",
        digest=digest("explanation"),
        entry=4103,
        facts=(
            Fact(label="Rows explained", value="1,000 of 103,051, drawn with seed 20261123"),
            Fact(label="Background, SHA-256", value=digest("background"), digest=True),
            Fact(label="Explainer", value="TreeExplainer, path-dependent, output in log-odds"),
        ),
        tables=(
            Table(
                title="Global importance",
                columns=(
                    Column(label="Feature", width=60),
                    Column(label="Mean |SHAP|", kind=NUMBER, digits=3),
                ),
                rows=tuple(zip(features, values, strict=True)),
            ),
        ),
        figures=(
            Figure(
                title="Global importance.",
                alt="Bars of the mean absolute SHAP value for the eight most important features.",
                content=bars("Mean |SHAP value|", features, values, "log-odds"),
            ),
        ),
    )
