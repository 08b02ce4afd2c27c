"""Counts what is kept: by class of retention and by kind of act, with what is past its period. Changes nothing."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audits.retention import Retention, RetentionClass
from audits.trail.act import EVENTS


@dataclass(frozen=True, kw_only=True)
class KeptKind:
    """One kind of act: how many entries of it the log has, the first's time, and how many are past the period."""

    kind: str
    entries: int
    oldest: datetime | None
    past: int


@dataclass(frozen=True, kw_only=True)
class KeptClass:
    """One class with every kind of act in it, those without an entry yet as well."""

    retention: RetentionClass
    kinds: tuple[KeptKind, ...]


def what_is_kept(*, now: datetime | None = None) -> list[KeptClass]:
    """Every class, shortest first. One pass over the entries' columns."""
    retention: Retention = settings.RETENTION
    moment = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.kind, count(*), min(e.at) FROM audits_entry e GROUP BY e.kind",
        )
        counted = {kind: (int(count), oldest) for kind, count, oldest in cursor.fetchall()}
    past = _past(retention, counted, moment)
    classes = []
    for found in retention.classes:
        kinds = sorted(kind for kind in EVENTS.keys() | counted.keys() if retention.class_of(kind).name == found.name)
        classes.append(
            KeptClass(
                retention=found,
                kinds=tuple(
                    KeptKind(
                        kind=kind,
                        entries=counted.get(kind, (0, None))[0],
                        oldest=counted.get(kind, (0, None))[1],
                        past=past.get(kind, 0),
                    )
                    for kind in kinds
                ),
            )
        )
    return classes


def _past(retention: Retention, counted: dict[str, tuple[int, datetime | None]], now: datetime) -> dict[str, int]:
    """How many entries of each kind are past their period; only kinds whose oldest is are counted."""
    found = {}
    for kind, (_, oldest) in counted.items():
        if oldest is None or retention.ends(kind, oldest) > now:
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT at FROM audits_entry WHERE kind = %s", [kind])
            found[kind] = sum(1 for (at,) in cursor.fetchall() if retention.ends(kind, at) <= now)
    return found
