"""A full dossier as a bank might print it: long names, many questions, holes, a stale signature, letters of many kinds."""

import base64
import json
from datetime import UTC, datetime, timedelta

from audits.documents import Attachment, Relationship
from governance.dossiers.blocks import Column, ColumnKind, Fact, Figure, Signature, Table
from governance.dossiers.content import (
    ApprovalContent,
    ArtifactContent,
    CheckpointContent,
    Clause,
    DatasetContent,
    DecisionContent,
    DeploymentContent,
    DossierContent,
    EvidenceSection,
    LineageStep,
    ModelContent,
    MonitoringReport,
    Outcome,
    PermitContent,
    PolicyReference,
    RiskAcceptance,
    SchemaColumn,
    Standing,
    TrailContent,
    TrailEntry,
)
from tests.governance.dossiers.sample_checklist import START, build_checklist, digest
from tests.governance.dossiers.sample_figures import bars, calibration

PRINTED = datetime(2026, 11, 30, 19, 46, 31, tzinfo=UTC)
MODEL = "retail-credit-early-arrears-prediction"
VERSION = "7"
ARTIFACT = digest("artifact")
STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": MODEL, "digest": {"sha256": ARTIFACT}}],
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {"verificationResult": "PASSED", "resourceUri": "countersign:environment/production"},
    },
    indent=2,
)
NUMBER, PERCENT = ColumnKind.NUMBER, ColumnKind.PERCENT


def build_sample() -> DossierContent:
    evidence = (_performance(), _fairness(), _explanation())
    return DossierContent(
        reference="D-2026-0117",
        organization="Kreditanstalt Überlingen & Söhne AG",
        confidentiality="Confidential",
        model=MODEL,
        version=VERSION,
        artifact_digest=ARTIFACT,
        environment="production",
        standing=Standing.NOT_PERMITTED,
        standing_note="Two clauses of the policy are not met and one is unknown. The version may not run in production.",
        printed_at=PRINTED,
        printed_by="Françoise Lefèvre, compliance officer",
        decision=_decision(),
        about=_about(),
        evidence=evidence,
        checklist=build_checklist(),
        approvals=_approvals(),
        acceptances=_acceptances(),
        deployments=(
            DeploymentContent(
                environment="staging",
                status="Running",
                digest=ARTIFACT,
                reported_by="serving-eu-central-1",
                reported_at=PRINTED - timedelta(days=2),
                entry=4188,
            ),
        ),
        monitoring=(
            MonitoringReport(
                period="2026-11-21 to 2026-11-28, staging",
                received_at=PRINTED - timedelta(days=1),
                source="monitoring-eu-central-1",
                rows=18_442,
                digest=digest("monitoring"),
                findings=(
                    Fact(label="Outcomes known", value="1,204 of 18,442 rows"),
                    Fact(label="Accuracy on known outcomes", value=0.8031),
                ),
                entry=4190,
            ),
        ),
        trail=_trail(),
        permit=PermitContent(
            facts=(
                Fact(label="Subject, SHA-256", value=ARTIFACT, digest=True),
                Fact(label="Environment", value="staging"),
                Fact(label="Issued", value=PRINTED - timedelta(days=2)),
                Fact(label="Key", value="SHA256:" + digest("key")[:43]),
            ),
            statement=STATEMENT,
        ),
        attachments=(
            Attachment(
                name="bundle.json",
                description="Entries of the trail with inclusion proofs and the checkpoint",
                content=json.dumps({"format": "countersign/bundle/v1", "entries": list(range(200))}).encode(),
            ),
            Attachment(
                name="permit.dsse.json",
                description="The signed permit",
                content=json.dumps({"payload": base64.b64encode(STATEMENT.encode()).decode()}).encode(),
            ),
            *(
                Attachment(
                    name=f"evidence-{section.digest[:12]}.json",
                    description=section.title,
                    content=json.dumps({"title": section.title}).encode(),
                    relationship=Relationship.SOURCE,
                )
                for section in evidence
            ),
        ),
    )


def _decision() -> DecisionContent:
    met, not_met, unknown = Outcome.MET, Outcome.NOT_MET, Outcome.UNKNOWN
    return DecisionContent(
        allowed=False,
        action="Deploy",
        sentence="Denied, because the impact ratio for women under 30 is below its threshold, one checklist section is unsigned, and robustness was never measured.",
        decided_at=PRINTED - timedelta(minutes=4),
        asked_by="ci-deployer (service)",
        policy=PolicyReference(title="Credit decisions, tier 1", version="3", digest=digest("policy")),
        reference="01JDZ6W4M8T3Y5Q9R2K7V1B0XC",
        entry=4192,
        clauses=(
            Clause(
                number="1",
                title="Performance is measured on evaluation data",
                outcome=met,
                reason="ROC AUC is 0.8642, at least 0.80.",
                value=0.8642,
                threshold="≥ 0.80",
            ),
            Clause(
                number="2",
                title="No group is selected much less often than the most selected one",
                outcome=not_met,
                reason="The impact ratio of the group sex = female, age = under 30 is 0.7312, below 0.80.",
                value=0.7312,
                threshold="≥ 0.80",
                next_step="Mitigate and register a new version, or have the risk accepted by the risk officer.",
                owner="Zoë Müller-Lüdenscheidt",
            ),
            Clause(
                number="3",
                title="Equalized odds difference is within its limit",
                outcome=met,
                reason="The difference is 0.0712, at most 0.10.",
                value=0.0712,
                threshold="≤ 0.10",
            ),
            Clause(
                number="4",
                title="Robustness was measured",
                outcome=unknown,
                reason="No evidence of kind robustness exists for this artifact.",
                threshold="present",
                next_step="Run the robustness assessment.",
                owner="Validator",
            ),
            Clause(
                number="5",
                title="Every section of the checklist is signed off",
                outcome=not_met,
                reason="5 of 7 sections carry a valid sign-off; one is stale, one is missing.",
                value="5 of 7",
                threshold="7 of 7",
                next_step="Sign section 7 and sign section 2 again.",
                owner="Compliance officer",
            ),
            Clause(
                number="6",
                title="Two different people approved, neither of them the owner or the registrant",
                outcome=met,
                reason="The validator and the compliance officer approved.",
                value=2,
                threshold="≥ 2",
            ),
        ),
    )


def _about() -> ModelContent:
    names = "numpy pandas scikit-learn scipy joblib threadpoolctl python-dateutil six tzdata pyarrow cryptography requests urllib3 certifi charset-normalizer idna typing-extensions packaging setuptools pip"
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
        purpose="Predicts whether a customer with a running installment credit will fall into arrears within 90 days, so that an adviser can offer a change of terms in time. It must not be used to refuse or terminate a credit.",
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
            ArtifactContent(
                name="model.skops", sha256=ARTIFACT, size=4_812_338, media_type="application/octet-stream"
            ),
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
            LineageStep(
                kind="Version", items=(Fact(label=f"{MODEL} @ {VERSION}", value=ARTIFACT, digest=True),)
            ),
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
                alt="Observed share of arrears against mean predicted probability in ten bins; the points follow the diagonal closely.",
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
        summary="Women under 30 are selected 27% less often than the most selected group; all differences by sex alone are within their limits.",
        digest=digest("fairness"),
        entry=4102,
        flags=(
            "The group sex = female, age = 65 and over has 14 rows, fewer than the 30 that a conclusion needs; its figures are shown and decide nothing.",
            "The interval of the impact ratio for sex = female, age = 30 to 49 crosses 0.80: inconclusive, which is not passed.",
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


def _approvals() -> tuple[ApprovalContent, ...]:
    subject = f"{MODEL} @ {VERSION} with its evidence, checklist and policy"
    meaning = "I have reviewed the version, its evidence and its open points independently of its makers, and I approve it for production under the policy named."
    return (
        ApprovalContent(
            stage="Validation",
            outcome="Approved",
            owner="Validator",
            signature=Signature(
                signer="Søren Kierkegård",
                role="Validator, second line",
                signed_at=START + timedelta(days=4),
                meaning=meaning,
                subject=subject,
                digest=digest("subject"),
                method="Password and one-time code, entered for this signature",
                comment="Approved with the remark that the group of women under 30 should be watched monthly.",
                entry=4150,
            ),
        ),
        ApprovalContent(
            stage="Compliance",
            outcome="Approved",
            owner="Compliance officer",
            signature=Signature(
                signer="Françoise Lefèvre",
                role="Compliance officer",
                signed_at=START + timedelta(days=5),
                meaning=meaning,
                subject=subject,
                digest=digest("subject"),
                method="Security key, used for this signature",
                entry=4171,
            ),
        ),
        ApprovalContent(
            stage="Board committee for model risk", outcome="Waiting", owner="Chair of the committee"
        ),
    )


def _acceptances() -> tuple[RiskAcceptance, ...]:
    return (
        RiskAcceptance(
            risk="Figures for women aged 65 and over rest on 14 rows",
            residual="Low",
            treatment="Collect outcomes for six months, then measure again.",
            expires_at=PRINTED + timedelta(days=180),
            owner="Risk officer",
            signature=Signature(
                signer="Nguyễn Thị Minh Khai",
                role="Risk officer",
                signed_at=START + timedelta(days=4, hours=3),
                meaning="I accept the residual risk as described, until the date stated.",
                subject="Risk R-31, residual assessment 2",
                digest=digest("risk"),
                method="Password and one-time code, entered for this signature",
                entry=4160,
            ),
        ),
    )


def _trail() -> TrailContent:
    kinds = [
        "registry.version.registered",
        "audits.evidence.recorded",
        "governance.question.answered",
        "governance.section.signed_off",
        "governance.approval.granted",
        "governance.decision.made",
    ]
    entries = tuple(
        TrailEntry(
            index=4100 + step * 2,
            time=START + timedelta(hours=3 * step),
            kind=kinds[step % len(kinds)],
            actor=["Zoë Müller-Lüdenscheidt", "worker", "ci-deployer (service)"][step % 3],
            subject=f"version {MODEL} @ {VERSION}",
            reason="Answer completed after the discussion with the data office" if step % 4 == 2 else "",
            leaf_hash=digest(f"leaf {step}"),
        )
        for step in range(40)
    )
    note = f"countersign.kreditanstalt.example/trail\n4193\n{base64.b64encode(bytes.fromhex(digest('root'))).decode()}\n\n— countersign.kreditanstalt.example/trail {base64.b64encode(bytes.fromhex(digest('sig1') + digest('sig2') + '00112233')).decode()}\n"
    return TrailContent(
        entries=entries,
        checkpoint=CheckpointContent(
            origin="countersign.kreditanstalt.example/trail",
            size=4193,
            root=digest("root"),
            issued_at=PRINTED - timedelta(minutes=1),
            note=note,
        ),
        checks=(
            ("Each of the 40 entries below is included under the root of the checkpoint.", True),
            ("The checkpoint's signature is valid under the log's key.", True),
            ("The present rows of every governed table are those that the log says.", True),
            ("Every artifact's bytes still have the digest that was registered.", True),
        ),
        verified_at=PRINTED - timedelta(seconds=40),
        keys=(
            Fact(
                label="Key of the log",
                value="countersign.kreditanstalt.example/trail+1a2b3c4d+"
                + base64.b64encode(bytes.fromhex("01" + digest("public"))).decode(),
            ),
        ),
        commands=(
            (
                "The entries and the checkpoint",
                "python -m audits.merkle verify bundle.json --key 'countersign.kreditanstalt.example/trail+1a2b3c4d+AQ…'",
            ),
            (
                "The permit",
                f"python -m governance.permits verify permit.dsse.json --key permit-key.pem --digest sha256:{ARTIFACT} --environment staging",
            ),
            (
                "This document",
                "sha256sum dossier.pdf   # compare with the digest in the trail's entry governance.dossier.printed",
            ),
        ),
    )
