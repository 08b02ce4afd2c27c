"""Gathers the facts that policies ask about, for one version in one environment, each with its source and its time.

A fact that is not known is left out, never guessed: unknown never passes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from audits.artifacts import store
from audits.errors import DomainError
from audits.models import Evidence
from governance.checklists.templates import Question
from governance.models import AnswerChoice
from governance.policies.facts import Origin
from governance.policies.snapshots import Fact, FactSnapshot, Source
from governance.policies.values import FactValue, exact_decimal
from governance.services.signed_content import (
    APPROVER_ROLES,
    VersionFile,
    acceptance_digest,
    approval_is_valid,
    latest_approval,
    latest_sign_off,
    own_people,
    section_is_signed,
    signer_may,
)
from registry.models import DatasetVersion, Environment

# How long a re-hash of the artifact holds before the next computation hashes it again.
REHASH_AFTER = timedelta(hours=24)


def gather_facts(file: VersionFile, *, at: datetime, before: FactSnapshot | None) -> FactSnapshot:
    """The facts as they are at this time, whatever the environment; ``before`` is an earlier snapshot."""
    facts: dict[str, Fact] = {}
    for part in (
        _registry(file, at),
        _artifact(file, at, before),
        _performance(file),
        _fairness(file),
        _explainability(file),
        _checklist(file, at),
        _people(file, at),
    ):
        facts.update(part)
    return FactSnapshot(facts)


def in_environment(facts: FactSnapshot, file: VersionFile, environment: Environment, at: datetime) -> FactSnapshot:
    """The facts with the environment that is asked for."""
    asked = Source(kind=Origin.REGISTRY, reference=str(environment.pk), title=f"the environment {environment}")
    return FactSnapshot({**facts.facts, "request.environment": Fact(value=environment.name, source=asked, as_of=at)})


def acceptance_holds(file: VersionFile, topic: str, at: datetime) -> datetime | None:
    """Until when a valid, current acceptance of a topic holds; None where there is none."""
    wanted = acceptance_digest(file, topic)
    ends = [
        acceptance.expires_at
        for acceptance in file.acceptances
        if acceptance.topic == topic
        and acceptance.signed_digest == wanted
        and acceptance.expires_at > at
        and signer_may(file, acceptance)
    ]
    return max(ends, default=None)


def _registry(file: VersionFile, at: datetime) -> Iterator[tuple[str, Fact]]:
    version, model = file.version, file.version.model
    known = Source(kind=Origin.REGISTRY, reference=str(version.pk), title=f"the registration of {version}")
    data = version.training_data
    yield "dataset.registered", Fact(value=data is not None, source=known, as_of=version.registered_at)
    if data is not None:
        table = Source(kind=Origin.REGISTRY, reference=data.digest, title=f"dataset {data}")
        yield "dataset.rows", Fact(value=data.row_count, source=table, as_of=data.registered_at)
        yield (
            "dataset.sensitive_attributes",
            Fact(value=frozenset(data.sensitive_columns), source=table, as_of=data.registered_at),
        )
    yield "version.framework", Fact(value=version.framework, source=known, as_of=version.registered_at)
    yield (
        "version.registered_at",
        Fact(value=version.registered_at, source=known, as_of=version.registered_at),
    )
    inventory = Source(kind=Origin.REGISTRY, reference=str(model.pk), title=f"the inventory's record of {model.name}")
    yield "model.risk_tier", Fact(value=model.risk_tier, source=inventory, as_of=at)
    yield "model.retired", Fact(value=model.retired_at is not None, source=inventory, as_of=at)


def _artifact(file: VersionFile, at: datetime, before: FactSnapshot | None) -> Iterator[tuple[str, Fact]]:
    digest = file.version.artifact_digest
    kept = Source(kind=Origin.REGISTRY, reference=digest, title="the stored artifact")
    present = store.exists(digest)
    yield "artifact.present", Fact(value=present, source=kept, as_of=at)
    if not present:
        return
    earlier = before.get("artifact.digest_matches") if before is not None else None
    if earlier is not None and earlier.value is True and at - earlier.as_of < REHASH_AFTER:
        yield "artifact.digest_matches", earlier
        return
    try:
        store.check(digest)
        matches = True
    except DomainError:
        matches = False
    yield "artifact.digest_matches", Fact(value=matches, source=kept, as_of=at)


def _newest(file: VersionFile, measurement: str) -> Evidence | None:
    return next((kept for kept in file.evidence if kept.measurement == measurement), None)


def _source(evidence: Evidence) -> Source:
    return Source(kind=Origin.EVIDENCE, reference=evidence.digest, title=evidence.title)


def _presence(file: VersionFile, measurement: str) -> Iterator[tuple[str, Fact]]:
    found = _newest(file, measurement)
    if found is not None:
        yield (
            f"evidence.{measurement}.present",
            Fact(value=True, source=_source(found), as_of=found.measured_at),
        )
    else:
        version = file.version
        known = Source(kind=Origin.REGISTRY, reference=str(version.pk), title=f"the evidence kept about {version}")
        yield f"evidence.{measurement}.present", Fact(value=False, source=known, as_of=version.registered_at)


def _measured(evidence: Evidence, value: object) -> Fact | None:
    """A measured value of a record: an object with ``value`` and, where estimated, ``low`` and ``high``."""
    if not isinstance(value, Mapping) or not isinstance(value.get("value"), int | float):
        return None
    low, high = value.get("low"), value.get("high")
    bounds = (low, high) if isinstance(low, int | float) and isinstance(high, int | float) else None
    return Fact(
        value=exact_decimal(value["value"]),
        source=_source(evidence),
        as_of=evidence.measured_at,
        low=exact_decimal(bounds[0]) if bounds else None,
        high=exact_decimal(bounds[1]) if bounds else None,
    )


def _plain(evidence: Evidence, value: FactValue) -> Fact:
    return Fact(value=value, source=_source(evidence), as_of=evidence.measured_at)


def _performance(file: VersionFile) -> Iterator[tuple[str, Fact]]:
    yield from _presence(file, "performance")
    found = _newest(file, "performance")
    if found is None:
        return
    results = found.results
    yield (
        "performance.task",
        _plain(found, "classification" if "confusion_matrix" in results else "regression"),
    )
    yield "performance.rows", _plain(found, int(results["n"]))
    for name in ("accuracy", "roc_auc", "rmse", "r2"):
        fact = _measured(found, results.get(name))
        if fact is not None:
            yield f"performance.{name}", fact
            if name == "accuracy" and fact.low is not None:
                yield "performance.accuracy_low", _plain(found, fact.low)


def _fairness(file: VersionFile) -> Iterator[tuple[str, Fact]]:
    yield from _presence(file, "fairness")
    found = _newest(file, "fairness")
    if found is None:
        return
    comparisons = found.results["comparisons"]
    groups = [group for comparison in comparisons for group in comparison["groups"]]
    ratios = [fact for group in groups if (fact := _measured(found, group["impact_ratio"])) is not None]
    if ratios:
        worst = _extreme(ratios, min)
        yield "fairness.impact_ratio_min", worst
        if worst.low is not None:
            yield "fairness.impact_ratio_low_confidence", _plain(found, worst.low)
    for name in ("demographic_parity_difference", "equalized_odds_difference"):
        facts = [fact for one in comparisons if (fact := _measured(found, one[name])) is not None]
        undefined = any(one[name].get("rests_on_undefined") for one in comparisons)
        if facts and not undefined:  # A difference that takes an undefined rate as 0 is not known.
            yield f"fairness.{name}_max", _extreme(facts, max)
    yield "fairness.small_groups", _plain(found, sum(1 for group in groups if group["small"]))
    # One group alone shows no difference: that is not a measurement of the attribute.
    measured = {one["columns"][0] for one in comparisons if one["kind"] == "single" and len(one["groups"]) > 1}
    yield "fairness.attributes_unmeasured", _plain(found, frozenset(_declared(file, found) - measured))


def _extreme(facts: Sequence[Fact], pick: Callable[[Iterable[Decimal]], Decimal]) -> Fact:
    """The least (or greatest) of estimates, and of the bounds of all of them: none hides behind another's point."""
    values = [fact.value for fact in facts if isinstance(fact.value, Decimal)]
    bounded = [(fact.low, fact.high) for fact in facts if fact.low is not None and fact.high is not None]
    complete = len(bounded) == len(facts)
    return replace(
        facts[0],
        value=pick(values),
        low=pick([low for low, _ in bounded]) if complete else None,
        high=pick([high for _, high in bounded]) if complete else None,
    )


def _declared(file: VersionFile, found: Evidence) -> set[str]:
    """Sensitive attributes declared for the data it was trained on or measured on."""
    tables = list(DatasetVersion.objects.filter(digest=found.dataset_digest))
    if file.version.training_data is not None:
        tables.append(file.version.training_data)
    return {column for table in tables for column in table.sensitive_columns}


def _explainability(file: VersionFile) -> Iterator[tuple[str, Fact]]:
    yield from _presence(file, "explainability")
    found = _newest(file, "explainability")
    if found is None:
        return
    fact = _measured(found, {"value": found.results["additivity"]["maximal_gap"]})
    if fact is not None:
        yield "explainability.additivity_gap", fact


def open_blocking_questions(file: VersionFile) -> list[Question]:
    """Blocking questions without an answer, or answered with no, in the order of the checklist."""
    settled = {
        answer.question for answer in file.answers if answer.choice in (AnswerChoice.YES, AnswerChoice.NOT_APPLICABLE)
    }
    return [q for q in file.checklist.template if q.blocking and q.id not in settled]


def _checklist(file: VersionFile, at: datetime) -> Iterator[tuple[str, Fact]]:
    template = file.checklist.template
    read = Source(kind=Origin.CHECKLIST, reference=file.checklist.digest, title=f"checklist {file.checklist}")
    blocking = open_blocking_questions(file)
    signed = [section for section in template.sections if section_is_signed(file, section)]
    ever = [section for section in template.sections if latest_sign_off(file, section) is not None]
    for name, count in (
        ("blocking_open", len(blocking)),
        ("sections_total", len(template.sections)),
        ("sections_signed", len(signed)),
        ("sections_unsigned", len(template.sections) - len(ever)),
        ("sections_stale", len(ever) - len(signed)),
    ):
        yield f"checklist.{name}", Fact(value=count, source=read, as_of=at)


def _people(file: VersionFile, at: datetime) -> Iterator[tuple[str, Fact]]:
    read = Source(kind=Origin.APPROVAL, reference=str(file.version.pk), title=f"the approvals of {file.version}")
    valid = [role for role in APPROVER_ROLES if approval_is_valid(file, role)]
    for role in APPROVER_ROLES:
        yield f"approvals.{role}.valid", Fact(value=role in valid, source=read, as_of=at)
    latest = [approval for role in APPROVER_ROLES if (approval := latest_approval(file, role)) is not None]
    people = {approval.signer_id for approval in latest if approval.role in valid}
    yield "approvals.distinct_people", Fact(value=len(people), source=read, as_of=at)
    own = sum(1 for approval in latest if approval.signer_id in own_people(file.version))
    yield "approvals.by_owner_or_registrant", Fact(value=own, source=read, as_of=at)
    until = acceptance_holds(file, "fairness", at)
    accepted = Source(
        kind=Origin.ACCEPTANCE, reference=str(file.version.pk), title=f"risks accepted for {file.version}"
    )
    yield "fairness.accepted", Fact(value=until is not None, source=accepted, as_of=at)
