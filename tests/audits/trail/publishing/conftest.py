"""Logs of a given length, quickly."""

from collections.abc import Callable

import pytest

from tests.database import Database

OPEN = "SELECT audits_open_act('tests.thing.done', 'user:1', 'sql', 'test:thing', '', '{}')"


@pytest.fixture
def grow(database: Database) -> Callable[[int], int]:
    """Let so many acts more happen, and sequence them; the size of the log."""

    def grow(acts: int) -> int:
        with database.application() as application:
            for _ in range(acts):
                application.execute(OPEN)
        return database.sequencer().drain()

    return grow
