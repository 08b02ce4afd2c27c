"""What happens on the ground floor, as the trail names it. Listed in the README of audits."""

from dataclasses import dataclass

from audits.trail.act import event
from audits.trail.key_events import KeyAnnounced, KeyRotated
from audits.trail.migrating import DataMigrated, TableReleased

__all__ = [
    "DataMigrated",
    "EvidenceRecorded",
    "InventoryExported",
    "KeyAnnounced",
    "KeyRotated",
    "SegmentArchived",
    "TableReleased",
    "TextErased",
    "TrailExported",
    "TrailVerified",
]


@event("audits.evidence.recorded")
@dataclass(frozen=True, kw_only=True)
class EvidenceRecorded:
    digest: str
    measurement: str


@event("audits.text.erased")
@dataclass(frozen=True, kw_only=True)
class TextErased:
    """Personal texts were erased. Rows as table:key; ``reasons`` are entries whose act's reason is gone."""

    rows: list[str]
    fields: list[str]
    reasons: list[int]


@event("audits.segment.archived")
@dataclass(frozen=True, kw_only=True)
class SegmentArchived:
    """Entries first to last left the database for a file; their leaf hashes stayed. ``root`` is that of ``size``."""

    first: int
    last: int
    sha256: str
    size: int
    root: str


@event("audits.trail.exported")
@dataclass(frozen=True, kw_only=True)
class TrailExported:
    """Somebody read the trail out: as a feed from ``first`` on (going on that day is no new act), or as a list."""

    format: str
    first: int


@event("audits.trail.verified")
@dataclass(frozen=True, kw_only=True)
class TrailVerified:
    """The whole was verified. ``codes`` counts the differences by kind; ``root`` is that of the first ``size``."""

    ok: bool
    since: int
    entries: int
    pending: int
    size: int
    root: str
    codes: dict[str, int]
    report: str


@event("audits.inventory.exported")
@dataclass(frozen=True, kw_only=True)
class InventoryExported:
    """Somebody exported a list."""

    inventory: str
    format: str
    rows: int


@event("audits.bundle.exported")
@dataclass(frozen=True, kw_only=True)
class BundleExported:
    """``selection``: what was asked for, as JSON."""

    selection: str
    entries: int
    checkpoint_size: int
