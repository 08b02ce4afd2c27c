"""The model section of the sample dossier: a hundred packages, two datasets, an artifact with a long name."""

from governance.dossiers.blocks import Fact
from governance.dossiers.content import (
    ArtifactContent,
    DatasetContent,
    LineageStep,
    ModelContent,
    SchemaColumn,
)
from tests.governance.dossiers.sample_names import ARTIFACT, MODEL, START, VERSION, digest


def build_about() -> ModelContent:
    names = (
        "numpy pandas scikit-learn scipy joblib threadpoolctl python-dateutil six tzdata pyarrow "
        "cryptography requests urllib3 certifi charset-normalizer idna typing-extensions packaging "
        "setuptools pip"
    )
    packages = tuple(
        (f"{name}{'' if repeat == 0 else '-plugin-' + str(repeat)}", f"{repeat + 1}.{len(name)}.{repeat}")
        for repeat in range(5)
        for name in names.split()
    )
    columns = tuple(
        SchemaColumn(name=name, type=kind, sensitive=name in {"sex", "age"})
        for name, kind in [
            ("customer_reference", "string"),
            ("sex", "category"),
            ("age", "int64"),
            ("monthly_net_income", "float64"),
            ("existing_credit_lines", "int64"),
            ("months_since_last_arrears", "float64"),
            ("postal_region", "category"),
            ("employment_status", "category"),
            ("requested_amount", "float64"),
            ("requested_term_in_months", "int64"),
            ("arrears_within_90_days", "bool"),
        ]
    )
    return ModelContent(
        owner="Zoë Müller-Lüdenscheidt",
        business_unit="Retail Credit, Decision Science",
        purpose="Predicts whether a customer with a running installment credit will fall into arrears "
        "within 90 days, so that an adviser can offer a change of terms in time. It must not be used "
        "to refuse or terminate a credit.",
        risk_tier="Tier 1 (high)",
        framework="scikit-learn 1.9.1",
        registered_by="José Ángel Ñíguez",
        registered_at=START,
        source_commit=digest("commit")[:40],
        description="retrained on data up to September 2026",
        parameters=(
            Fact(label="learning_rate", value=0.05),
            Fact(label="max_leaf_nodes", value=31),
            Fact(label="max_iter", value=400),
            Fact(label="class_weight", value="balanced"),
        ),
        metrics=(
            Fact(label="roc_auc (cross-validated)", value=0.871234),
            Fact(label="log_loss", value=0.4127),
        ),
        packages=packages,
        artifacts=(
            ArtifactContent(name="model.skops", sha256=ARTIFACT, size=4_812_338, media_type="application/octet-stream"),
            ArtifactContent(
                name="preprocessing-and-feature-definitions-of-the-retail-credit-team.json",
                sha256=digest("preprocessing"),
                size=18_220,
                media_type="application/json",
            ),
        ),
        datasets=(
            DatasetContent(
                role="Training",
                name="retail-credit-arrears",
                version="2026-09",
                digest=digest("train"),
                rows=412_206,
                columns=columns,
                source="Core banking, extract of 2026-10-02",
                target="arrears_within_90_days",
            ),
            DatasetContent(
                role="Evaluation",
                name="retail-credit-arrears-holdout",
                version="2026-09",
                digest=digest("test"),
                rows=103_051,
                columns=columns,
                target="arrears_within_90_days",
            ),
        ),
        lineage=(
            LineageStep(
                kind="Data",
                items=(
                    Fact(label="retail-credit-arrears 2026-09", value=digest("train"), digest=True),
                    Fact(label="retail-credit-arrears-holdout 2026-09", value=digest("test"), digest=True),
                ),
            ),
            LineageStep(kind="Version", items=(Fact(label=f"{MODEL} @ {VERSION}", value=ARTIFACT, digest=True),)),
            LineageStep(
                kind="Evidence",
                items=(
                    Fact(label="Performance", value=digest("performance"), digest=True),
                    Fact(label="Fairness", value=digest("fairness"), digest=True),
                    Fact(label="Explanation", value=digest("explanation"), digest=True),
                ),
            ),
            LineageStep(
                kind="Approvals",
                items=(
                    Fact(label="Validator", value="Søren Kierkegård"),
                    Fact(label="Compliance", value="Françoise Lefèvre"),
                ),
            ),
            LineageStep(kind="Deployments", items=()),
        ),
    )
