"""Acts: the only way to change a governed table.

An act and its changes are one database transaction, found by its own transaction id: there is no session
setting to forge or to leak through a pool. One act per transaction; an act opened inside another joins it.
Never opens an act by itself: a write outside one is refused by the database.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

from audits.merkle.canonical import Json, canonical_bytes
from audits.trail.actor import Actor

_KIND = re.compile(r"^[a-z]+\.[a-z_]+\.[a-z_]+$")


class Event(Protocol):
    """What happened: a frozen dataclass registered with :func:`event`; its fields go into the trail.

    Fields never hold free text nor anything about a person: those go into governed rows or the act's reason.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]


EVENTS: dict[str, type[Event]] = {}
_KINDS: dict[type[Event], str] = {}
E = TypeVar("E", bound=Event)


def event(kind: str) -> Callable[[type[E]], type[E]]:
    """Register a frozen dataclass as the event ``app.object.past_participle``."""

    def register(cls: type[E]) -> type[E]:
        if not _KIND.match(kind):
            raise ValueError(f"{kind!r} is not app.object.past_participle")
        if kind in EVENTS and EVENTS[kind].__qualname__ != cls.__qualname__:
            raise ValueError(f"{kind!r} is registered twice")
        EVENTS[kind] = cls
        _KINDS[cls] = kind
        return cls

    return register


def kind_of(what: Event) -> str:
    """The registered ``app.object.past_participle`` of an event; TypeError where nobody registered it."""
    try:
        return _KINDS[type(what)]
    except KeyError:
        raise TypeError(f"{type(what).__qualname__} is no event: decorate it with @event(kind)") from None


@dataclass(frozen=True, kw_only=True)
class Act:
    """An open act. ``id`` is the receipt: the entry's index and proof are found by it once sequenced."""

    id: UUID
    kind: str


_collected: ContextVar[list[Act] | None] = ContextVar("collected_acts", default=None)


@contextmanager
def receipts() -> Iterator[list[Act]]:
    """The acts that are done meanwhile by this caller, in order, for whoever answers with their receipts.

    An act that is rolled back is not among them; one inside a wider transaction is only good once that has
    committed.
    """
    done: list[Act] = []
    token = _collected.set(done)
    try:
        yield done
    finally:
        _collected.reset(token)


def subject_of(thing: models.Model | str) -> str:
    """``registry.modelversion:<id>`` for a row, or the text itself (``system:trail``)."""
    if isinstance(thing, str):
        return thing
    return f"{thing._meta.label_lower}:{thing.pk}"


@contextmanager
def act(
    what: Event, *, actor: Actor, subject: models.Model | str, reason: str = "", using: str = DEFAULT_DB_ALIAS
) -> Iterator[Act]:
    """Open an act, or join the one that is open in this transaction.

    ``reason`` is what the person wrote; the trail holds a commitment to it, and the text stays erasable.
    Leaving with an exception rolls back the act and everything in it.
    """
    connection = connections[using]
    joined: Act | None = getattr(connection, "countersign_act", None)
    if joined is not None and connection.in_atomic_block:
        # A savepoint, so that what fails in here leaves nothing even where the caller goes on.
        with transaction.atomic(using=using):
            yield joined
        return
    kind = kind_of(what)
    data = {name: _plain(value) for name, value in asdict(what).items()}
    with transaction.atomic(using=using):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT audits_open_act(%s, %s, %s, %s, %s, %s)",
                [
                    kind,
                    actor.id,
                    actor.via,
                    subject_of(subject),
                    reason,
                    canonical_bytes(data).decode(),
                ],
            )
            (act_id,) = cursor.fetchone()
        opened = Act(id=act_id, kind=kind)
        connection.countersign_act = opened  # type: ignore[attr-defined]
        try:
            yield opened
        finally:
            connection.countersign_act = None  # type: ignore[attr-defined]
    done = _collected.get()
    if done is not None:
        done.append(opened)


def _plain(value: object) -> Json:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
