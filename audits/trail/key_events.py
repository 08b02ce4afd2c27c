"""What happens to the trail's key, as the trail names it. Never holds a private half."""

from dataclasses import dataclass

from audits.trail.act import event


@event("audits.key.announced")
@dataclass(frozen=True, kw_only=True)
class KeyAnnounced:
    """The old key's last checkpoint covers this: it names its successor."""

    old: str
    new: str


@event("audits.key.rotated")
@dataclass(frozen=True, kw_only=True)
class KeyRotated:
    """The new key signs. ``last`` is the size of the last checkpoint that the old one may have signed."""

    old: str
    new: str
    last: int
