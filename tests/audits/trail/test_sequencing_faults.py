"""Each step of a run fails before it has done anything, and fails although it has done it all; the next run goes on."""

from collections.abc import Callable
from itertools import product

import pytest
from django.db import InterfaceError

from audits.models import Checkpoint, Entry
from audits.trail.sequencer import Sequencer
from audits.trail.signer_state import SignerState
from audits.trail.tree_edge import EdgeFile
from audits.trail.verification import verify
from tests.audits.trail.occasions import some_act
from tests.database import Database

STEPS: dict[str, tuple[type, str]] = {
    "the lock": (Sequencer, "_run"),
    "the signer's memory is read": (SignerState, "load_for"),
    "the signed edge": (Sequencer, "_checked"),
    "the entries are appended": (Sequencer, "_append"),
    "they are hashed again": (Sequencer, "_rehash"),
    "the signer's memory is written": (SignerState, "store"),
    "the checkpoint is kept": (Sequencer, "_keep"),
    "the edge is written down": (EdgeFile, "note"),
}
# What a run is ended by: a disk, the database, and a process that is told to stop.
ENDS: tuple[type[BaseException], ...] = (OSError, InterfaceError, KeyboardInterrupt)


def _failing(step: Callable[..., object], end: type[BaseException], *, persisted: bool) -> Callable[..., object]:
    def failing(*args: object, **kwargs: object) -> object:
        if persisted:
            step(*args, **kwargs)
        raise end("injected")

    return failing


@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed but persisted"])
def test_whatever_step_fails_the_next_run_goes_on_from_there(
    database: Database, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests, persisted: bool
) -> None:
    told = []
    same = database.sequencer()
    for (name, (owner, method)), (number, end) in product(STEPS.items(), enumerate(ENDS)):
        with subtests.test(step=name, end=end.__name__):
            for _ in range(2):
                with some_act() as opened:
                    pass
                told.append(opened.id)
            with monkeypatch.context() as patched:
                patched.setattr(owner, method, _failing(getattr(owner, method), end, persisted=persisted))
                with pytest.raises(end, match="injected"):
                    same.run(limit=1)
            # By turns the process goes on, and another one does.
            going_on = same if number % 2 else database.sequencer()
            assert going_on.drain() == len(told)
            assert Checkpoint.objects.order_by("-size").values_list("size", flat=True)[0] == len(told)
    assert list(Entry.objects.order_by("index").values_list("act_id", flat=True)) == told
    report = verify()
    assert [finding for step in report.steps for finding in step.findings] == []
