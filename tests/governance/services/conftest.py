"""An office in which one version is fully reviewed, made once a session: a review takes two seconds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from audits.models import User
from registry.models import ModelVersion
from tests.database import Cluster, Database, django_uses
from tests.governance.services import reviewing
from tests.people import person


@pytest.fixture(scope="session")
def reviewed_kept(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The database and the folder of the one review, once there is one."""
    kept: dict[str, str] = {"folder": str(tmp_path_factory.mktemp("reviewed") / "data")}
    yield kept
    if "database" in kept:
        cluster.drop(kept["database"])


@pytest.fixture
def reviewed_office(
    furnished_template: str,
    cluster: Cluster,
    django_db_blocker: DjangoDbBlocker,
    own_directories: Path,
    reviewed_kept: dict[str, str],
) -> Iterator[Database]:
    """A database of this test's own with the people and one version that production takes; all of it in the log."""
    with django_db_blocker.unblock():
        if "database" not in reviewed_kept:
            reviewed_kept["database"] = cluster.clone(source=furnished_template)
            with django_uses(reviewed_kept["database"]):
                reviewing.review_fully(reviewing.register())
                Database(name=reviewed_kept["database"], cluster=cluster).sequence()
            shutil.copytree(own_directories, reviewed_kept["folder"])
        shutil.copytree(reviewed_kept["folder"], own_directories, dirs_exist_ok=True)
        name = cluster.clone(source=reviewed_kept["database"])
        try:
            with django_uses(name):
                yield Database(name=name, cluster=cluster)
        finally:
            cluster.drop(name)


@pytest.fixture
def reviewed(reviewed_office: Database) -> ModelVersion:
    """The version that was reviewed."""
    return ModelVersion.objects.select_related("model").get()


@pytest.fixture
def auditor_of_review(reviewed_office: Database) -> User:
    """The auditor, in the office of the review."""
    return person("auditor")
