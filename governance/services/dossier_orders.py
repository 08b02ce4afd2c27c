"""Orders of dossiers, which a worker prints, and handing printed ones out. Each is an act. Never prints itself."""

from django.utils import timezone
from procrastinate.contrib.django import app

from audits.artifacts import store
from audits.errors import DomainError, NotPermitted
from audits.trail import Actor, act
from governance import events
from governance.models import Dossier, DossierOrder, OrderStatus
from registry.models import Environment, ModelVersion

QUEUE = "print"


def order_dossier(*, actor: Actor, version: ModelVersion, environment: Environment) -> DossierOrder:
    """Order a dossier of a version for an environment; the job is queued in the act's own transaction."""
    actor.require("governance.export_dossier")
    if actor.user_id is None:
        raise NotPermitted("Only an account orders a dossier: it is printed in somebody's name.")
    order = DossierOrder(
        version=version, environment=environment, ordered_by_id=actor.user_id, ordered_at=timezone.now()
    )
    with act(events.DossierOrdered(environment=environment.name), actor=actor, subject=version):
        order.save(force_insert=True)
        app.configure_task("governance.print_dossier", queue=QUEUE).defer(order_id=str(order.pk))
    return order


def finish_order(*, actor: Actor, order: DossierOrder, dossier: Dossier) -> None:
    order.status = OrderStatus.SUCCEEDED
    order.dossier = dossier
    _close(actor, order, events.DossierOrderFinished(digest=dossier.digest))


def fail_order(*, actor: Actor, order: DossierOrder, problem: DomainError) -> None:
    """Close the order with what went wrong, in words."""
    order.status = OrderStatus.FAILED
    order.problem = problem.message
    _close(actor, order, events.DossierOrderFailed(code=problem.code))


def download_dossier(*, actor: Actor, dossier: Dossier) -> bytes:
    """The PDF's bytes, re-hashed. Whoever takes it is recorded first."""
    actor.require("governance.export_dossier")
    data = store.read(dossier.digest)
    with act(events.DossierDownloaded(digest=dossier.digest), actor=actor, subject=dossier.version):
        pass
    return data


def _close(actor: Actor, order: DossierOrder, event: events.DossierOrderFinished | events.DossierOrderFailed) -> None:
    order.finished_at = timezone.now()
    with act(event, actor=actor, subject=order.version):
        order.save(update_fields=["status", "problem", "dossier", "finished_at"])
