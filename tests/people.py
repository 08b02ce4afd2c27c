"""The people in the tests, by role, in a database that stands as after ``manage.py setup``.

Ask for a person and the database comes with them. Nobody here is a superuser, and no test may make one of them so.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from audits.models import User
from audits.trail import Actor
from governance.services import people, setup
from tests.database import Cluster, Database, django_uses

PASSWORD = "correct horse battery staple"

# Who they are: user name, full name, roles.
PEOPLE = {
    "owner": ("olivia", "Olivia Okafor", ["owner"]),
    "validator": ("victor", "Victor Vance", ["validator"]),
    "risk_officer": ("rita", "Rita Rossi", ["risk_officer"]),
    "compliance_officer": ("carol", "Carol Chen", ["compliance_officer"]),
    "auditor": ("aron", "Aron Abara", ["auditor"]),
    "stranger": ("sam", "Sam Stranger", []),
    "service": ("deploy-bot", "Deployment system", ["service"]),
}


def make_people() -> None:
    """Set the installation up and give each person an account; a service cannot sign in."""
    actor = Actor.system("setup", via="command")
    setup.set_up(actor=actor)
    for key, (username, name, roles) in PEOPLE.items():
        people.create_account(
            actor=actor,
            username=username,
            full_name=name,
            roles=roles,
            password=None if key == "service" else PASSWORD,
        )


def person(key: str) -> User:
    """The account of one of ``PEOPLE``, read anew."""
    return User.objects.get(username=PEOPLE[key][0])


def acting(account: User, *, via: str = "test") -> Actor:
    """The account as an actor."""
    return Actor.person(account, via=via)


@pytest.fixture(scope="session")
def furnished_template(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database with the people in it, to clone from."""
    name = cluster.clone()
    with django_db_blocker.unblock(), django_uses(name):
        make_people()
    yield name
    cluster.drop(name)


@pytest.fixture
def office(
    furnished_template: str, cluster: Cluster, django_db_blocker: DjangoDbBlocker, own_directories: Path
) -> Iterator[Database]:
    """A database of this test's own, set up, with the people in it."""
    name = cluster.clone(source=furnished_template)
    try:
        with django_db_blocker.unblock(), django_uses(name):
            yield Database(name=name, cluster=cluster)
    finally:
        cluster.drop(name)


@pytest.fixture
def owner(office: Database) -> User:
    """Registers models and versions, has them measured, answers and signs as owner; may never approve them."""
    return person("owner")


@pytest.fixture
def validator(office: Database) -> User:
    """Measures again, answers and signs as validator, and gives the first of the two approvals."""
    return person("validator")


@pytest.fixture
def risk_officer(office: Database) -> User:
    """Accepts a risk for a time and puts environments under policies; may not approve."""
    return person("risk_officer")


@pytest.fixture
def compliance_officer(office: Database) -> User:
    """Gives the second approval and manages people and tokens; may not set policies."""
    return person("compliance_officer")


@pytest.fixture
def auditor(office: Database) -> User:
    """Reads everything, prints and exports, and changes nothing."""
    return person("auditor")


@pytest.fixture
def stranger(office: Database) -> User:
    """Can sign in and has no role: must see nothing."""
    return person("stranger")


@pytest.fixture
def service(office: Database) -> User:
    """A deployment system: asks the gate and reports, with a token only; cannot sign in."""
    return person("service")
