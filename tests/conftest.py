"""What all tests share: the database that they may ask for, and folders of their own.

A test that asks for no database starts none, and one that touches it without asking fails.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connections
from pytest_django import DjangoDbBlocker, Settings

from tests.database import ROLES, Cluster, Database, EmbeddedServer, OwnServer, django_uses

# The people by role, for every test that asks for one.
pytest_plugins = ["tests.people"]

_SERVER = pytest.StashKey[EmbeddedServer | OwnServer]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres",
        metavar="URL",
        help="Run on this PostgreSQL server, as the superuser in the URL, instead of the embedded one.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Lead Django away from whatever is installed here, before anything connects."""
    url = config.getoption("--postgres")
    server = config.stash[_SERVER] = OwnServer(url) if url else EmbeddedServer()
    for alias, role in ROLES.items():
        django_settings.DATABASES[alias] = {"NAME": "no_database_was_asked_for", **server.settings(role)}
    for wrapper in connections.all(initialized_only=True):
        del connections[wrapper.alias]
    connections.settings = connections.configure_settings(None)
    django_settings.COUNTERSIGN_APPLICATION_ROLE = server.application_role
    # Signing in is not what most tests are about, and a real hash takes a third of a second.
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def own_directories(settings: Settings, tmp_path: Path) -> Path:
    """Keys, signer's memory and content store of this test alone; the folder they are in."""
    data = tmp_path / "data"
    settings.DATA_DIR = data
    settings.KEY_DIR = data / "keys"
    settings.SIGNER_DIR = data / "signer"
    settings.TILES_DIR = data / "tiles"
    settings.ARCHIVE_DIR = data / "archive"
    # WhiteNoise warns where the folder that collectstatic fills is not there.
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    # Setting it as a whole makes Django forget the storages it has opened.
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": data / "files"}},
        "artifacts": {**settings.STORAGES["artifacts"], "OPTIONS": {"location": data / "artifacts"}},
    }
    return data


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config, django_db_blocker: DjangoDbBlocker) -> Iterator[Cluster]:
    """The test server with a migrated template."""
    cluster = Cluster(pytestconfig.stash[_SERVER])
    with django_db_blocker.unblock():
        cluster.make_template()
    yield cluster
    cluster.drop(cluster.template)


@pytest.fixture
def database(cluster: Cluster, django_db_blocker: DjangoDbBlocker, own_directories: Path) -> Iterator[Database]:
    """A fresh, migrated database of this test's own; what it commits is committed."""
    name = cluster.clone()
    try:
        with django_db_blocker.unblock(), django_uses(name):
            yield Database(name=name, cluster=cluster)
    finally:
        cluster.drop(name)


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """pytest-django's own database would hide a test's commits from the sequencer."""
    pytest.fail("Ask for the fixture `database` instead of `db` or the mark django_db.")
