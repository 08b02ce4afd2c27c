"""What a dossier says, as plain values: gathered from the records by a service, printed by the templates.

Must never import Django or look anything up. Every time is aware and every digest is lower-case hexadecimal,
with or without the name of its algorithm before a colon.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from audits.documents.attachments import Attachment
from audits.documents.formatting import Cell
from governance.dossiers.blocks import Fact, Figure, Signature, Table


class Standing(StrEnum):
    """Whether the version may run in the environment, at the time of printing."""

    PERMITTED = "Permitted"
    NOT_PERMITTED = "Not permitted"
    WITHDRAWN = "Permit withdrawn"
    EXPIRED = "Permit expired"


class Outcome(StrEnum):
    """The three values of a rule; unknown never passes."""

    MET = "Met"
    NOT_MET = "Not met"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One clause of the policy as it was evaluated. ``value`` and ``threshold`` as the policy states them."""

    number: str
    title: str
    outcome: Outcome
    reason: str
    value: Cell = None
    threshold: Cell = None
    next_step: str = ""
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class PolicyReference:
    title: str
    version: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class DecisionContent:
    """The decision on which the standing rests. ``sentence`` is what it comes to, in words.

    Not ``made``: nobody asked for one, and ``decided_at`` is when the policy was evaluated last.
    """

    allowed: bool
    action: str
    sentence: str
    decided_at: datetime
    asked_by: str
    policy: PolicyReference
    clauses: tuple[Clause, ...]
    reference: str = ""
    entry: int | None = None
    made: bool = True


@dataclass(frozen=True, kw_only=True)
class ArtifactContent:
    name: str
    sha256: str
    size: int
    media_type: str = ""


@dataclass(frozen=True, kw_only=True)
class SchemaColumn:
    name: str
    type: str
    sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetContent:
    """``role`` is what the data was used for: training, evaluation."""

    role: str
    name: str
    version: str
    digest: str
    rows: int
    columns: tuple[SchemaColumn, ...]
    source: str = ""
    target: str = ""

    @property
    def sensitive(self) -> tuple[SchemaColumn, ...]:
        return tuple(column for column in self.columns if column.sensitive)


@dataclass(frozen=True, kw_only=True)
class LineageStep:
    """One station on the way from data to deployment: ``kind`` ("Dataset"), and what stands there."""

    kind: str
    items: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True)
class ModelContent:
    """The model and the version. ``packages`` are (name, exact version)."""

    owner: str
    business_unit: str
    purpose: str
    risk_tier: str
    framework: str
    registered_by: str
    registered_at: datetime
    source_commit: str
    parameters: tuple[Fact, ...] = ()
    metrics: tuple[Fact, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    artifacts: tuple[ArtifactContent, ...] = ()
    datasets: tuple[DatasetContent, ...] = ()
    lineage: tuple[LineageStep, ...] = ()
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class EvidenceSection:
    """One record of evidence. ``flags`` are what a reader must know before trusting the numbers."""

    title: str
    summary: str
    digest: str
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    flags: tuple[str, ...] = ()
    entry: int | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with its answer, or without: then ``owner`` is who has to answer it."""

    number: str
    text: str
    owner: str
    blocking: bool = False
    answer: str = ""
    comment: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None
    evidence: tuple[str, ...] = ()

    @property
    def missing(self) -> bool:
        return not self.answer


@dataclass(frozen=True, kw_only=True)
class ChecklistSection:
    """``signatory`` is the role that must sign the section off."""

    title: str
    signatory: str
    questions: tuple[Question, ...]
    sign_off: Signature | None = None

    @property
    def answered(self) -> int:
        return sum(not question.missing for question in self.questions)


@dataclass(frozen=True, kw_only=True)
class ChecklistContent:
    title: str
    version: str
    digest: str
    sections: tuple[ChecklistSection, ...]


@dataclass(frozen=True, kw_only=True)
class ApprovalContent:
    """A stage of the approval: ``outcome`` in a word ("Approved", "Waiting"), ``owner`` who is awaited."""

    stage: str
    outcome: str
    owner: str
    signature: Signature | None = None


@dataclass(frozen=True, kw_only=True)
class RiskAcceptance:
    risk: str
    residual: str
    treatment: str
    expires_at: datetime | None
    signature: Signature | None
    owner: str


@dataclass(frozen=True, kw_only=True)
class DeploymentContent:
    environment: str
    status: str
    digest: str
    reported_by: str
    reported_at: datetime
    entry: int | None = None


@dataclass(frozen=True, kw_only=True)
class MonitoringReport:
    """A batch that monitoring sent in: what it covered, when it was received, and what it showed."""

    period: str
    received_at: datetime
    source: str
    rows: int
    digest: str
    findings: tuple[Fact, ...] = ()
    entry: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrailEntry:
    index: int
    time: datetime
    kind: str
    actor: str
    subject: str
    leaf_hash: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckpointContent:
    """A signed C2SP checkpoint; ``note`` is the whole signed note as published."""

    origin: str
    size: int
    root: str
    issued_at: datetime
    note: str


@dataclass(frozen=True, kw_only=True)
class TrailContent:
    """``checks`` are (what was checked, did it hold) at ``verified_at``; ``commands`` (purpose, command).

    ``waiting`` acts were committed but not in the log yet.
    """

    entries: tuple[TrailEntry, ...]
    checkpoint: CheckpointContent
    checks: tuple[tuple[str, bool], ...]
    verified_at: datetime
    commands: tuple[tuple[str, str], ...]
    keys: tuple[Fact, ...] = ()
    waiting: int = 0

    @property
    def intact(self) -> bool:
        """True when something was checked and all of it held."""
        return bool(self.checks) and all(held for _, held in self.checks)


@dataclass(frozen=True, kw_only=True)
class PermitContent:
    """The permit: ``statement`` is the signed payload laid out for reading; the exact bytes are enclosed."""

    facts: tuple[Fact, ...]
    statement: str


@dataclass(frozen=True, kw_only=True)
class DossierContent:
    """Everything that one dossier prints."""

    reference: str
    organization: str
    confidentiality: str
    model: str
    version: str
    artifact_digest: str
    environment: str
    standing: Standing
    standing_note: str
    printed_at: datetime
    printed_by: str
    decision: DecisionContent
    about: ModelContent
    evidence: tuple[EvidenceSection, ...]
    checklist: ChecklistContent
    approvals: tuple[ApprovalContent, ...]
    acceptances: tuple[RiskAcceptance, ...]
    deployments: tuple[DeploymentContent, ...]
    monitoring: tuple[MonitoringReport, ...]
    trail: TrailContent
    permit: PermitContent | None
    attachments: tuple[Attachment, ...] = ()
