"""Every system call of sequencing and publishing fails in turn, and in turn kills the process: nothing is lost."""

import shutil
from pathlib import Path
from uuid import UUID

import pytest

from audits.models import Entry
from audits.trail.publishing.publisher import Publisher
from audits.trail.publishing.source import tile_files
from audits.trail.verification import verify
from tests.audits.trail.faults import faulty_process
from tests.audits.trail.occasions import some_act
from tests.database import Database

SHARES = 4  # Of the calls, so that several cores may take them.

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("strace") is None, reason="strace is not installed: ./run test installs it as root"
    ),
]


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("fault", ["error=EIO", "signal=KILL"])
def test_whatever_system_call_fails_the_trail_verifies_and_no_act_is_missing(
    fault: str, share: int, database: Database, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    told: list[UUID] = []

    def tell() -> None:
        with some_act(subject=f"test:{len(told)}") as opened:
            pass
        told.append(opened.id)

    tell()
    ended = set()
    publisher = Publisher(tile_files())
    with faulty_process(database, tmp_path) as process:
        tell()
        calls = process.calls()
        assert {"sendto", "recvfrom", "fsync", "rename", "write", "link"} <= calls.keys()
        every = [(call, number) for call, times in sorted(calls.items()) for number in range(1, times + 1)]
        for call, number in every[share::SHARES]:
            with subtests.test(call=call, number=number):
                tell()
                ended.add(process.fail(call, number, fault))
                size = database.sequence()
                publisher.run()
                report = verify()
                assert [finding for step in report.steps for finding in step.findings] == []
                assert report.entries == size == len(told)
    assert set(Entry.objects.values_list("act_id", flat=True)) == set(told)
    # The faults were real: most runs ended by them.
    assert ended - {0}
