"""Prints the dossier of a version for an environment and keeps it: one act. Ordering it is in ``dossier_orders``.

The status on it is what the gate would answer now. Must never print what was not read from the records.
"""

from datetime import datetime
from uuid import uuid4

from django.utils import timezone

from audits.artifacts import store
from audits.errors import NotPermitted
from audits.models import User
from audits.trail import Actor, act
from audits.trail.selection import one_view
from audits.trail.verification import verify
from governance import events
from governance.dossiers.content import Standing
from governance.models import Dossier
from governance.services.dossier_content.decision import status_of
from governance.services.dossier_content.gathering import gather
from governance.services.dossier_content.reading import read_position
from governance.services.dossier_orders import download_dossier
from governance.services.version_trail import wait_for_sequencer
from registry.models import Environment, ModelVersion

PERMISSION = "governance.export_dossier"


def print_dossier(*, actor: Actor, version: ModelVersion, environment: Environment, reason: str = "") -> Dossier:
    """Print it here and now; a worker does this (``order_dossier``), for it imports what lays out pages.

    Acts of the last moments are waited for briefly; what is not in the log then, the dossier says. Raises NotPermitted,
    Conflict (no rules, nothing sequenced) and ``DocumentError``.
    """
    # Imported late: the web process must not load the press.
    from governance.dossiers.printing import print_dossier as print_content

    account = _account_of(actor)
    wait_for_sequencer(version)
    dossier = Dossier(id=uuid4(), version=version, environment=environment, printed_by=account)
    printed_at = timezone.now().replace(microsecond=0)
    whole = verify()
    with one_view():
        gathered = gather(
            version=version,
            environment=environment,
            reference=reference_of(dossier, printed_at),
            printed_by=account,
            printed_at=printed_at,
            whole=whole,
        )
    stored = store.put_bytes(print_content(gathered.content))
    dossier.digest, dossier.size = stored.digest, stored.size
    dossier.status = gathered.content.standing.value
    dossier.checkpoint_size = gathered.checkpoint_size
    dossier.printed_at = printed_at
    event = events.DossierPrinted(digest=dossier.digest, status=dossier.status)
    with act(event, actor=actor, subject=version, reason=reason):
        dossier.save(force_insert=True)
    return dossier


def dossier_bytes(*, actor: Actor, dossier: Dossier) -> bytes:
    """The PDF, its bytes hashed again. Handing it out is an act. Raises NotPermitted, CorruptContent, NotFound."""
    return download_dossier(actor=actor, dossier=dossier)


def dossier_status(*, version: ModelVersion, environment: Environment) -> Standing:
    """What a dossier printed now would say on its cover: Permitted if and only if the gate would allow now."""
    return status_of(read_position(version, environment, at=timezone.now())).standing


def reference_of(dossier: Dossier, printed_at: datetime | None = None) -> str:
    """By what people call a dossier: the year, and the beginning of its id."""
    return f"D-{(printed_at or dossier.printed_at):%Y}-{dossier.pk.hex[:8].upper()}"


def _account_of(actor: Actor) -> User:
    actor.require(PERMISSION)
    if not isinstance(actor.account, User):
        raise NotPermitted("A dossier is printed for a person or a service with an account.")
    return actor.account
