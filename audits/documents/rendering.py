"""From a template and its values to the bytes of a PDF.

Must never let a value become markup, and never print a document with a hole where something failed to load.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from django.template import Context, Engine, TemplateDoesNotExist, TemplateSyntaxError

from audits.documents.attachments import Attachment
from audits.documents.errors import DocumentError

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
_FILTERS = {"formatting": "audits.documents.filters"}


def render_html(*, template: str, context: Mapping[str, object], template_dirs: Sequence[Path] = (TEMPLATES,)) -> str:
    """The page before it is printed. Takes no Django settings: not the locale, not the time zone.

    Raises ``DocumentError`` (``document_template``).
    """
    # A misspelled name would print as nothing, and nothing reads as "there is none". The mark is unguessable.
    undefined = f"undefined-{secrets.token_hex(8)}:"
    engine = Engine(
        dirs=[str(folder) for folder in template_dirs],
        libraries=_FILTERS,
        builtins=["audits.documents.filters"],
        string_if_invalid=f"{undefined}%s{undefined}",
    )
    try:
        page = engine.get_template(template).render(Context(dict(context), use_l10n=False, use_tz=False))
    except TemplateDoesNotExist as missing:
        raise DocumentError(
            f"The template {missing} does not exist; restore it from the release.", code="document_template"
        ) from missing
    except TemplateSyntaxError as broken:
        raise DocumentError(f"The template {template} is broken: {broken}", code="document_template") from broken
    _, found, rest = page.partition(undefined)
    if found:
        raise DocumentError(
            f"The template {template} uses {rest.partition(undefined)[0]!r}, which it was not given.",
            code="document_template",
        )
    return str(page)


def render_pdf(
    *,
    template: str,
    context: Mapping[str, object],
    figures: Mapping[str, bytes],
    attachments: Sequence[Attachment],
    title: str,
    author: str,
    language: str = "en",
    created: datetime,
    identifier: bytes,
    template_dirs: Sequence[Path] = (TEMPLATES,),
) -> bytes:
    """Print a template as a tagged PDF/A-3b with files enclosed.

    The page refers to a figure (SVG or PNG) as ``figure:<name>`` and can load nothing else but ``data:`` URLs
    and the document's fonts (``font:<file name>``). The template also receives ``document`` with ``title``,
    ``author``, ``language`` and ``created``; its ``html`` element must carry the language. The same arguments
    give the same bytes on the same installation: ``created`` (aware) is the only clock and ``identifier`` the
    only identity.

    Raises ``DocumentError``.
    """
    # Imported on use: pages and API import this package for its number formats and must stay light.
    from audits.documents.press import Imprint, print_pages

    if created.tzinfo is None:
        raise DocumentError("The time of printing has no time zone; give it in UTC.", code="document_value")
    names = [attachment.name for attachment in attachments]
    if len(set(names)) != len(names):
        raise DocumentError("Two attachments have the same name; rename one of them.", code="document_attachment")
    imprint = Imprint(
        title=title,
        author=author,
        language=language,
        created=created.astimezone(UTC).replace(microsecond=0),
        identifier=identifier,
    )
    html = render_html(template=template, context={**context, "document": imprint}, template_dirs=template_dirs)
    return print_pages(html, figures=figures, attachments=attachments, imprint=imprint)
