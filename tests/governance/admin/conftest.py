"""The office, made once a run and cloned for each test; a browser for each person."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from tests.database import Cluster, Database, django_uses
from tests.governance.admin.office import Office, make_office
from tests.people import person

Browser = Callable[[str], Client]


@pytest.fixture(scope="session")
def furnished_office(
    furnished_template: str,
    cluster: Cluster,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path, Office]]:
    """The database, its content store and the keys of what is in it. The trail is sequenced."""
    folder = tmp_path_factory.mktemp("office")
    name = cluster.clone(source=furnished_template)
    artifacts = {**django_settings.STORAGES["artifacts"], "OPTIONS": {"location": folder / "artifacts"}}
    with (
        django_db_blocker.unblock(),
        django_uses(name),
        override_settings(
            STORAGES={**django_settings.STORAGES, "artifacts": artifacts},
            KEY_DIR=folder / "keys",
            SIGNER_DIR=folder / "signer",
        ),
    ):
        made = make_office()
        Database(name=name, cluster=cluster).sequence()
    yield name, folder, made
    cluster.drop(name)


@pytest.fixture
def at_work(at_work_database: Database, furnished_office: tuple[str, Path, Office]) -> Office:
    """The keys of what is in the office."""
    return furnished_office[2]


@pytest.fixture
def at_work_database(
    furnished_office: tuple[str, Path, Office],
    cluster: Cluster,
    django_db_blocker: DjangoDbBlocker,
    own_directories: Path,
) -> Iterator[Database]:
    """The office in a database and folders of this test's own."""
    source, folder, _ = furnished_office
    shutil.copytree(folder, own_directories, dirs_exist_ok=True)
    name = cluster.clone(source=source)
    try:
        with django_db_blocker.unblock(), django_uses(name):
            yield Database(name=name, cluster=cluster)
    finally:
        cluster.drop(name)


@pytest.fixture
def browser(at_work: Office) -> Browser:
    """A signed-in browser by role; without a role one that nobody signed in with."""

    def signed_in(role: str) -> Client:
        client = Client(headers={"host": "localhost"})
        if role:
            client.force_login(person(role))
        return client

    return signed_in
