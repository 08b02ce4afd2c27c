"""Acts: the only way to change a governed table.

An act and its changes are one database transaction, found by its own transaction id: there is no session
setting to forge or to leak through a pool. One act per transaction; an act opened inside another joins it.
Never opens an act by itself: a write outside one is refused by the database.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import Any, ClassVar, Protocol, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audits.merkle.canonical import Json, canonical_bytes
from audits.postgres.base import DatabaseWrapper as CarryingWrapper
from audits.trail.actor import Actor

_OPEN = "SELECT audits_open_act(%s, %s, %s, %s, %s, %s)"
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


class Act:
    """An open act. ``id`` is the receipt: the entry's index and proof are found by it once sequenced.

    The database gives the id when it opens the act, which is with the first statement inside it: whoever asks
    earlier has the act opened at once.
    """

    def __init__(self, *, kind: str, connection: BaseDatabaseWrapper) -> None:
        self.kind = kind
        self._connection = connection
        self._id: UUID | None = None

    @property
    def id(self) -> UUID:
        if self._id is None and isinstance(self._connection, CarryingWrapper):
            self._connection.send_waiting()
        if self._id is None:
            raise LookupError(f"The act {self.kind} was rolled back before it was opened: it has no receipt.")
        return self._id

    def receive(self, text: bytes | None) -> None:
        """The id, as the database writes it."""
        self._id = UUID((text or b"").decode())


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
    Leaving with an exception rolls back the act and everything in it. The opening travels with the first
    statement inside; an act without one is opened at its end, so that it is recorded all the same.
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
    values = [kind, actor.id, actor.via, subject_of(subject), reason, canonical_bytes(data).decode()]
    opened = Act(kind=kind, connection=connection)
    with transaction.atomic(using=using), _opening(connection, values, opened):
        connection.countersign_act = opened  # type: ignore[attr-defined]
        try:
            yield opened
        finally:
            connection.countersign_act = None  # type: ignore[attr-defined]
        kept = not connection.needs_rollback
    done = _collected.get()
    if done is not None and kept:
        done.append(opened)


@contextmanager
def _opening(connection: BaseDatabaseWrapper, values: list[str], opened: Act) -> Iterator[None]:
    """Within: the act is open, or opened by the next statement. Afterwards it is open, or given up."""
    if not isinstance(connection, CarryingWrapper):
        with connection.cursor() as cursor:
            cursor.execute(f"{_OPEN}::text", values)
            opened.receive(cursor.fetchone()[0].encode())
        yield
        return
    waiting = connection.carry(_OPEN, values, opened.receive)
    try:
        yield
        if not connection.needs_rollback:
            connection.send_waiting()
            if connection.transaction_failed:
                raise transaction.TransactionManagementError(
                    "A statement in this act failed and the error was caught: the database has given up the"
                    " transaction, so nothing of it is kept. Put what may fail into transaction.atomic()."
                )
    finally:
        connection.forget(waiting)


def _plain(value: object) -> Json:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
