"""The trail: acts, what they changed, and the Merkle log made of them.

Services open an act (:func:`act`), change rows, leave; database triggers do the recording.
"""

from audits.trail.act import Act, Event, act, event, receipts
from audits.trail.actor import Actor

__all__ = ["Act", "Actor", "Event", "act", "event", "receipts"]
