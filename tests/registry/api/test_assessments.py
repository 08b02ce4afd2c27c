"""Assessments and evidence over HTTP: requested here, measured by a worker, read byte for byte."""

import hashlib
import json
from typing import Any

from django.utils import timezone

from audits.artifacts import store
from audits.merkle.canonical import canonical_bytes
from audits.models import Evidence
from audits.services.evidence import MeasuredRecord, record_evidence
from audits.trail import Actor
from registry.models import Assessment, DatasetVersion, ModelVersion
from registry.services.inventory import TableDescription, register_dataset
from tests.clients import client_of, make_version
from tests.database import Database
from tests.people import acting, person

ASSESSMENTS = "/api/v1/models/churn/versions/1/assessments"
FIGURE = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def make_dataset() -> DatasetVersion:
    columns = [{"name": name, "type": "integer", "missing": 0, "distinct": 2} for name in ("age", "late")]
    return register_dataset(
        actor=acting(person("owner")),
        name="loans",
        file_name="loans.csv",
        media_type="text/csv",
        source="The books.",
        content=store.put_bytes(b"age,late\n1,0\n2,1\n"),
        table=TableDescription(columns=columns, row_count=2, target_column="late"),
    )


def make_evidence(version: ModelVersion) -> Evidence:
    figure = {"name": "groups", "title": "Groups", "alt": "Bars.", "sha256": hashlib.sha256(FIGURE).hexdigest()}
    document: dict[str, Any] = {
        "format": "countersign/evidence/v1",
        "measurement": "fairness",
        "title": "Fairness",
        "subject": {"kind": "registry.modelversion", "id": str(version.pk), "digest": version.artifact_digest},
        "results": {"impact_ratio": "0.9"},
        "flags": [],
        "figures": [figure],
    }
    digest = hashlib.sha256(canonical_bytes(document)).hexdigest()
    measured = MeasuredRecord(document=document, digest=digest, figures={"groups": FIGURE})
    return record_evidence(
        actor=Actor.system("test"),
        measured=measured,
        dataset_digest="0" * 64,
        origin="test",
        measured_at=timezone.now(),
    )


def wanted(**changes: object) -> dict[str, object]:
    return {"dataset": {"name": "loans", "number": 1}, "measurements": ["performance"], **changes}


def test_an_assessment_is_queued_and_can_be_followed(office: Database) -> None:
    make_version()
    make_dataset()
    response = client_of("validator").post(ASSESSMENTS, wanted(parameters={"threshold": 0.4}))
    assert response.status_code == 202, response.content
    found = json.loads(response.content)
    assert (found["status"], found["dataset"], bool(found["receipt"])) == (
        "queued",
        {"name": "loans", "number": 1},
        True,
    )
    assert json.loads(client_of("auditor").get(response.headers["Location"]).content)["id"] == found["id"]
    (listed,) = json.loads(client_of("auditor").get(ASSESSMENTS).content)["results"]
    assert listed["id"] == found["id"]


def test_what_cannot_be_measured_is_refused(office: Database) -> None:
    make_version()
    make_dataset()
    for changes, status in [
        ({"dataset": {"name": "loans", "number": 2}}, 404),
        ({"dataset": {"name": "loans"}}, 400),
        ({"dataset": "loans"}, 400),
        ({"measurements": []}, 400),
        ({"measurements": ["beauty"]}, 400),
        ({"parameters": {"target": "default"}}, 400),
        ({"parameters": [1]}, 400),
        ({"speed": "high"}, 400),
    ]:
        assert client_of("owner").post(ASSESSMENTS, wanted(**changes)).status_code == status, changes
    assert not Assessment.objects.exists()


def test_evidence_is_read_with_its_record_and_figures_as_they_were_stored(office: Database) -> None:
    evidence = make_evidence(make_version())
    reader = client_of("auditor")
    (listed,) = json.loads(reader.get("/api/v1/models/churn/versions/1/evidence").content)["results"]
    assert listed["digest"] == evidence.digest
    shown = json.loads(reader.get(f"/api/v1/evidence/{evidence.digest}").content)
    assert shown["results"] == {"impact_ratio": "0.9"}
    record = reader.get(f"/api/v1/evidence/{evidence.digest}/record")
    assert hashlib.sha256(record.content).hexdigest() == evidence.record_digest
    figure = reader.get(f"/api/v1/evidence/{evidence.digest}/figures/groups", Accept="image/svg+xml")
    assert figure.content == FIGURE
    assert figure.headers["Content-Type"] == "image/svg+xml"
    assert figure.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert reader.get(f"/api/v1/evidence/{evidence.digest}/figures/other").status_code == 404
