"""Jobs of the top floor. Only a worker runs them, so only a worker imports what prints."""

from procrastinate.contrib.django import app

from audits.errors import DomainError, Unforeseen
from audits.trail import Actor
from governance.models import DossierOrder, OrderStatus
from governance.services import dossier_orders
from governance.services.standing import refresh_standings


@app.periodic(cron="17 * * * *")
@app.task(name="governance.refresh_standings", queue="upkeep", queueing_lock="governance.refresh_standings")
def refresh(timestamp: int) -> None:
    """Judge every version anew, with files hashed again: what time and disks change, nobody reports."""
    refresh_standings(actor=Actor.system("worker", via="job"))


@app.task(name="governance.print_dossier", queue=dossier_orders.QUEUE)
def print_ordered_dossier(*, order_id: str) -> None:
    """Print a dossier in the name of whoever ordered it. A closed order is left as it is: a job may be run twice."""
    from governance.services.dossiers import print_dossier

    order = DossierOrder.objects.select_related("version__model", "environment", "ordered_by").get(pk=order_id)
    if order.status != OrderStatus.QUEUED:
        return
    actor = Actor.system("worker", via="job")
    try:
        dossier = print_dossier(
            actor=Actor.person(order.ordered_by, via="job"), version=order.version, environment=order.environment
        )
    except DomainError as problem:
        dossier_orders.fail_order(actor=actor, order=order, problem=problem)
    except Exception:
        dossier_orders.fail_order(actor=actor, order=order, problem=Unforeseen())
        raise
    else:
        dossier_orders.finish_order(actor=actor, order=order, dossier=dossier)
