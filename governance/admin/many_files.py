"""The files of many versions at once, in a fixed number of queries: for pages that look over all of them.

Must read exactly what ``governance.services.signed_content.read_file`` reads for one; a test compares the two.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db import models

from audits.models import Evidence
from governance.models import Approval, ChecklistAnswer, PolicyAssignment, RiskAcceptance, SignOff
from governance.services.signed_content import DECIDING_ENVIRONMENT, VersionFile, with_signers
from registry.models import ModelVersion
from registry.services.assessments import evidence_of_each

Row = TypeVar("Row", bound=models.Model)


def read_files(versions: Sequence[ModelVersion]) -> list[VersionFile]:
    """One file for each version, which come with their model and training data; none where no rules are assigned."""
    assignment = (
        PolicyAssignment.objects.select_related("policy", "checklist")
        .filter(environment__name=DECIDING_ENVIRONMENT)
        .first()
    )
    if assignment is None or not versions:
        return []
    checklist = assignment.checklist
    about: dict[str, Any] = {"version__in": versions}
    under: dict[str, Any] = {**about, "checklist": checklist}
    evidence = _evidence(versions)
    answers = _by_version(ChecklistAnswer.objects.filter(**under).order_by("question"))
    sign_offs = _by_version(with_signers(SignOff.objects.filter(**under)))
    approvals = _by_version(with_signers(Approval.objects.filter(**about)))
    acceptances = _by_version(with_signers(RiskAcceptance.objects.filter(**about)))
    return [
        VersionFile(
            version=version,
            checklist=checklist,
            policy_digest=assignment.policy.digest,
            evidence=evidence[version.pk],
            answers=answers[version.pk],
            sign_offs=sign_offs[version.pk],
            approvals=approvals[version.pk],
            acceptances=acceptances[version.pk],
        )
        for version in versions
    ]


def _by_version(rows: Iterable[Row]) -> dict[object, list[Row]]:
    found: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.version_id].append(row)  # type: ignore[attr-defined]
    return found


def _evidence(versions: Sequence[ModelVersion]) -> dict[object, list[Evidence]]:
    """The newest of each kind about each version's very artifact, by kind."""
    found = evidence_of_each(versions)
    return defaultdict(list, {version.pk: found[version.pk] for version in versions})
