"""What any section of a dossier is built from: facts, tables, figures and signatures.

Must never import Django or look anything up.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from audits.documents.formatting import Cell, bare_digest, format_cell, format_percent

# A page is about so many characters of a table wide, bold ones being wider; measured on the printed page.
_LINE = 106.0
_DENSE_LINE = 118.0
_BOLD = 1.14
_PADDING = 2
_LONGEST = 40
_MANY = 9
_FEW = 12


class SignatureStanding(StrEnum):
    """Whether a signature still counts for what lies beneath it."""

    VALID = "Valid"
    STALE = "Stale"
    WITHDRAWN = "Withdrawn"


class ColumnKind(StrEnum):
    """How the cells of a column are set."""

    TEXT = "text"
    NUMBER = "number"
    PERCENT = "percent"
    DIGEST = "digest"
    TIME = "time"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One label with its value. ``digest`` sets the value in a fixed-width face."""

    label: str
    value: Cell
    digest: bool = False


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column's heading and how its cells are set; ``digits`` fixes decimals, ``width`` is in percent."""

    label: str
    kind: ColumnKind = ColumnKind.TEXT
    digits: int | None = None
    width: int | None = None

    @property
    def numeric(self) -> bool:
        return self.kind in (ColumnKind.NUMBER, ColumnKind.PERCENT)

    def need(self, texts: Sequence[str]) -> tuple[float, float]:
        """Characters of its longest word, without which it would be torn, and of its longest text, within reason."""
        heads = [len(word) * _BOLD for word in self.label.split()]
        words = [len(word) for text in texts for word in text.split()]
        word = min(max([*heads, *words], default=1), _LONGEST) + _PADDING
        text = min(max([len(text) for text in texts], default=1), _LONGEST) + _PADDING
        return word, max(word, text)

    def write(self, value: Cell) -> str:
        """A cell of this column as text. Words in a column of numbers ("too few rows") stay words."""
        if self.kind is ColumnKind.PERCENT and isinstance(value, (int, float, Decimal)):
            return format_percent(value, 1 if self.digits is None else self.digits)
        if self.kind is ColumnKind.DIGEST and isinstance(value, str):
            return bare_digest(value)
        return format_cell(value, self.digits)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows hold as many cells as there are columns. ``flagged`` are indexes of rows that need attention.

    Raises ``ValueError`` when a row's length differs.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    flagged: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"Table {self.title!r}: a row has {len(row)} cells for {len(self.columns)} columns.")

    @property
    def dense(self) -> bool:
        """Whether so many columns stand side by side that they need smaller letters."""
        return len(self.columns) > _MANY

    @property
    def short(self) -> bool:
        """Whether the table is short enough to be kept on one page."""
        return len(self.rows) <= _FEW

    @property
    def sized(self) -> tuple[tuple[Column, float], ...]:
        """Columns with their share of the width in percent: as stated, the rest by what has to fit in."""
        texts = [[text for _, text in cells] for _, cells in self.lines]
        room = _DENSE_LINE if self.dense else _LINE
        left = max(0.0, 100.0 - sum(column.width or 0 for column in self.columns))
        open_places = [place for place, column in enumerate(self.columns) if column.width is None]
        needs = [self.columns[place].need([line[place] for line in texts]) for place in open_places]
        shares = dict(zip(open_places, _shared(needs, room * left / 100, left), strict=True))
        return tuple(
            (column, shares[place] if column.width is None else float(column.width))
            for place, column in enumerate(self.columns)
        )

    @property
    def lines(self) -> Iterator[tuple[bool, tuple[tuple[Column, str], ...]]]:
        """Rows with their columns beside each cell, written out: (flagged, ((column, text), ...))."""
        for index, row in enumerate(self.rows):
            cells = zip(self.columns, row, strict=True)
            yield index in self.flagged, tuple((column, column.write(value)) for column, value in cells)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture (SVG or PNG bytes) with its caption and the words that stand for it."""

    title: str
    alt: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Digest of the picture's bytes, by which the page refers to it."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature as 21 CFR 11.50 wants it printed: who, when and what the signing meant, bound to a digest.

    ``method`` is how the signer was authenticated. ``reason`` says why it no longer counts if so.
    ``entry`` is its index in the trail.
    """

    signer: str
    role: str
    signed_at: datetime
    meaning: str
    subject: str
    digest: str
    method: str
    standing: SignatureStanding = SignatureStanding.VALID
    reason: str = ""
    comment: str = ""
    entry: int | None = None


def _shared(needs: Sequence[tuple[float, float]], room: float, whole: float) -> list[float]:
    """``whole`` dealt out by need: words first, then texts, what is left in proportion."""
    words, texts = sum(word for word, _ in needs), sum(text for _, text in needs)
    if words >= room:
        given = [word for word, _ in needs]
    elif texts >= room:
        part = (room - words) / (texts - words)
        given = [word + part * (text - word) for word, text in needs]
    else:
        given = [text for _, text in needs]
    return [round(whole * part / sum(given), 2) for part in given]
