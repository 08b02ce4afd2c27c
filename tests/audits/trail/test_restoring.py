"""A database that was restored into another cluster writes nothing until the trail knows that cluster."""

import pytest
from django.db import DatabaseError, connections

from audits.models import User
from audits.trail import installation
from tests.audits.trail.occasions import some_act, some_user
from tests.database import Database


def test_a_restored_database_writes_nothing_until_setup_has_run(database: Database) -> None:
    some_user()
    with database.superuser() as superuser:
        superuser.execute("ALTER TABLE audits_epoch DISABLE TRIGGER audits_refuse")
        superuser.execute("UPDATE audits_epoch SET system_identifier = '1'")
        superuser.execute("ALTER TABLE audits_epoch ENABLE ALWAYS TRIGGER audits_refuse")
    with pytest.raises(DatabaseError, match="restored into another cluster"):
        User.objects.update(email="new@example.org")
    with pytest.raises(DatabaseError, match="restored into another cluster"), some_act():
        pass
    installation.install(connections["owner"])
    with some_act():
        User.objects.update(email="new@example.org")
    with database.superuser() as superuser:
        epochs = superuser.execute("SELECT DISTINCT epoch FROM audits_act ORDER BY epoch").fetchall()
    assert epochs == [(1,), (2,)]
