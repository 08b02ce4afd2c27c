"""``/healthz/trail``: whether the trail is verified and moving, for monitoring. Open to everybody; says nothing else.

200 where all is well, 503 where somebody should look; the codes in ``problems`` say at what.
"""

from django.db.utils import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audits.services import trail_health as service


@require_safe
@never_cache
def trail_health(request: HttpRequest) -> JsonResponse:
    try:
        health = service.trail_health()
    except DatabaseError:
        return JsonResponse({"ok": False, "problems": ["database"]}, status=503)
    age = health.age
    return JsonResponse(
        {
            "ok": health.ok,
            "problems": list(health.problems),
            "verified": health.verified,
            "verified_at": None if health.verified_at is None else health.verified_at.isoformat(),
            "verified_entries": health.verified_entries,
            "age_seconds": None if age is None else round(age, 1),
            "entries": health.entries,
            "pending": health.pending,
            "sequencer_lag_seconds": health.sequencer_lag,
            "long_transaction_seconds": health.long_transaction,
        },
        status=200 if health.ok else 503,
    )
