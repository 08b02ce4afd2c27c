"""Models and versions over HTTP: registering, and uploads that are whole or leave nothing."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from audits.artifacts import store
from registry.models import ModelVersion, RegisteredModel
from tests.clients import ARTIFACT, client_of, make_version
from tests.database import Database

MODELS = "/api/v1/models"
VERSIONS = f"{MODELS}/churn/versions"
METADATA = {"artifact_format": "skops", "framework": "scikit-learn", "packages": {"scikit-learn": "1.9.1"}}


def registration(**changes: object) -> dict[str, object]:
    plain = {"name": "scoring", "business_unit": "Retail", "intended_purpose": "Credit.", "risk_tier": "high"}
    return {**plain, **changes}


def send(
    artifact: bytes = b"another", metadata: Any = METADATA, headers: dict[str, str] | None = None, **more: Any
) -> HttpResponse:
    text = metadata if isinstance(metadata, str | bytes) else json.dumps(metadata)
    fields = {"artifact": SimpleUploadedFile("dir/model.skops", artifact), "metadata": text, **more}
    return client_of("owner").upload(VERSIONS, fields, **(headers or {}))


def form(artifact: bytes) -> bytes:
    return (
        b'--cut\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
        + json.dumps(METADATA).encode()
        + b'\r\n--cut\r\nContent-Disposition: form-data; name="artifact"; filename="m"\r\n\r\n'
        + artifact
        + b"\r\n--cut--\r\n"
    )


def test_a_model_is_registered_once_and_belongs_to_whoever_registers_it(office: Database) -> None:
    client = client_of("owner")
    response = client.post(MODELS, registration())
    assert response.status_code == 201, response.content
    found = json.loads(response.content)
    assert (found["owner"], found["risk_tier"]) == ("olivia", "high")
    assert found["receipt"]
    assert json.loads(client.get(response.headers["Location"]).content)["id"] == found["id"]
    assert client.post(MODELS, registration()).status_code == 409


def test_what_is_no_registration_is_refused_field_by_field(office: Database) -> None:
    client = client_of("owner")
    for changes, status in [
        ({"name": "With Spaces"}, 400),
        ({"name": 7}, 400),
        ({"name": ""}, 400),
        ({"name": "x" * 101}, 400),
        ({"risk_tier": "enormous"}, 400),
        ({"business_unit": ["Retail"]}, 400),
        ({"intended_purpose": None}, 400),
        ({"owner": "nobody"}, 404),
        ({"owner": "victor"}, 400),
        ({"risk": "high"}, 400),
    ]:
        response = client.post(MODELS, registration(**changes))
        assert response.status_code == status, (changes, response.content)
        assert response.headers["Content-Type"] == "application/problem+json"
    assert not RegisteredModel.objects.exists()


def test_bodies_that_are_no_json_objects_are_refused(office: Database) -> None:
    client = client_of("owner")
    for body in (b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"name":"a\\u0000"}', b'{"a":1e999}', b"[" * 9000):
        assert client.send("POST", MODELS, body).status_code == 400, body[:40]
    assert client.send("POST", MODELS, b'{"name":"' + b"x" * 10_000_000 + b'"}').status_code == 413
    assert client.send("POST", MODELS, b"<xml/>", "application/xml").status_code == 415
    assert (
        client.send("POST", MODELS, b"{}", **{"Transfer-Encoding": "chunked", "Content-Length": ""}).status_code == 411
    )


def test_a_version_is_registered_with_its_artifact(office: Database) -> None:
    make_version()
    response = send(artifact=b"bytes", sha256=f"sha256:{hashlib.sha256(b'bytes').hexdigest()}")
    assert response.status_code == 201, response.content
    found = json.loads(response.content)
    assert found["number"] == 2
    assert found["artifact_digest"] == hashlib.sha256(b"bytes").hexdigest()
    assert found["artifact_name"] == "model.skops"
    assert found["packages"] == {"scikit-learn": "1.9.1"}
    assert store.read(found["artifact_digest"]) == b"bytes"
    assert json.loads(client_of("auditor").get(response.headers["Location"]).content)["id"] == found["id"]


def test_bytes_that_are_not_the_announced_ones_are_refused_and_not_kept(office: Database) -> None:
    make_version()
    announced = "0" * 64
    for response in (send(sha256=announced), send(headers={"X-Content-SHA256": announced})):
        assert (response.status_code, json.loads(response.content)["code"]) == (422, "digest_mismatch")
    assert send(headers={"X-Content-SHA256": "no digest"}).status_code == 400
    assert ModelVersion.objects.count() == 1
    assert not store.exists(hashlib.sha256(b"another").hexdigest())


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.9999])
def test_an_upload_cut_off_half_way_leaves_nothing(office: Database, own_directories: Path, kept: float) -> None:
    make_version()
    before = _files(own_directories)
    body = form(b"x" * 100_000)
    part = body[: int(len(body) * kept)]
    content_type = "multipart/form-data; boundary=cut"
    response = client_of("owner").send_cut_off(VERSIONS, part, len(body), content_type)
    assert (response.status_code, json.loads(response.content)["code"]) == (422, "upload_incomplete")
    # Nor one whose length is that of the part: the last boundary is missing.
    response = client_of("owner").send("POST", VERSIONS, part, content_type)
    assert response.status_code == 400, response.content
    assert ModelVersion.objects.count() == 1
    assert _files(own_directories) == before


def test_metadata_that_is_not_what_it_should_be_is_refused(office: Database, own_directories: Path) -> None:
    make_version()
    before = _files(own_directories)
    for metadata in (
        "",
        "{",
        "[]",
        b'{"artifact_format":"sk\xff","framework":"x"}',
        {"artifact_format": "skops"},
        {**METADATA, "artifact_format": "sk\0ops"},
        {**METADATA, "frame_work": "x"},
        {**METADATA, "packages": {"scikit-learn": 1.9}},
        {**METADATA, "parameters": [1]},
        {**METADATA, "training_data": {"name": "patients", "number": -1}},
        {**METADATA, "training_data": "patients"},
    ):
        response = send(metadata=metadata)
        assert response.status_code == 400, (metadata, response.content)
    assert send(metadata={**METADATA, "training_data": {"name": "patients", "number": 1}}).status_code == 404
    assert client_of("owner").upload(VERSIONS, {"metadata": json.dumps(METADATA)}).status_code == 400
    assert send(artifact=b"").status_code == 400
    assert send(sha256="short").status_code == 400
    assert ModelVersion.objects.count() == 1
    assert _files(own_directories) == before


def test_an_upload_beyond_the_limit_is_refused(office: Database, settings: Any, own_directories: Path) -> None:
    make_version()
    before = _files(own_directories)
    settings.UPLOAD_LIMIT_BYTES = 1000
    assert send(artifact=b"x" * 1001).status_code == 413
    settings.UPLOAD_LIMIT_BYTES = -(2**30)
    assert send(artifact=b"x").status_code == 413
    assert _files(own_directories) == before


def test_what_does_not_exist_is_said_to_be_missing(office: Database) -> None:
    make_version()
    client = client_of("owner")
    for path in (
        "/api/v1/models/none",
        "/api/v1/models/none/versions",
        "/api/v1/models/churn/versions/2",
        "/api/v1/models/churn/versions/99999999999999999999",
        "/api/v1/nothing",
        "/api/v1/models/",
        "/api/v2/models",
    ):
        response = client.get(path)
        assert response.status_code == 404, path
        assert response.headers["Content-Type"] == "application/problem+json", path
    for path in ("/api/v1/models/chu%00rn", "/api/v1/decisions?model=%00"):
        assert client.get(path).status_code == 400, path


def test_lists_come_in_pages(office: Database) -> None:
    version = make_version()
    make_version("another", artifact=ARTIFACT)
    client = client_of("auditor")
    page = json.loads(client.get(f"{MODELS}?page_size=1").content)
    assert (page["count"], len(page["results"])) == (2, 1)
    assert page["next"]
    assert client.get(f"{MODELS}?page=9").status_code == 404
    versions = json.loads(client.get(VERSIONS).content)["results"]
    assert [found["id"] for found in versions] == [str(version.pk)]


def _files(folder: Path) -> set[Path]:
    return {path for path in (folder / "artifacts").rglob("*") if path.is_file()}
