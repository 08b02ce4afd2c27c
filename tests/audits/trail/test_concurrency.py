"""Many write at once, roll back, wait and nest, while two sequencers fight: the log holds each committed act once."""

import random
import threading
import time
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connections, transaction

from audits.models import Entry, User
from audits.trail.sequencer import SequencerBusy
from audits.trail.verification import verify
from tests.audits.trail.occasions import some_act, some_user
from tests.database import Database

WRITERS, SECONDS = 16, 6.0


class _GivenUp(Exception):
    pass


class _Writer(threading.Thread):
    """Acts on rows that others write as well, for so long; what it was told of is in ``committed``."""

    def __init__(self, number: int, people: list[int]) -> None:
        super().__init__(name=f"writer {number}")
        self.chance = random.Random(number)  # noqa: S311 - the same acts in every run.
        self.number, self.people = number, people
        self.committed: list[UUID] = []
        self.failed: BaseException | None = None

    def run(self) -> None:
        until = time.monotonic() + SECONDS
        try:
            while time.monotonic() < until:
                try:
                    with some_act(subject=f"test:{self.number}") as opened:
                        self._write()
                except (_GivenUp, OperationalError):  # Deadlocks are rolled back as well.
                    continue
                self.committed.append(opened.id)
        except BaseException as error:
            self.failed = error
            raise
        finally:
            connections.close_all()

    def _write(self) -> None:
        for _ in range(self.chance.randrange(3)):
            User.objects.filter(pk=self.chance.choice(self.people)).update(email=f"{self.chance.random()}@example.org")
        if self.chance.random() < 0.3:
            try:
                with transaction.atomic():
                    Group.objects.create(name=f"{self.number} {self.chance.random()}")
                    if self.chance.random() < 0.5:
                        raise _GivenUp
            except _GivenUp:
                pass
        if self.chance.random() < 0.1:
            time.sleep(self.chance.uniform(0.1, 0.6))
        if self.chance.random() < 0.2:
            raise _GivenUp


class _Sequencing(threading.Thread):
    def __init__(self, database: Database, stop: threading.Event) -> None:
        super().__init__(name="sequencer")
        self.database, self.stop = database, stop
        self.added, self.failed = 0, None

    def run(self) -> None:
        try:
            sequencer = self.database.sequencer()
            while not self.stop.is_set():
                try:
                    done = sequencer.run(limit=50)
                except SequencerBusy:
                    done = None
                self.added += 0 if done is None else 1
                time.sleep(0.005)
        except BaseException as error:
            self.failed = error
            raise
        finally:
            connections.close_all()


@pytest.mark.slow
def test_every_committed_act_is_in_the_log_once_whatever_others_do(database: Database) -> None:
    people = [some_user(f"person {number}").pk for number in range(8)]
    before = database.sequence()
    stop = threading.Event()
    sequencers = [_Sequencing(database, stop) for _ in range(2)]
    writers = [_Writer(number, people) for number in range(WRITERS)]
    for thread in [*sequencers, *writers]:
        thread.start()
    for writer in writers:
        writer.join()
    stop.set()
    for sequencer in sequencers:
        sequencer.join()
    assert [thread.failed for thread in [*sequencers, *writers] if thread.failed] == []
    assert all(sequencer.added for sequencer in sequencers)
    told = [act for writer in writers for act in writer.committed]
    assert len(told) > WRITERS
    size = database.sequence()
    logged = list(Entry.objects.filter(index__gte=before).order_by("index").values_list("act_id", flat=True))
    assert size == before + len(logged)
    assert sorted(logged) == sorted(told)
    report = verify()
    assert report.ok, [finding.message for step in report.steps for finding in step.findings]
