"""The published log over HTTP: checkpoint and tiles for everybody, entries for those who may read the trail.

Serves files that never change, and never an entry beyond the published checkpoint.

c2sp.org/tlog-tiles, c2sp.org/tlog-policy.
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from audits.api.actors import actor_of_plain
from audits.api.views import plain
from audits.errors import NotFound
from audits.merkle.errors import VerificationError
from audits.merkle.tiles import TileName, parse_tile_path, write_entry_bundle
from audits.models import Entry, User
from audits.trail import Actor
from audits.trail.keys import trail_keys
from audits.trail.publishing.source import tile_files
from audits.trail.publishing.trust import published_policy

_FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
@plain
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest published checkpoint, with the cosignatures of witnesses."""
    return _text(_published(), caching="no-cache")


@require_safe
@plain
def tile(request: HttpRequest, path: str) -> HttpResponse:
    """A tile of hashes, or a bundle of entries."""
    try:
        name = parse_tile_path(f"tile/{path}")
    except VerificationError as error:
        raise NotFound(f"There is no such tile: {error.message}.") from error
    if name.level is None:
        return _entries(request, name)
    data = tile_files().read(name)
    if data is None:
        raise NotFound(f"The tile {name.path} is not published.")
    return _bytes(data, caching=_FOR_EVER)


@require_safe
@plain
def policy(request: HttpRequest) -> HttpResponse:
    """The tlog-policy: the log's keys, its witnesses and their quorum."""
    return _text(published_policy(), caching="public, max-age=300")


def _entries(request: HttpRequest, name: TileName) -> HttpResponse:
    _reader(request).require("audits.view_trail")
    end = name.start + name.width
    if trail_keys().open(_published()).size < end:
        raise NotFound(f"The bundle {name.path} is not published.")
    entries = list(Entry.objects.filter(index__gte=name.start, index__lt=end).order_by("index"))
    bodies = [bytes(entry.body) for entry in entries if not entry.not_at_hand]
    if len(bodies) < name.width:
        raise NotFound(f"Entries of the bundle {name.path} are archived: ask the operator for the segment's file.")
    return _bytes(write_entry_bundle(bodies), caching="private, max-age=31536000, immutable")


def _reader(request: HttpRequest) -> Actor:
    """Who is signed in to the admin, or whose token this is. Raises NotAuthenticated."""
    if "Authorization" not in request.headers and isinstance(request.user, User):
        return Actor.person(request.user, via="admin")
    return actor_of_plain(request)


def _published() -> str:
    note = tile_files().checkpoint()
    if note is None:
        raise NotFound("No checkpoint is published yet: a worker does it (manage.py worker).")
    return note


def _text(text: str, *, caching: str) -> HttpResponse:
    # A policy may name witnesses in any bytes: they come and go as they are.
    data = text.encode("utf-8", "surrogateescape")
    return HttpResponse(data, content_type="text/plain; charset=utf-8", headers={"Cache-Control": caching})


def _bytes(data: bytes, *, caching: str) -> HttpResponse:
    return HttpResponse(data, content_type="application/octet-stream", headers={"Cache-Control": caching})
