"""Acts for tests, without ceremony."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from audits.models import User
from audits.trail import Act, Actor, act
from governance.events import RolesAssigned

ROBOT = Actor.system("test", via="test")


@contextmanager
def some_act(*, reason: str = "", subject: str = "test:thing") -> Iterator[Act]:
    with act(RolesAssigned(roles=["owner"]), actor=ROBOT, subject=subject, reason=reason) as opened:
        yield opened


def some_user(name: str = "ann", **fields: object) -> User:
    """An account, made in an act of its own."""
    with some_act():
        return User.objects.create(username=name, **fields)


@dataclass(frozen=True, kw_only=True)
class Change:
    table: str
    op: str
    key: str
    diff: str


def changes() -> list[Change]:
    """Every change in the trail, in the order it was made."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl, op, key, diff FROM audits_change ORDER BY n")
        return [Change(table=table, op=op, key=key, diff=diff) for table, op, key, diff in cursor.fetchall()]


# What SQL calls for an act in the same transaction.
OPEN = "SELECT audits_open_act('tests.thing.done', 'user:1', 'sql', 'test:thing', '', '{}')"
