"""What makes a table governed: its model says which columns are personal and which are secret.

A governed table's every change is recorded by triggers (``audits.trail.capture``); nothing here writes anything.
"""

from dataclasses import dataclass
from typing import ClassVar

from django.db import models


@dataclass(frozen=True, kw_only=True)
class Capture:
    """How the trail records one table.

    ``personal``: columns of free text or about people. The trail holds a salted SHA-256 commitment; the text stands
    beside the trail, where it can be erased. ``secret``: columns whose SHA-256 is recorded and never the value
    (they must be high-entropy or salted hashes already). ``digested``: long columns, recorded by SHA-256 as well, so
    that entries stay short; what they held before is not in the trail. ``append_only``: rows are never updated nor
    deleted.
    ``files``: columns that name a file of the content store by its SHA-256; ``file_lists``: JSON lists of such names,
    or of objects with a ``sha256``.
    """

    personal: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    digested: frozenset[str] = frozenset()
    append_only: bool = False
    files: frozenset[str] = frozenset()
    file_lists: frozenset[str] = frozenset()


class Governed(models.Model):
    """A model whose table is governed. Write it inside an act; anything else the database refuses."""

    capture: ClassVar[Capture] = Capture()

    class Meta:
        abstract = True
