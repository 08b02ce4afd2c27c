"""How the trail stands, for the head of a page: its size, its newest signed checkpoint, what is not sequenced yet.

Says only what was looked at: that the checkpoint's signature is ours and the log as long as the signer remembers, not
that every entry is intact.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.models import Checkpoint, Entry, Verification
from audits.services.verification import last_verification
from audits.trail.keys import signer_state, trail_keys

# How many acts may wait before a page says "more than".
_COUNTED = 1000

_WAITING = """
SELECT count(*) FROM (
    SELECT FROM audits_act WHERE (epoch, xid) > (
        SELECT coalesce(max(epoch), 0), coalesce(max(xid::text)::xid8, '0'::xid8)
        FROM (SELECT epoch, xid FROM audits_entry ORDER BY index DESC LIMIT 1) AS last
    ) LIMIT %s
) AS waiting
"""


@dataclass(frozen=True, kw_only=True)
class TrailStatus:
    """``signed``: whether the newest checkpoint bears our key's signature and the root stored beside it."""

    size: int
    waiting: int
    checkpoint_size: int | None
    checkpoint_root: str
    checkpoint_at: datetime | None
    signed: bool
    problem: str = ""
    verified: Verification | None = None

    @property
    def more_waiting(self) -> bool:
        return self.waiting >= _COUNTED


def trail_status() -> TrailStatus:
    """Four queries, whatever the size of the trail."""
    last = Entry.objects.order_by("-index").values_list("index", flat=True).first()
    checkpoint = Checkpoint.objects.order_by("-size").first()
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [_COUNTED])
        (waiting,) = cursor.fetchone()
    size = 0 if last is None else last + 1
    problem = _forgotten(size) or (_problem(checkpoint) if checkpoint is not None else "")
    return TrailStatus(
        size=size,
        waiting=waiting,
        checkpoint_size=checkpoint.size if checkpoint else None,
        checkpoint_root=bytes(checkpoint.root).hex() if checkpoint else "",
        checkpoint_at=checkpoint.signed_at if checkpoint else None,
        signed=checkpoint is not None and not problem,
        problem=problem,
        verified=last_verification(),
    )


def _forgotten(size: int) -> str:
    """What the signer remembers and the log no longer holds: the alarm that the sequencer stops at."""
    try:
        remembered = signer_state().load()
    except DomainError as error:
        return error.message
    if remembered is not None and remembered.size > size:
        return (
            f"The log holds {size} entries, but a checkpoint of {remembered.size} was signed: the database was rolled "
            "back or entries were removed. Nothing more is signed until somebody has looked."
        )
    return ""


def _problem(checkpoint: Checkpoint) -> str:
    try:
        signed = trail_keys().open(checkpoint.note)
    except VerificationError as error:
        return f"The newest checkpoint's signature does not hold: {error}."
    except DomainError as error:
        return error.message
    if signed.size != checkpoint.size or signed.root != bytes(checkpoint.root):
        return "The newest checkpoint was signed over another size or root than the database shows beside it."
    return ""
