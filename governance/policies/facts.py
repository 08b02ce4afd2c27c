"""The catalogue of facts that a policy may ask about: name, type, unit, wording, and where each comes from.

A name never changes its type or meaning and never leaves: past decisions are run again against it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from governance.policies.values import FactType


class Origin(StrEnum):
    """The kind of record that a fact is read from."""

    EVIDENCE = "evidence"
    CHECKLIST = "checklist"
    APPROVAL = "approval"
    ACCEPTANCE = "acceptance"
    REGISTRY = "registry"


@dataclass(frozen=True, kw_only=True)
class FactDefinition:
    """What is known about a fact before any version has it.

    ``title`` is a noun phrase in lower case. Facts that are true or false have ``when_true`` and
    ``when_false`` instead of a value: sentences without capital and full stop. ``provided_by`` is the role
    that can mend its absence. An ``estimate`` is measured on a sample, so that a threshold asks for its
    confidence interval too. ``choices`` are the only texts that a policy may compare it with; empty means
    any.
    """

    name: str
    type: FactType
    title: str
    origin: Origin
    provided_by: str
    unit: str = ""
    when_true: str = ""
    when_false: str = ""
    estimate: bool = False
    choices: tuple[str, ...] = ()


class Catalogue(Mapping[str, FactDefinition]):
    """Fact definitions by name, in the order they were given."""

    def __init__(self, *definitions: FactDefinition) -> None:
        self._definitions = {definition.name: definition for definition in definitions}
        if len(self._definitions) != len(definitions):
            raise ValueError("A fact is defined twice.")

    def __getitem__(self, name: str) -> FactDefinition:
        return self._definitions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)


def _yes_or_no(
    name: str, origin: Origin, provided_by: str, *, title: str, when_true: str, when_false: str
) -> FactDefinition:
    return FactDefinition(
        name=name,
        type=FactType.BOOL,
        title=title,
        origin=origin,
        provided_by=provided_by,
        when_true=when_true,
        when_false=when_false,
    )


def _count(name: str, origin: Origin, provided_by: str, title: str, unit: str) -> FactDefinition:
    return FactDefinition(name=name, type=FactType.INT, title=title, origin=origin, provided_by=provided_by, unit=unit)


def _measured(name: str, title: str, *, unit: str = "", estimate: bool = True) -> FactDefinition:
    return FactDefinition(
        name=name,
        type=FactType.DECIMAL,
        title=title,
        origin=Origin.EVIDENCE,
        provided_by="owner",
        unit=unit,
        estimate=estimate,
    )


def _text(name: str, origin: Origin, provided_by: str, title: str, choices: tuple[str, ...] = ()) -> FactDefinition:
    return FactDefinition(
        name=name, type=FactType.TEXT, title=title, origin=origin, provided_by=provided_by, choices=choices
    )


def _evidence_present(kind: str, what: str) -> FactDefinition:
    return _yes_or_no(
        f"evidence.{kind}.present",
        Origin.EVIDENCE,
        "owner",
        title=f"presence of {kind} evidence",
        when_true=f"{what} was measured on the artifact of this version",
        when_false=f"{what} was not measured on the artifact of this version",
    )


def _approval_valid(role: str, whose: str) -> FactDefinition:
    return _yes_or_no(
        f"approvals.{role}.valid",
        Origin.APPROVAL,
        role,
        title=f"approval by a {whose}",
        when_true=f"a {whose} has approved this version and the approval still holds",
        when_false=f"no {whose} holds a valid approval of this version",
    )


_REGISTRY = (
    _yes_or_no(
        "artifact.present",
        Origin.REGISTRY,
        "owner",
        title="presence of the artifact",
        when_true="the artifact lies in the store",
        when_false="the artifact is missing from the store",
    ),
    _yes_or_no(
        "artifact.digest_matches",
        Origin.REGISTRY,
        "owner",
        title="agreement of artifact and digest",
        when_true="the stored artifact has the digest that was registered",
        when_false="the stored artifact does not have the digest that was registered",
    ),
    _yes_or_no(
        "dataset.registered",
        Origin.REGISTRY,
        "owner",
        title="registration of the training data",
        when_true="the training data is a registered dataset version",
        when_false="the training data is not a registered dataset version",
    ),
    FactDefinition(
        name="dataset.sensitive_attributes",
        type=FactType.TEXT_SET,
        title="set of sensitive attributes declared for the data",
        origin=Origin.REGISTRY,
        provided_by="owner",
    ),
    _count("dataset.rows", Origin.REGISTRY, "owner", "number of rows in the training data", "rows"),
    _text(
        "model.risk_tier",
        Origin.REGISTRY,
        "risk_officer",
        "risk tier of the model",
        ("low", "medium", "high", "critical"),
    ),
    _yes_or_no(
        "model.retired",
        Origin.REGISTRY,
        "owner",
        title="retirement of the model",
        when_true="the model is retired",
        when_false="the model is in use or in preparation, not retired",
    ),
    _text("version.artifact_format", Origin.REGISTRY, "owner", "format of the artifact"),
    _text("version.framework", Origin.REGISTRY, "owner", "framework of the version"),
    FactDefinition(
        name="version.registered_at",
        type=FactType.TIMESTAMP,
        title="time of registration of the version",
        origin=Origin.REGISTRY,
        provided_by="owner",
    ),
    _text("request.environment", Origin.REGISTRY, "owner", "environment that was asked for"),
)

_EVIDENCE = (
    _evidence_present("performance", "performance"),
    _evidence_present("fairness", "fairness"),
    _evidence_present("explainability", "explainability"),
    _text(
        "performance.task",
        Origin.EVIDENCE,
        "owner",
        "task of the model",
        ("classification", "regression"),
    ),
    _count("performance.rows", Origin.EVIDENCE, "owner", "number of rows it was measured on", "rows"),
    _measured("performance.accuracy", "accuracy"),
    _measured("performance.accuracy_low", "lower confidence bound of the accuracy", estimate=False),
    _measured("performance.roc_auc", "ROC AUC"),
    _measured("performance.rmse", "root mean squared error", unit="in units of the target"),
    _measured("performance.r2", "coefficient of determination (R²)"),
    _measured("fairness.impact_ratio_min", "smallest impact ratio of any group"),
    _measured(
        "fairness.impact_ratio_low_confidence",
        "lower confidence bound of the smallest impact ratio",
        estimate=False,
    ),
    _measured("fairness.demographic_parity_difference_max", "largest demographic parity difference"),
    _measured("fairness.equalized_odds_difference_max", "largest equalized odds difference"),
    _count("fairness.small_groups", Origin.EVIDENCE, "owner", "number of groups too small to judge", "groups"),
    _text(
        "fairness.verdict",
        Origin.EVIDENCE,
        "owner",
        "verdict of the fairness measurement",
        ("passed", "failed", "inconclusive"),
    ),
    FactDefinition(
        name="fairness.attributes_unmeasured",
        type=FactType.TEXT_SET,
        title="set of declared sensitive attributes without a fairness measurement",
        origin=Origin.EVIDENCE,
        provided_by="owner",
    ),
    _measured("explainability.additivity_gap", "largest additivity gap of the explanations", estimate=False),
)

_PEOPLE = (
    _yes_or_no(
        "fairness.accepted",
        Origin.ACCEPTANCE,
        "risk_officer",
        title="acceptance of the measured disparity",
        when_true="a risk officer accepts the measured disparity, by a signed acceptance that still holds",
        when_false="no risk officer accepts the measured disparity",
    ),
    _count(
        "checklist.blocking_open",
        Origin.CHECKLIST,
        "owner",
        "number of blocking questions without a satisfying answer",
        "questions",
    ),
    _count("checklist.sections_signed", Origin.CHECKLIST, "validator", "number of sections signed", "sections"),
    _count(
        "checklist.sections_total",
        Origin.CHECKLIST,
        "owner",
        "number of sections of the checklist",
        "sections",
    ),
    _count(
        "checklist.sections_unsigned",
        Origin.CHECKLIST,
        "validator",
        "number of sections without a signature",
        "sections",
    ),
    _count(
        "checklist.sections_stale",
        Origin.CHECKLIST,
        "validator",
        "number of sections changed since they were signed",
        "sections",
    ),
    _approval_valid("validator", "validator"),
    _approval_valid("compliance_officer", "compliance officer"),
    _count(
        "approvals.distinct_people",
        Origin.APPROVAL,
        "compliance_officer",
        "number of different people whose approval holds",
        "people",
    ),
    _count(
        "approvals.by_owner_or_registrant",
        Origin.APPROVAL,
        "compliance_officer",
        "number of approvals given by the owner or the registrant of the version",
        "approvals",
    ),
)

CATALOGUE = Catalogue(*_REGISTRY, *_EVIDENCE, *_PEOPLE)
"""Every fact of this release."""
