"""Files that travel inside a PDF, with what each of them is to the document (ISO 32000-2:2020, 7.11.3).

Must never read a file: the bytes are given.
"""

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum

from audits.documents.errors import DocumentError

# Names are written twice, once in bytes that older readers take for Latin text: use what both spell alike.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")


class Relationship(StrEnum):
    """What an enclosed file is to the document."""

    SOURCE = "Source"
    DATA = "Data"
    ALTERNATIVE = "Alternative"
    SUPPLEMENT = "Supplement"
    UNSPECIFIED = "Unspecified"


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One file to enclose. ``sha256`` and ``size`` follow from ``content``, so a page can print them.

    Raises ``DocumentError`` (``document_attachment``) for a name that is not plain ASCII or could be a path.
    """

    name: str
    description: str
    content: bytes = field(repr=False)
    relationship: Relationship = Relationship.DATA

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DocumentError(
                f"{self.name!r} cannot be the name of an attachment; use letters, digits, dots, dashes and "
                "underscores, at most 127 of them.",
                code="document_attachment",
            )

    @property
    def sha256(self) -> str:
        """SHA-256 of the content, 64 lower-case hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """Size of the content in bytes."""
        return len(self.content)
