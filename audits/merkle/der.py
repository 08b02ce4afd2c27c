"""A reader of DER, strict and small: one element after another, out of bytes that are never copied twice.

It never goes down by itself: whoever reads says what comes next, so that nesting costs nothing.

ITU-T X.690 section 10: definite lengths in their shortest form, tags of one byte.
"""

from datetime import UTC, datetime, timedelta
from typing import NoReturn

from audits.merkle.errors import VerificationError, excerpt

BOOLEAN, INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, UTC_TIME, GENERALIZED_TIME = 0x01, 0x02, 0x04, 0x06, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31

_LONGEST_IDENTIFIER = 32
_LONGEST_TIME = 32


def context(number: int, *, constructed: bool = True) -> int:
    """Return the tag [number]."""
    return 0x80 | number | (0x20 if constructed else 0)


class Reader:
    """The elements of ``data``, front to back. Raises ``VerificationError`` with the ``step`` it was given."""

    __slots__ = ("_at", "_data", "_step")

    def __init__(self, data: bytes, *, step: str) -> None:
        self._data = data
        self._at = 0
        self._step = step

    @property
    def more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def next_is(self, tag: int) -> bool:
        """Tell whether the next element has this tag."""
        return self.more and self._data[self._at] == tag

    def take(self, tag: int, what: str) -> bytes:
        """Return the next element's content; its tag must be this one."""
        return self._element(tag, what)[1]

    def take_whole(self, tag: int, what: str) -> bytes:
        """Return the next element with tag and length."""
        return self._element(tag, what)[0]

    def enter(self, tag: int, what: str) -> "Reader":
        """Return a reader of the next element's content."""
        return Reader(self.take(tag, what), step=self._step)

    def skip(self, tag: int, what: str) -> bool:
        """Pass over the next element if it has this tag, and tell whether it had."""
        if not self.next_is(tag):
            return False
        self.take(tag, what)
        return True

    def end(self, what: str) -> None:
        """Refuse what is left."""
        if self.more:
            self._refuse(f"{what} goes on after its end")

    def identifier(self, what: str) -> str:
        """Return the next object identifier in dotted form."""
        data = self.take(OBJECT_IDENTIFIER, what)
        if not data or len(data) > _LONGEST_IDENTIFIER or data[-1] & 0x80:
            self._refuse(f"{what} is no object identifier")
        arcs, arc, first = [], 0, True
        for byte in data:
            if first and byte == 0x80:
                self._refuse(f"{what} is no object identifier")
            arc, first = arc << 7 | byte & 0x7F, not byte & 0x80
            if first:
                arcs.append(arc)
                arc = 0
        top = min(arcs[0] // 40, 2)
        return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))

    def integer(self, what: str, *, most: int = 64) -> int:
        """Return the next integer, of at most ``most`` bytes."""
        data = self.take(INTEGER, what)
        if not 1 <= len(data) <= most:
            self._refuse(f"{what} has {len(data)} bytes")
        if len(data) > 1 and data[0] == (0xFF if data[1] & 0x80 else 0):
            self._refuse(f"{what} is not in its shortest form")
        return int.from_bytes(data, "big", signed=True)

    def boolean(self, what: str) -> bool:
        """Return the next boolean."""
        data = self.take(BOOLEAN, what)
        if data not in (b"\x00", b"\xff"):
            self._refuse(f"{what} is neither true nor false")
        return data == b"\xff"

    def generalized_time(self, what: str) -> datetime:
        """Return the next time (RFC 3161 section 2.4.2: YYYYMMDDhhmmss[.s...]Z), to the microsecond, rounded down."""
        data = self.take(GENERALIZED_TIME, what)
        text = data.decode("ascii", "replace")
        whole, point, fraction = text[:-1].partition(".")
        plain = len(text) <= _LONGEST_TIME and len(whole) == 14 and (whole + fraction).isdigit() and text.isascii()
        if not plain or text[-1:] != "Z" or (point and (not fraction or fraction.endswith("0"))):
            self._refuse(f"{what} is not a time: {excerpt(text)}")
        try:
            time = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            self._refuse(f"{what} is not a time: {excerpt(text)}")
        return time + timedelta(microseconds=int(fraction[:6].ljust(6, "0")))

    def _element(self, tag: int, what: str) -> tuple[bytes, bytes]:
        start, data = self._at, self._data
        if start + 2 > len(data):
            self._refuse(f"{what} is missing")
        if data[start] != tag:
            self._refuse(f"{what} has the tag {data[start]:#04x}, not {tag:#04x}")
        length, body = data[start + 1], start + 2
        if length >= 0x80:
            count = length & 0x7F
            body += count
            length = int.from_bytes(data[start + 2 : body], "big")
            # 0x80 is a length that nobody knows yet; a shorter form of it must not exist.
            if not 1 <= count <= 4 or length < 0x80 or length < 1 << 8 * (count - 1):
                self._refuse(f"the length of {what} is not in its shortest form")
        if body + length > len(data):
            self._refuse(f"{what} is cut off")
        self._at = body + length
        return data[start : self._at], data[body : self._at]

    def _refuse(self, why: str) -> NoReturn:
        raise VerificationError(why, step=self._step)
