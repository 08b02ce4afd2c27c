"""The benchmarks' table once for each peer, recorded the way that the peer's documentation says."""

import pghistory
from auditlog.registry import auditlog
from simple_history.models import HistoricalRecords

from benchmarks.models import Contract


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), append_only=True, context_field=None)
class RowTriggerContract(Contract):
    """django-pghistory, append-only, row triggers: an event for each change, but neither who nor why."""


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), append_only=True)
class ContextContract(Contract):
    """django-pghistory, append-only, row triggers, with its context: who and why, as an act has them."""


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    append_only=True,
    context_field=None,
    level=pghistory.Statement,
)
class StatementTriggerContract(Contract):
    """django-pghistory, append-only, statement triggers: neither who nor why."""


class AuditlogContract(Contract):
    """django-auditlog: an entry for each save(), written by Django's signals."""


auditlog.register(AuditlogContract)


class SimpleHistoryContract(Contract):
    """django-simple-history: a row of history for each save(), written by Django's signals."""

    history = HistoricalRecords()
