"""What ran in an environment at a moment, and who had approved it: a panel of the environment's page.

Shows what serving had reported; where a verdict is missing or the standing was a denial, it says so.
"""

from django.http import HttpRequest
from django.urls import reverse

from audits.admin.history import names_of
from audits.admin.panels import Panel, Table, Value, digest, mark, prose, text, time
from audits.documents.formatting import format_time
from audits.errors import DomainError
from audits.trail.moments import Moment, now, parse_moment
from governance.services.running import Running, in_production
from governance.services.signed_content import APPROVER_ROLES
from registry.models import Environment

_HEAD = ("Version", "Its standing then", "Verdicts by then", "Artifact, SHA-256", "Reported by", "Since", "Entry")


def running_panel(request: HttpRequest, environment: Environment) -> Panel:
    """As of the moment in the address (``as_of``), or of now."""
    asked = request.GET.get("as_of", "").strip()
    try:
        moment = parse_moment(asked) if asked else now()
    except DomainError as error:
        return Panel(title="What ran here", note=error.message)
    found = in_production(environment.name, moment)
    names = names_of(running.reported_by for running in found)
    rows = [
        (
            _version(running),
            _standing(running.allowed),
            prose(_verdicts(running)),
            digest(running.digest),
            text(names.get(running.reported_by, running.reported_by)),
            time(running.since),
            text(running.entry, url=reverse("admin:audits_entry_change", args=[running.entry])),
        )
        for running in found
    ]
    return Panel(
        title="What runs here" if not asked else "What ran here then",
        note=_rests_on(moment),
        table=Table(head=_HEAD, rows=rows, empty="Serving had reported nothing that ran here."),
    )


def _version(running: Running) -> Value:
    if running.version is None:
        return mark("unmet", "of no registered version")
    url = reverse("admin:registry_modelversion_change", args=[running.version])
    return text(f"{running.model} {running.number}", url=url, note=", ".join(running.references))


def _standing(allowed: bool | None) -> Value:
    if allowed is None:
        return mark("unknown", "none")
    return mark("met", "might run") if allowed else mark("unmet", "might not run")


def _verdicts(running: Running) -> str:
    said = [
        f"{given.verdict} by {given.signer_name or given.signer} as {given.role.replace('_', ' ')}, "
        f"{format_time(given.signed_at)} (entry {given.entry})"
        for given in running.verdicts
    ]
    missing = [role for role in APPROVER_ROLES if role not in {given.role for given in running.verdicts}]
    return "\n".join([*said, *(f"no verdict of the {role.replace('_', ' ')}" for role in missing)])


def _rests_on(moment: Moment) -> str:
    if moment.entry is None:
        return "Before the first entry of the trail."
    signed = f"signed under the checkpoint of {moment.checkpoint}" if moment.checkpoint else "not signed yet"
    when = f" at {format_time(moment.at)}" if moment.at else ""
    return f"As serving had reported it{when}, from the trail up to entry {moment.entry}, {signed}."
