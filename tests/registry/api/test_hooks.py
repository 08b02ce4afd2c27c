"""The hooks of serving and monitoring: deployments, and batches of predictions that are whole or leave nothing."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from django.http import HttpResponse

from audits.artifacts import store
from registry.models import Deployment, Intake, PredictionBatch
from registry.tasks import take_in
from tests.clients import client_of, make_version
from tests.database import Database

DEPLOYMENTS = "/api/v1/deployments"
PREDICTIONS = "/api/v1/models/churn/versions/1/predictions"
LINES = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"


def report(data: bytes, *, media_type: str = LINES, environment: str = "production", **headers: str) -> HttpResponse:
    query = f"?environment={environment}" if environment else ""
    return client_of("service").send("POST", PREDICTIONS + query, data, media_type, **headers)


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def test_a_deployment_is_kept_with_the_version_that_its_digest_names(office: Database) -> None:
    version = make_version()
    body = {"environment": "production", "digest": f"sha256:{version.artifact_digest}", "reference": "pod-7"}
    response = client_of("service").post(DEPLOYMENTS, body)
    assert response.status_code == 201, response.content
    found = json.loads(response.content)
    assert (found["recognized"], found["model"], found["version"]) == (True, "churn", 1)
    assert found["receipt"]
    listed = json.loads(client_of("auditor").get(DEPLOYMENTS).content)["results"]
    assert [deployment["id"] for deployment in listed] == [found["id"]]


def test_a_deployment_of_something_unknown_is_kept_as_such(office: Database) -> None:
    response = client_of("service").post(DEPLOYMENTS, {"environment": "production", "digest": "e" * 64})
    found = json.loads(response.content)
    assert (response.status_code, found["recognized"], found["model"]) == (201, False, None)


def test_a_bad_report_of_a_deployment_is_refused(office: Database) -> None:
    digest = "e" * 64
    for body, status in [
        ({"environment": "moon", "digest": digest}, 404),
        ({"environment": "production", "digest": "12"}, 400),
        ({"environment": "production", "digest": 12}, 400),
        ({"environment": "production"}, 400),
        ({"environment": "production", "digest": digest, "status": "flying"}, 400),
        ({"environment": "production", "digest": digest, "decision": "no id"}, 400),
        ({"environment": "production", "digest": digest, "reference": "x" * 201}, 400),
        ({"environment": "production", "digest": digest, "image": "x"}, 400),
        ([], 400),
        (None, 400),
    ]:
        assert client_of("service").post(DEPLOYMENTS, body).status_code == status, body
    assert not Deployment.objects.exists()


def test_a_batch_of_json_lines_is_counted_and_kept(office: Database) -> None:
    make_version()
    data = b'{"prediction": 1, "outcome": 0, "age": 44}\n\n{"prediction": "no", "outcome": null}\n{"prediction": 0.3}'
    response = report(data, **{"X-Content-SHA256": hashlib.sha256(data).hexdigest()})
    assert response.status_code == 201, response.content
    found = json.loads(response.content)
    assert (found["rows"], found["rows_with_outcome"]) == (3, 1)
    assert found["columns"] == ["prediction", "outcome", "age"]
    assert store.read(found["digest"]) == data
    again = json.loads(report(data).content)
    assert (again["id"], again["receipt"]) == (found["id"], None)


def test_one_bad_line_refuses_the_batch_and_is_named(office: Database, own_directories: Path) -> None:
    make_version()
    good = b'{"prediction": 1}\n'
    before = _files(own_directories)
    for bad in (
        b"{",
        b"[1]",
        b'{"outcome": 1}',
        b'{"prediction": null}',
        b'{"prediction": [1]}',
        b'{"prediction": 1, "outcome": {}}',
        b'{"prediction": NaN}',
        b'{"prediction": 1, "prediction": 2}',
        b'{"prediction": 1, "\\u0000": 2}',
        b'{"prediction": "\xff"}',
        b'{"prediction": "' + b"x" * 2_000_000 + b'"}',
        b'{"prediction": 1' + b"".join(b', "c%d": 1' % n for n in range(1001)) + b"}",
    ):
        response = report(good * 2 + bad + b"\n" + good)
        assert response.status_code == 400, bad[:60]
        assert "line 3" in json.loads(response.content)["detail"], response.content
    assert not PredictionBatch.objects.exists()
    assert _files(own_directories) == before


def test_a_batch_that_is_not_what_was_announced_is_refused(office: Database, own_directories: Path) -> None:
    make_version()
    before = _files(own_directories)
    data = b'{"prediction": 1}\n' * 100
    path = f"{PREDICTIONS}?environment=production"
    cut = client_of("service").send_cut_off(path, data[:-18], len(data), LINES)
    assert (cut.status_code, json.loads(cut.content)["code"]) == (422, "upload_incomplete")
    other = report(data, **{"X-Content-SHA256": "0" * 64})
    assert (other.status_code, json.loads(other.content)["code"]) == (422, "digest_mismatch")
    assert report(b"").status_code == 415
    assert report(b"\n\n").status_code == 400
    assert report(data, environment="").status_code == 400
    assert report(data, environment="moon").status_code == 404
    assert report(data, media_type="text/csv").status_code == 415
    assert not PredictionBatch.objects.exists()
    assert _files(own_directories) - before <= {path for path in _files(own_directories) if path.stat().st_size <= 2}


def test_a_parquet_batch_is_kept_at_once_and_counted_by_a_worker(office: Database) -> None:
    make_version()
    response = report(parquet(prediction=[1, 0, 1], outcome=[1, None, None]), media_type=PARQUET)
    assert response.status_code == 202, response.content
    assert not PredictionBatch.objects.exists()
    take_in(intake_id=json.loads(response.content)["id"])
    batch = PredictionBatch.objects.get()
    assert (batch.rows, batch.rows_with_outcome, batch.columns) == (3, 1, ["prediction", "outcome"])
    listed = json.loads(client_of("auditor").get(PREDICTIONS).content)["results"]
    assert [found["id"] for found in listed] == [str(batch.pk)]


def test_a_parquet_batch_without_predictions_fails_and_says_why(office: Database) -> None:
    make_version()
    for data, word in [
        (parquet(score=[1]), "no column prediction"),
        (parquet(prediction=[1, None]), "have no prediction"),
        (b"PAR1 nothing more", "predictions.parquet"),
        (b'{"prediction": 1}', "something else"),
    ]:
        response = report(data, media_type=PARQUET)
        take_in(intake_id=json.loads(response.content)["id"])
        intake = Intake.objects.get(pk=json.loads(response.content)["id"])
        assert intake.status == "failed"
        assert word in intake.problem, intake.problem
    assert not PredictionBatch.objects.exists()


def _files(folder: Path) -> set[Path]:
    return {path for path in (folder / "artifacts").rglob("*") if path.is_file()}
