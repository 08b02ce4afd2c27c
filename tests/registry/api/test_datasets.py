"""Datasets over HTTP: the web process keeps the bytes, a worker reads them, and the intake says what became of it."""

import json
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from pytest_django import Settings

from registry.models import DatasetVersion, Intake
from registry.tasks import take_in
from tests.clients import client_of
from tests.database import Database
from tests.people import acting, person

DATASETS = "/api/v1/datasets"
TABLE = b"age,sex,late\n31,f,0\n45,m,1\n52,f,1\n"
METADATA = {"name": "loans", "source": "The books.", "sensitive_columns": ["sex"], "target_column": "late"}


def send(content: bytes = TABLE, name: str = "loans.csv", **changes: Any) -> HttpResponse:
    fields = {"file": SimpleUploadedFile(name, content), "metadata": json.dumps({**METADATA, **changes})}
    return client_of("owner").upload(DATASETS, fields)


def become(response: HttpResponse) -> dict[str, Any]:
    """Do the worker's job, and ask what became of the upload."""
    assert response.status_code == 202, response.content
    intake = json.loads(response.content)
    assert (intake["status"], bool(intake["receipt"])) == ("queued", True)
    take_in(intake_id=intake["id"])
    found: dict[str, Any] = json.loads(client_of("owner").get(response.headers["Location"]).content)
    return found


def test_a_table_becomes_a_dataset_with_its_columns_counted(office: Database) -> None:
    intake = become(send())
    assert intake["status"] == "succeeded", intake
    dataset = json.loads(client_of("auditor").get(intake["result_url"]).content)
    assert (dataset["name"], dataset["number"], dataset["row_count"]) == ("loans", 1, 3)
    assert dataset["columns"][1] == {"name": "sex", "type": "text", "missing": 0, "distinct": 2}
    assert dataset["sensitive_columns"] == ["sex"]
    assert dataset["registered_by"] == "olivia"


def test_a_job_that_runs_twice_registers_once(office: Database) -> None:
    response = send()
    become(response)
    take_in(intake_id=json.loads(response.content)["id"])
    assert DatasetVersion.objects.count() == 1


def test_an_upload_during_which_the_worker_ended_is_tried_once_more_and_then_given_up(office: Database) -> None:
    for attempts, status in ((1, "succeeded"), (2, "failed")):
        intake = Intake.objects.get(pk=json.loads(send().content)["id"])
        take_in(intake_id=str(intake.pk), begun_before=attempts)
        intake.refresh_from_db()
        assert intake.status == status, intake.problem
    assert "The worker ended 2 times while it read loans.csv" in intake.problem
    assert DatasetVersion.objects.count() == 1


def test_a_table_that_needs_too_much_memory_fails_and_the_worker_lives(office: Database, settings: Settings) -> None:
    settings.MEASUREMENT_MEMORY_BYTES = 60 << 20
    intake = become(send())
    assert intake["status"] == "failed"
    assert "memory" in intake["problem"]


def test_the_same_bytes_again_are_the_same_dataset(office: Database) -> None:
    assert become(send())["result"] == become(send())["result"]


def test_a_table_that_cannot_be_taken_says_why(office: Database) -> None:
    for content, name, changes, word in [
        (TABLE, "loans.csv", {"sensitive_columns": ["gender"]}, "'gender'"),
        (TABLE, "loans.csv", {"target_column": "default"}, "'default'"),
        (b"\x00\x01\x02", "loans.csv", {}, "loans.csv"),
        (b"caf\xe9,b\n1,2\n", "loans.csv", {}, "loans.csv"),
        (b"a,a\n1,2\n", "loans.csv", {}, "more than one column"),
        (b"a,b\n", "loans.csv", {}, "no rows"),
        (b"PAR1 and then it was cut off", "loans.parquet", {}, "loans.parquet"),
        (TABLE, "loans.parquet", {}, "something else"),
    ]:
        intake = become(send(content, name, **changes))
        assert intake["status"] == "failed", (content, changes)
        assert word in intake["problem"], intake["problem"]
    assert not DatasetVersion.objects.exists()


def test_what_is_no_upload_is_refused_at_once(office: Database) -> None:
    for response in (
        send(b""),
        send(name="loans.xls"),
        send(source=None),
        send(name="loans.csv", sensitive_columns="sex"),
        send(media_type="text/plain"),
        client_of("owner").upload(DATASETS, {"metadata": json.dumps(METADATA)}),
        client_of("owner").upload(DATASETS, {"file": SimpleUploadedFile("a.csv", TABLE)}),
        client_of("owner").upload(DATASETS, {"file": "a,b", "metadata": json.dumps(METADATA)}),
        client_of("owner").upload(
            DATASETS,
            {"file": SimpleUploadedFile("a.csv", TABLE), "metadata": json.dumps({**METADATA, "name": "Of Loans"})},
        ),
    ):
        assert response.status_code == 400, response.content
    assert not Intake.objects.exists()


def test_a_sender_who_may_no_longer_gets_nothing_registered(office: Database) -> None:
    from governance.services.people import assign_roles

    response = send()
    assign_roles(actor=acting(person("compliance_officer")), account=person("owner"), roles=[], reason="Leaves.")
    take_in(intake_id=json.loads(response.content)["id"])
    intake = Intake.objects.get()
    assert (intake.status, DatasetVersion.objects.count()) == ("failed", 0)


def test_a_file_changed_in_the_store_is_not_taken(office: Database, own_directories: Path) -> None:
    response = send()
    (path,) = (path for path in (own_directories / "artifacts").rglob("*") if path.is_file())
    path.chmod(0o600)
    path.write_bytes(TABLE.replace(b"52", b"25"))
    intake = become(response)
    assert intake["status"] == "failed"
    assert "changed on disk" in intake["problem"]
