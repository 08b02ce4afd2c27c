"""The template filters of printed documents: thin names over ``audits.documents.formatting``.

Must never mark anything as safe: the words on a page are written by people who are not trusted.
"""

from django.template import Library

from audits.documents import formatting

register = Library()
register.filter("number", formatting.format_number)
register.filter("percent", formatting.format_percent)
register.filter("utc", formatting.format_time)
register.filter("size", formatting.format_size)
register.filter("digest", formatting.bare_digest)
register.filter("short", formatting.short_digest)
register.filter("parts", formatting.dotted_parts)
register.filter("cell", formatting.format_cell)
