"""The past over HTTP: ?as_of=, what ran in production and who had approved it, a model with everything about it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.errors import DomainError
from audits.models import Entry
from audits.trail import moments
from governance.models import Approval
from governance.services import review
from governance.services.past import model_with_everything
from governance.services.running import in_production
from registry.models import Environment, ModelVersion, RegisteredModel
from registry.services import inventory, operations
from tests.clients import ApiClient, client_of
from tests.database import Database
from tests.governance.admin.office import Office, sign_as
from tests.people import acting, person


def read(client: ApiClient, path: str, status: int = 200) -> Any:
    response = client.get(f"/api/v1/{path}")
    assert response.status_code == status, response.content
    return json.loads(response.content)


def approve(version: ModelVersion) -> None:
    for role in ("validator", "compliance_officer"):
        review.decide_version(
            actor=acting(person(role)),
            version=version,
            role=role,
            verdict="approved",
            meaning="I approve it.",
            authentication=sign_as(role),
        )


def report(
    version: ModelVersion, status: str = "deployed", reference: str = "", environment: str = "production"
) -> None:
    operations.report_deployment(
        actor=acting(person("service")),
        environment=Environment.objects.get(name=environment),
        digest=version.artifact_digest,
        status=status,
        reference=reference,
    )


def test_a_model_is_answered_as_it_was_with_what_the_answer_rests_on(
    at_work: Office, at_work_database: Database
) -> None:
    then = moments.now()
    model = RegisteredModel.objects.get()
    inventory.retire_model(actor=acting(person("owner")), model=model, reason="Old.")
    at_work_database.sequence()
    reader = client_of("auditor")
    before, after = read(reader, f"models/scoring?as_of=entry:{then.entry}"), read(reader, "models/scoring")
    assert before["as_of"] == {"entry": then.entry, "checkpoint": then.size, "time": None}
    assert before["retired_at"] is None
    assert after["retired_at"] is not None
    assert {**before, "as_of": None, "retired_at": None} == {**after, "as_of": None, "retired_at": None}
    assert read(reader, f"models/scoring?as_of=checkpoint:{then.size}")["as_of"]["entry"] == then.entry


def test_every_read_address_that_looks_back_says_of_now_what_it_says_without(at_work: Office) -> None:
    reader = client_of("auditor")
    size = moments.now().size
    version = "models/scoring/versions/1"
    lists = (
        "models", "models/scoring/versions", "datasets", "environments", "deployments", f"{version}/assessments",
        f"{version}/approvals",
    )  # fmt: skip
    for path in lists:
        now, then = read(reader, path), read(reader, f"{path}?as_of=checkpoint:{size}")
        assert then["results"] == now["results"], path
        assert then["count"] == now["count"]
    for path in ("models/scoring", version, "datasets/applications/versions/1", f"assessments/{at_work.assessment}"):
        then = read(reader, f"{path}?as_of=checkpoint:{size}")
        del then["as_of"]
        assert then == read(reader, path), path
    standing = read(reader, f"{version}/standing?as_of=checkpoint:{size}")
    assert standing["results"] == read(reader, f"{version}/standing")


def test_before_the_first_entry_nothing_was_there(at_work: Office) -> None:
    reader = client_of("auditor")
    assert read(reader, "models?as_of=2001-01-01")["results"] == []
    assert read(reader, "models?as_of=2001-01-01")["as_of"]["entry"] is None
    for path in ("models/scoring", "models/scoring/versions/1", f"assessments/{at_work.assessment}"):
        assert read(reader, f"{path}?as_of=2001-01-01", 404)["code"] == "not_found"


@pytest.mark.parametrize("asked", ["", "soon", "entry:x", "entry:99999", "checkpoint:99999", "2999-01-01", "1;DROP"])
def test_nonsense_and_the_future_are_bad_requests_in_words(at_work: Office, asked: str) -> None:
    answer = read(client_of("auditor"), f"models?as_of={asked}", 400)
    assert answer["code"] == "no_such_moment"
    assert "Traceback" not in answer["detail"]


def test_an_address_that_cannot_look_back_never_answers_about_the_present_instead(at_work: Office) -> None:
    reader = client_of("auditor")
    for path in ("decisions", "trail/entries", "models/scoring/versions/1/checklist"):
        assert "present only" in read(reader, f"{path}?as_of=2001-01-01", 400)["detail"]
    answer = client_of("owner").post("/api/v1/models?as_of=entry:1", {})
    assert answer.status_code == 400


def test_what_ran_in_production_and_who_had_approved_it_is_one_statement(
    at_work: Office, at_work_database: Database
) -> None:
    version = ModelVersion.objects.select_related("model").get(pk=at_work.ready)
    before = timezone.now()
    approve(version)
    report(version, reference="pod-2")
    report(version, environment="staging")
    at_work_database.sequence()
    with CaptureQueriesContext(connection) as queries:
        (first,) = in_production("production", before)
        (second,) = in_production("production", timezone.now())
    assert len(queries) == 2
    assert (first.model, first.number, first.verdicts, first.references) == ("scoring", 1, (), ("<u>pod</u>",))
    assert (second.model, second.references) == ("scoring", ("<u>pod</u>", "pod-2"))
    assert [(given.role, given.verdict, given.signer_name) for given in second.verdicts] == [
        ("validator", "approved", "Victor Vance"),
        ("compliance_officer", "approved", "Carol Chen"),
    ]
    assert {given.signed_at for given in second.verdicts} == set(Approval.objects.values_list("signed_at", flat=True))
    assert [Entry.objects.get(index=given.entry).kind for given in second.verdicts] == [
        "governance.approval.granted"
    ] * 2
    assert Entry.objects.get(index=second.entry).kind == "registry.deployment.reported"
    assert second.allowed is True
    assert first.allowed is False
    assert in_production("nowhere", before) == []


def test_a_stop_ends_what_ran_under_its_name_or_all_of_it(at_work: Office, at_work_database: Database) -> None:
    version, other = ModelVersion.objects.get(pk=at_work.ready), ModelVersion.objects.get(pk=at_work.started)
    report(version, reference="pod-2")
    report(other)
    report(version, "stopped", reference="pod-2")
    at_work_database.sequence()
    assert [(found.number, found.references) for found in in_production("production", timezone.now())] == [
        (2, ()),
        (1, ("<u>pod</u>",)),
    ]
    report(version, "stopped")
    at_work_database.sequence()
    assert [found.number for found in in_production("production", timezone.now())] == [2]
    report(version)
    at_work_database.sequence()
    assert [found.number for found in in_production("production", timezone.now())] == [1, 2]
    with pytest.raises(DomainError):
        in_production("production", timezone.now() + timedelta(days=1))
    assert in_production("production", datetime(2001, 1, 1, tzinfo=UTC)) == []


def test_running_is_answered_with_its_proof_and_to_those_who_may_read(at_work: Office) -> None:
    found = read(client_of("auditor"), f"environments/production/running?as_of={timezone.now():%Y-%m-%d}")
    assert (found["environment"], found["as_of"]["entry"]) == ("production", moments.now().entry)
    (running,) = found["running"]
    assert (running["model"], running["version"], running["verdicts"]) == ("scoring", 1, [])
    assert read(client_of("auditor"), "environments/nowhere/running", 404)["code"] == "not_found"


def test_a_model_comes_with_everything_about_it_in_a_fixed_number_of_queries(
    at_work: Office, at_work_database: Database
) -> None:
    then = moments.now()
    approve(ModelVersion.objects.get(pk=at_work.ready))
    at_work_database.sequence()
    reader = client_of("auditor")
    before = read(reader, f"models/scoring/everything?as_of=entry:{then.entry}")
    after = read(reader, "models/scoring/everything")
    assert (len(before["approvals"]), len(after["approvals"])) == (0, 2)
    assert [row["number"] for row in after["versions"]] == [2, 1]
    counts = {name: len(rows) for name, rows in after.items() if isinstance(rows, list)}
    assert counts["evidence"] == 3
    assert counts["assessments"] == counts["deployments"] == counts["dossiers"] == counts["datasets"] == 1
    assert counts["sign_offs"] > 3
    assert counts["answers"] > 10
    assert {row["version"] for row in after["standings"]} == {1, 2}
    assert after["evidence"][0]["results"]
    now = moments.now()
    with CaptureQueriesContext(connection) as few:
        model_with_everything("scoring", now)
    _further_version(at_work)
    at_work_database.sequence()
    later = moments.now()
    with CaptureQueriesContext(connection) as many:
        assert len(model_with_everything("scoring", later).versions) == 3
    assert len(few) == len(many) == 28


def _further_version(office: Office) -> None:
    from audits.artifacts import store

    first = ModelVersion.objects.select_related("model", "training_data").get(pk=office.ready)
    inventory.register_version(
        actor=acting(person("owner")),
        model=first.model,
        artifact=store.put_bytes(b"third artifact"),
        artifact_name="m",
        artifact_format="skops",
        lineage=inventory.Lineage(framework="scikit-learn"),
        training_data=first.training_data,
    )


def test_a_stranger_is_told_nothing_of_the_past(at_work: Office) -> None:
    service = client_of("service")
    assert service.get("/api/v1/environments/production/running").status_code == 403
    assert service.get("/api/v1/models/scoring/everything?as_of=2001-01-01").status_code == 403
    assert ApiClient(secret="").get("/api/v1/models?as_of=entry:1").status_code == 401
