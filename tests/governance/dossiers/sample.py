"""A full dossier as a bank might print it: long names, holes, a stale signature, letters of many kinds."""

import base64
import json
from datetime import timedelta
from functools import cache

from audits.documents import Attachment, Relationship
from governance.dossiers.blocks import Fact, Signature
from governance.dossiers.content import (
    ApprovalContent,
    CheckpointContent,
    Clause,
    DecisionContent,
    DeploymentContent,
    DossierContent,
    MonitoringReport,
    Outcome,
    PermitContent,
    PolicyReference,
    RiskAcceptance,
    Standing,
    TrailContent,
    TrailEntry,
)
from tests.governance.dossiers.sample_checklist import build_checklist
from tests.governance.dossiers.sample_evidence import build_evidence
from tests.governance.dossiers.sample_model import build_about
from tests.governance.dossiers.sample_names import ARTIFACT, MODEL, PRINTED, START, VERSION, digest

STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": MODEL, "digest": {"sha256": ARTIFACT}}],
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {"verificationResult": "PASSED", "resourceUri": "countersign:environment/production"},
    },
    indent=2,
)


@cache
def build_sample() -> DossierContent:
    evidence = build_evidence()
    return DossierContent(
        reference="D-2026-0117",
        organization="Kreditanstalt Überlingen & Söhne AG",
        confidentiality="Confidential",
        model=MODEL,
        version=VERSION,
        artifact_digest=ARTIFACT,
        environment="production",
        standing=Standing.NOT_PERMITTED,
        standing_note="Two clauses of the policy are not met and one is unknown. The version may not run "
        "in production.",
        printed_at=PRINTED,
        printed_by="Françoise Lefèvre, compliance officer",
        decision=_decision(),
        about=build_about(),
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
        sentence="Denied, because the impact ratio for women under 30 is below its threshold, one "
        "checklist section is unsigned, and robustness was never measured.",
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


def _approvals() -> tuple[ApprovalContent, ...]:
    subject = f"{MODEL} @ {VERSION} with its evidence, checklist and policy"
    meaning = (
        "I have reviewed the version, its evidence and its open points independently of its "
        "makers, and I approve it for production under the policy named."
    )
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
                comment="Approved; the group of women under 30 should be watched monthly.",
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
        ApprovalContent(stage="Board committee for model risk", outcome="Waiting", owner="Chair of the committee"),
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
    origin = "countersign.kreditanstalt.example/trail"
    root = base64.b64encode(bytes.fromhex(digest("root"))).decode()
    signed = base64.b64encode(bytes.fromhex("00112233" + digest("sig1") + digest("sig2"))).decode()
    note = f"{origin}\n4193\n{root}\n\n— {origin} {signed}\n"
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
                "python -m audits.merkle verify bundle.json --key "
                "'countersign.kreditanstalt.example/trail+1a2b3c4d+AQ…'",
            ),
            (
                "The permit",
                "python -m governance.permits verify permit.dsse.json --key permit-key.pem --digest "
                f"sha256:{ARTIFACT} --environment staging",
            ),
            (
                "This document",
                "sha256sum dossier.pdf   # compare with the digest in the trail's entry governance.dossier.printed",
            ),
        ),
    )
