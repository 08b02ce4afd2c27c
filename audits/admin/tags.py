"""Template tags of the pages: marks of status, digests, values. Numbers and times come from one place.

Never marks a value as safe: every word on a page is escaped, whoever wrote it.
"""

from datetime import UTC, datetime

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audits.documents import formatting

register = Library()

# Symbol and word, so that no status is told by color alone.
_SYMBOLS = {
    "met": "\N{CHECK MARK}",
    "unmet": "\N{MULTIPLICATION X}",
    "unknown": "?",
    "stale": "\N{ANTICLOCKWISE OPEN CIRCLE ARROW}",
    "open": "\N{WHITE CIRCLE}",
    "note": "\N{BULLET}",
    "warning": "!",
}


@register.simple_tag(name="mark")
def mark(kind: str, words: object) -> SafeString:
    """A status: its symbol and its words; ``kind`` is one of met, unmet, unknown, stale, open, note, warning."""
    return format_html(
        '<span class="mark mark-{}"><span class="symbol" aria-hidden="true">{}</span> {}</span>',
        kind,
        _SYMBOLS.get(kind, _SYMBOLS["note"]),
        words,
    )


@register.filter(name="digest")
def digest(value: str | None) -> SafeString | str:
    """A digest, shortened to the eye; selecting or copying it yields all of it."""
    if not value:
        return formatting.ABSENT
    bare = formatting.bare_digest(value)
    return format_html('<code class="digest" title="SHA-256 {}">{}</code>', bare, bare)


@register.filter(name="utc")
def utc(moment: datetime | None) -> SafeString | str:
    """A moment in UTC to the second, marked up as a time."""
    if moment is None:
        return formatting.ABSENT
    at = moment.astimezone(UTC)
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), formatting.format_time(at))


@register.filter(name="words")
def words(name: object) -> str:
    """An identifier as people say it: ``risk_officer`` is ``risk officer``."""
    return str(name).replace("_", " ").replace("-", " ")


@register.filter(name="capital")
def capital(text: object) -> str:
    """The text with its first letter raised and the rest left alone."""
    said = str(text)
    return said[:1].upper() + said[1:]


@register.filter(name="counted")
def counted(count: int, noun: str) -> str:
    """``3|counted:"question"`` is ``3 questions``; ``"entry,entries"`` gives the plural."""
    one, _, many = noun.partition(",")
    return f"{formatting.format_number(count)} {one if count == 1 else many or one + 's'}"


register.filter("number", formatting.format_number)
register.filter("size", formatting.format_size)
register.filter("cell", formatting.format_cell)
register.filter("parts", formatting.dotted_parts)
