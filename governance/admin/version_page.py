"""Everything an officer's page about one version says, read in a fixed number of queries.

Shows what stands and what the gate would say; computes no policy and changes nothing.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from audits.admin.history import Line, collapsed, history_of, names_of
from audits.admin.panels import (
    Fact,
    Panel,
    Table,
    Value,
    code,
    digest,
    fact,
    folded,
    mark,
    number,
    prose,
    size,
    text,
    time,
)
from audits.admin.past import past_link
from audits.admin.records import read_record
from audits.admin.trail_status import trail_status
from audits.admin.verbs import Occasion
from audits.models import Evidence
from audits.trail.act import subject_of
from governance.admin.checklist_view import approval_stages, names_of_answerers, section_views
from governance.admin.refusals import approver_role, file_of, to_answer, to_sign
from governance.admin.standing_view import standings_of
from governance.services.signed_content import VersionFile, acceptance_digest
from registry.models import ModelVersion
from registry.services.assessments import MEASUREMENTS

# How many of each kind the page shows; the lists show all.
SHOWN = 10
# What the head of the page tells of the past.
RECENT = 4


def page_of(request: HttpRequest, occasion: Occasion) -> dict[str, Any]:
    """The page's context. ``occasion.row`` comes with model, owner, registrant and training data."""
    version: ModelVersion = occasion.row
    file = file_of(occasion)
    context: dict[str, Any] = {
        "version": version,
        "standings": standings_of(version),
        "identity": _identity(version),
        "lineage": _lineage(version),
        "later": _later(version),
        "decides": bool(approver_role(occasion)),
    }
    if file is not None:
        context.update(
            file=file,
            records=[read_record(kept) for kept in sorted(file.evidence, key=_reading_order)],
            sections=_sections(occasion, file),
            stages=approval_stages(file),
            approvals=list(reversed(file.approvals)),
            acceptances=_acceptances(file),
        )
    if request.user.has_perm("audits.view_trail"):
        history = history_of(subject_of(version))
        context.update(
            trail=trail_status(),
            history=history,
            rehashed=sum(line.intact for line in history),
            recent=_recent(history),
            past=past_link(version),
            history_url=f"{reverse('admin:audits_entry_changelist')}?q={subject_of(version)}",
        )
    return context


def _reading_order(evidence: Evidence) -> int:
    """How well it does, for whom, why; whatever else is measured comes after."""
    kind = evidence.measurement
    return MEASUREMENTS.index(kind) if kind in MEASUREMENTS else len(MEASUREMENTS)


def _recent(history: Sequence[Line]) -> list[Line]:
    return collapsed(history)[:RECENT]


def _identity(version: ModelVersion) -> list[Fact]:
    model, data = version.model, version.training_data
    facts = [
        fact("Artifact, SHA-256", digest(version.artifact_digest)),
        fact("Model", text(model.title, url=reverse("admin:registry_registeredmodel_change", args=[model.pk]))),
        fact("Owner", f"{model.owner.name}, {model.business_unit}"),
        fact("Risk tier", model.get_risk_tier_display()),
        fact(
            "Trained on",
            text(data, url=reverse("admin:registry_datasetversion_change", args=[data.pk]))
            if data is not None
            else text("no registered dataset"),
        ),
        fact("Registered by", version.registered_by.name),
        fact("Registered", time(version.registered_at)),
        fact("Purpose", prose(model.intended_purpose)),
    ]
    if model.retired_at is not None:
        facts.insert(0, fact("Retired", time(model.retired_at)))
    return facts


def _lineage(version: ModelVersion) -> Panel:
    packages = ", ".join(f"{name} {number}" for name, number in sorted(version.packages.items()))
    return Panel(
        title="How it came to be",
        facts=[
            fact("Artifact", text(f"{version.artifact_name} ({version.artifact_format})")),
            fact("Size", size(version.artifact_size)),
            fact("Framework", f"{version.framework} {version.framework_version}".strip()),
            fact("Source commit", code(version.source_commit) if version.source_commit else text("not stated")),
            fact("Parameters", prose(_pairs(version.parameters))),
            fact("Metrics, as the registrant stated them", prose(_pairs(version.metrics))),
            fact("Packages", folded(packages, f"{len(version.packages)} packages, with exact versions")),
            fact("Notes", prose(version.notes or "none")),
        ],
    )


def _pairs(values: dict[str, object]) -> str:
    return "; ".join(f"{name} {value}" for name, value in sorted(values.items())) or "not stated"


def _sections(occasion: Occasion, file: VersionFile) -> list[dict[str, Any]]:
    """Each section with the two verbs on it, or why they are not for this person."""
    names = names_of_answerers(file)
    pk = occasion.row.pk
    return [
        {
            "view": view,
            "answer_url": reverse("admin:registry_modelversion_answer", args=[pk, view.section.id]),
            "answer_refusal": to_answer(occasion, view.section),
            "sign_url": reverse("admin:registry_modelversion_sign", args=[pk, view.section.id]),
            "sign_refusal": to_sign(occasion, view.section),
        }
        for view in section_views(file, names)
    ]


def _acceptances(file: VersionFile) -> list[dict[str, Any]]:
    return [
        {"given": given, "current": given.signed_digest == acceptance_digest(file, given.topic)}
        for given in reversed(file.acceptances)
    ]


def _later(version: ModelVersion) -> list[Panel]:
    """What happened after: assessments, the gate's answers, deployments, predictions, dossiers."""
    decisions = list(version.decisions.select_related("environment")[: SHOWN + 1])
    names = names_of(decision.actor for decision in decisions)
    return [
        _panel(
            "Assessments",
            version.assessments.select_related("dataset", "requested_by"),
            ("", "On", "Measurements", "Asked for by", "When"),
            lambda row: (
                mark(*_STATUS.get(row.status, ("note", row.status)), url=_to(row)),
                text(row.dataset),
                text(", ".join(row.measurements)),
                text(row.requested_by.name),
                time(row.requested_at),
            ),
            "Nobody has asked for an assessment.",
        ),
        _panel(
            "The gate's answers",
            decisions,
            ("", "Environment", "Action", "Asked by", "When"),
            lambda row: (
                mark("met" if row.allowed else "unmet", row.status.capitalize(), url=_to(row)),
                text(row.environment.title if row.environment else row.asked.get("environment", "")),
                text(row.action),
                text(names.get(row.actor, row.actor)),
                time(row.decided_at),
            ),
            "The gate was not asked about this version.",
        ),
        _panel(
            "Deployments",
            version.deployments.select_related("environment", "reported_by"),
            ("", "Environment", "Artifact reported", "Reported by", "When"),
            lambda row: (
                mark("note", row.status.capitalize(), url=_to(row)),
                text(row.environment.title),
                digest(row.digest),
                text(row.reported_by.name),
                time(row.reported_at),
            ),
            "Serving has reported no deployment of this version.",
        ),
        _panel(
            "Batches of predictions",
            version.prediction_batches.select_related("environment", "reported_by"),
            ("Rows", "With outcome", "Environment", "Reported by", "When"),
            lambda row: (
                Value(value=row.rows, kind="number", url=_to(row)),
                number(row.rows_with_outcome),
                text(row.environment.title),
                text(row.reported_by.name),
                time(row.reported_at),
            ),
            "Monitoring has sent no predictions of this version.",
        ),
        _panel(
            "Dossiers",
            version.dossiers.select_related("environment", "printed_by"),
            ("Status on the cover", "Environment", "PDF, SHA-256", "Printed by", "When"),
            lambda row: (
                text(row.status, url=_to(row)),
                text(row.environment.title),
                digest(row.digest),
                text(row.printed_by.name),
                time(row.printed_at),
            ),
            "No dossier of this version was printed.",
        ),
        _panel(
            "Dossiers ordered",
            version.dossier_orders.exclude(status="succeeded").select_related("environment", "ordered_by"),
            ("", "Environment", "Problem", "Ordered by", "When"),
            lambda row: (
                mark(*_STATUS.get(row.status, ("note", row.status))),
                text(row.environment.title),
                prose(row.problem),
                text(row.ordered_by.name),
                time(row.ordered_at),
            ),
            "No order waits or failed.",
        ),
    ]


_STATUS = {
    "queued": ("open", "Queued"),
    "running": ("open", "Running"),
    "succeeded": ("met", "Succeeded"),
    "failed": ("unmet", "Failed"),
}


def _to(row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def _panel(title: str, rows: "QuerySet[Any] | list[Any]", head: Sequence[str], row_of: Any, empty: str) -> Panel:
    found = list(rows[: SHOWN + 1])
    more = f"The latest {SHOWN}; the list has all." if len(found) > SHOWN else ""
    return Panel(
        title=title, table=Table(head=head, rows=[row_of(row) for row in found[:SHOWN]], empty=empty), note=more
    )
