"""No page asks the database per row: counts pinned, and the same with more rows."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from audits.artifacts import store
from governance.admin.many_files import read_files
from governance.services.signed_content import approval_digest, read_file
from registry.models import ModelVersion, RegisteredModel
from registry.services import inventory
from tests.governance.admin.addresses import addresses
from tests.governance.admin.conftest import Browser
from tests.governance.admin.office import Office, answer, sign
from tests.people import acting, person

# The officer's pages. A number that grows must have a reason.
PINNED = {
    "index": 18,
    "registry_modelversion_change": 33,
    "registry_modelversion_approve": 15,
    "registry_modelversion_changelist": 7,
    "registry_registeredmodel_changelist": 8,
    "governance_decision_changelist": 8,
    "audits_entry_changelist": 11,
    "audits_evidence_change": 9,
}


def count(client, path):  # type: ignore[no-untyped-def]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(path).status_code == 200
    return [query["sql"] for query in queries]


def more(office: Office, number: int) -> None:
    """More of everything that lists show."""
    model, data = RegisteredModel.objects.get(), ModelVersion.objects.get(pk=office.ready).training_data
    owner = acting(person("owner"))
    for at in range(number):
        another = inventory.register_model(
            actor=owner,
            name=f"model-{at}",
            title="Another",
            owner=model.owner,
            business_unit="Retail",
            intended_purpose="As the first.",
            risk_tier="low",
        )
        version = inventory.register_version(
            actor=owner,
            model=another,
            artifact=store.put_bytes(b"artifact %d" % at),
            artifact_name="m",
            artifact_format="skops",
            lineage=inventory.Lineage(framework="scikit-learn"),
            training_data=data,
        )
        answer(version, "problem")
        sign(version, "problem")


def test_the_officers_pages_ask_a_pinned_number_of_queries(at_work: Office, browser: Browser) -> None:
    client = browser("validator")
    found = {name: len(count(client, addresses(at_work)[name].path)) for name in PINNED}
    assert found == PINNED


def test_no_page_asks_more_with_more_rows(at_work: Office, browser: Browser) -> None:
    client = browser("validator")
    paths = [a.path for name, a in addresses(at_work).items() if name.endswith(("_changelist", "index"))]
    before = {path: count(client, path) for path in paths}
    more(at_work, 3)
    for path in paths:
        after = count(client, path)
        assert len(after) == len(before[path]), (path, [sql for sql in after if sql not in before[path]])


def test_many_files_are_read_as_each_is(at_work: Office) -> None:
    more(at_work, 2)
    versions = list(ModelVersion.objects.select_related("model", "training_data"))
    for file in read_files(versions):
        alone = read_file(file.version)
        assert alone is not None
        assert file == alone
        for role in ("validator", "compliance_officer"):
            assert approval_digest(file, role) == approval_digest(alone, role)
