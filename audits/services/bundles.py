"""Hands out proof bundles of the trail, for whoever wants to check without us. Handing one out is an act.

Must never hand out a bundle that does not verify, nor one of which the trail does not know.
"""

import json
from collections.abc import Mapping, Sequence

from django.conf import settings
from django.utils import timezone

from audits import events
from audits.merkle.canonical import Json
from audits.trail import Actor, act
from audits.trail.selection import Selection, bundle_selection, one_view

PERMISSION = "audits.export_bundle"


def export_selection(*, actor: Actor, selection: Selection, reason: str = "", held: Sequence[int] = ()) -> bytes:
    """The bundle of the selected entries as a file (``countersign/bundle/v1``), at the newest checkpoint.

    ``held``: sizes of checkpoints that were kept outside, to compare the log with.

    Raises NotPermitted, NothingSelected, TooMuchSelected and LogDoesNotHold; none of them leaves an act.
    """
    actor.require(PERMISSION)
    with one_view():
        bundled = bundle_selection(selection, about=_about(), held=held)
    event = events.BundleExported(
        selection=json.dumps(selection.said, sort_keys=True, ensure_ascii=False),
        entries=bundled.entries,
        checkpoint_size=bundled.checkpoint_size,
    )
    with act(event, actor=actor, subject=_subject(selection), reason=reason):
        pass
    return bundled.data


def _about() -> Mapping[str, Json]:
    return {
        "exported_at": timezone.now().replace(microsecond=0).isoformat(),
        "organization": settings.ORGANIZATION,
        "instance": settings.BASE_URL,
    }


def _subject(selection: Selection) -> str:
    """The one object that the bundle is about; the trail itself where it is about more."""
    return next(iter(selection.subjects)) if len(selection.subjects) == 1 else "system:trail"
