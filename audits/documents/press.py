"""HTML to PDF/A-3b (ISO 19005-3:2012), tagged (ISO 32000-1:2008, 14.8), by WeasyPrint.

Must never reach out: what a page may load is handed over beforehand, and asking for more ends the printing.
"""

import importlib.resources
import importlib.util
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import weasyprint
from weasyprint.css import ColorProfile
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from audits.documents.attachments import Attachment
from audits.documents.errors import DocumentError

_PASSES = 3
_PROFILE = "sRGB"
_SVG = "image/svg+xml"
_PNG = "image/png"
_PNG_START = b"\x89PNG"


@dataclass(frozen=True, kw_only=True)
class Imprint:
    """What the file says about itself: ``created`` in UTC to the second, ``identifier`` any bytes."""

    title: str
    author: str
    language: str
    created: datetime
    identifier: bytes


def print_pages(
    html: str, *, figures: Mapping[str, bytes], attachments: Sequence[Attachment], imprint: Imprint
) -> bytes:
    """Lay the page out and write it.

    Raises ``DocumentError``: ``document_resource`` when the page asks for what it was not given,
    ``document_layout`` when WeasyPrint reports anything: each complaint of its is something missing on paper.
    """
    for _ in range(_PASSES):
        pdf, complaints, missing = _print_once(html, figures, attachments, imprint)
        if not missing:
            break
        # A letter that no font has would print as an empty box, as would all such letters; PDF/A forbids it.
        spelled = {letter: f"[U+{letter:04X}]" for letter in missing}
        html = html.translate(spelled)
        figures = {name: _respelled(content, spelled) for name, content in figures.items()}
    if complaints:
        raise DocumentError(f"The document would be incomplete: {complaints[0]}", code="document_layout")
    return pdf


def _print_once(
    html: str, figures: Mapping[str, bytes], attachments: Sequence[Attachment], imprint: Imprint
) -> tuple[bytes, list[str], set[int]]:
    """The PDF, what WeasyPrint complained of, and the code points for which no installed font has a glyph."""
    # The PDF's directory of embedded files is a name tree and must be sorted (ISO 32000-1, 7.9.6).
    enclosed = [_enclose(item, imprint.created) for item in sorted(attachments, key=lambda item: item.name)]
    options: dict[str, object] = {
        "attachments": enclosed,
        "pdf_identifier": imprint.identifier,
        "pdf_variant": "pdf/a-3b",
        "pdf_tags": True,
        "output_intent": _PROFILE,
    }
    fetcher = _Sealed(figures)
    with _complaints() as complaints:
        try:
            pages = weasyprint.HTML(string=html, url_fetcher=fetcher).render(
                color_profiles={_PROFILE: _color_profile()}, **options
            )
            pages.metadata.title = imprint.title
            pages.metadata.authors = [imprint.author]
            pages.metadata.lang = imprint.language
            pages.metadata.generator = "Countersign"
            pages.metadata.created = pages.metadata.modified = imprint.created.strftime("%Y-%m-%dT%H:%M:%SZ")
            pdf = bytes(pages.write_pdf(finisher=_conform, **options))
        except FatalURLFetchingError as refused:
            raise DocumentError(str(refused), code="document_resource") from refused
    if fetcher.refusals:
        raise DocumentError(fetcher.refusals[0], code="document_resource")
    missing = {letter for font in pages.fonts.values() for letter in font.missing}
    return pdf, complaints, missing


def font_folder() -> Path | None:
    """Where the DejaVu fonts of the pinned matplotlib lie, so that all installations print alike."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"


class _Sealed(URLFetcher):  # type: ignore[misc]  # WeasyPrint has no types.
    """Hands out the given figures, the document's fonts and ``data:`` URLs; refuses everything else, fatally.

    ``refusals`` remembers each, because WeasyPrint 70 goes on when a picture inside an SVG is refused.
    """

    def __init__(self, figures: Mapping[str, bytes]) -> None:
        super().__init__(allowed_protocols={"data"}, allow_redirects=False)
        self._figures = figures
        self._fonts = font_folder()
        self.refusals: list[str] = []

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> object:
        scheme, _, rest = url.partition(":")
        match scheme.lower():
            case "data":
                return super().fetch(url, headers)
            case "figure":
                return self._figure(url, unquote(rest))
            case "font":
                return self._font(url, unquote(rest))
        raise self._refusal(
            f"The document asked for {url[:200]!r}, and nothing may be fetched while printing; "
            "hand it over as a figure or a data: URL."
        )

    def _figure(self, url: str, name: str) -> object:
        content = self._figures.get(name)
        if content is None:
            raise self._refusal(f"The document asked for the figure {name!r}, which it was not given.")
        kind = _PNG if content.startswith(_PNG_START) else _SVG
        return URLFetcherResponse(url, content, {"Content-Type": kind})

    def _font(self, url: str, name: str) -> object:
        path = self._fonts / name if self._fonts and "/" not in name else None
        if path is None or not path.is_file():
            raise self._refusal(
                f"The font {name!r} is not installed; install the pinned requirements (matplotlib carries it)."
            )
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": "font/ttf"})

    def _refusal(self, message: str) -> BaseException:
        self.refusals.append(message)
        return FatalURLFetchingError(message)  # type: ignore[no-any-return]


def _color_profile() -> object:
    """WeasyPrint's own sRGB profile, read by us: WeasyPrint 70 leaves the file open."""
    with (importlib.resources.files("weasyprint.pdf") / "sRGB2014.icc").open("rb") as profile:
        return ColorProfile(profile, "sRGB2014.icc", "relative-colorimetric", (["r"], ["g"], ["b"]))


def _respelled(content: bytes, spelled: Mapping[int, str]) -> bytes:
    if content.startswith(_PNG_START):
        return content
    return content.decode("utf-8", "replace").translate(spelled).encode()


def _enclose(attachment: Attachment, created: datetime) -> object:
    return weasyprint.Attachment(
        string=attachment.content,
        name=attachment.name,
        description=attachment.description,
        created=created,
        modified=created,
        relationship=attachment.relationship.value,
    )


def _conform(document: object, pdf: Any) -> None:
    """What WeasyPrint 70 leaves undone for PDF/A-3.

    Images must not be interpolated (ISO 19005-3, 6.2.8), and each associated file is meant to be listed once.
    """
    for part in pdf.objects:
        extra = getattr(part, "extra", {})
        if extra.get("Subtype") == "/Image":
            extra["Interpolate"] = "false"
    files = pdf.catalog.get("AF")
    if files:
        once = list(dict.fromkeys(files))
        files.clear()
        files.extend(once)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What WeasyPrint logs as a warning or an error while this thread prints: what it leaves out."""
    messages: list[str] = []
    handler = _Listener(messages)
    logger = logging.getLogger("weasyprint")
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


class _Listener(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._messages.append(record.getMessage())
