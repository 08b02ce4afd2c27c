"""A database with rows in every governed table, recorded by acts that no sequencer has seen yet."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from audits.trail.verification import engine
from tests.audits.trail.filling import fill_every_table
from tests.database import Cluster, Database, django_uses


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other sequencer is at work here, so nothing is worth waiting for."""
    monkeypatch.setattr(engine, "_PATIENCE", 0.0)


@pytest.fixture(scope="session")
def filled_template(
    cluster: Cluster, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    files = tmp_path_factory.mktemp("artifacts")
    name = cluster.clone()
    storages = {
        **django_settings.STORAGES,
        "artifacts": {
            "BACKEND": "audits.artifacts.local.AtomicFileSystemStorage",
            "OPTIONS": {"location": files},
        },
    }
    with django_db_blocker.unblock(), django_uses(name), override_settings(STORAGES=storages):
        fill_every_table(Database(name=name, cluster=cluster))
    yield name, files
    cluster.drop(name)


@pytest.fixture
def filled(
    filled_template: tuple[str, Path], cluster: Cluster, django_db_blocker: DjangoDbBlocker, own_directories: Path
) -> Iterator[Database]:
    """A test's own copy of it, files included."""
    source, files = filled_template
    shutil.copytree(files, own_directories / "artifacts")
    name = cluster.clone(source=source)
    try:
        with django_db_blocker.unblock(), django_uses(name):
            yield Database(name=name, cluster=cluster)
    finally:
        cluster.drop(name)
