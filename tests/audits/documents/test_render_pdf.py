"""The press on small pages: what it encloses, escapes, refuses and repeats."""

import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image

from audits.documents import Attachment, DocumentError, Relationship, render_pdf

CREATED = datetime(2026, 11, 30, 19, 46, 31, tzinfo=UTC)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40"/></svg>'
HEAD = '<!DOCTYPE html><html lang="{{ document.language }}"><title>{{ document.title }}</title><body>'

Print = Callable[..., bytes]


@pytest.fixture
def print_body(tmp_path: Path) -> Print:
    """Prints a page whose body is the template given."""

    def print_it(
        body: str,
        *,
        figures: dict[str, bytes] | None = None,
        attachments: tuple[Attachment, ...] = (),
        **context: object,
    ) -> bytes:
        (tmp_path / "page.html").write_text(HEAD + body + "</body></html>", encoding="utf-8")
        return render_pdf(
            template="page.html",
            context=context,
            figures=figures or {},
            attachments=attachments,
            title="A page",
            author="A bank",
            created=CREATED,
            identifier=b"0123456789abcdef",
            template_dirs=(tmp_path,),
        )

    return print_it


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def test_it_prints_words_and_says_what_it_is(print_body: Print) -> None:
    pdf = print_body("<h1>{{ words }}</h1>", words="Zoë & Søren")
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    assert "Zoë & Søren" in text_of(pdf)
    assert reader.metadata is not None
    assert reader.metadata.title == "A page"
    assert reader.metadata.author == "A bank"
    assert reader.metadata.creation_date == CREATED


def test_it_is_a_tagged_pdf_a_3b_in_its_language(print_body: Print) -> None:
    catalog: Any = pypdf.PdfReader(io.BytesIO(print_body("<p>Words</p>"))).root_object
    metadata = catalog["/Metadata"].get_object().get_data()
    assert b'pdfaid:part="3"' in metadata
    assert b'pdfaid:conformance="B"' in metadata
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/Lang"] == "en"
    assert catalog["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"


def test_it_embeds_every_font(print_body: Print) -> None:
    reader = pypdf.PdfReader(io.BytesIO(print_body("<p>Words <b>and</b> <code>code</code></p>")))
    resources: Any = reader.pages[0]["/Resources"]
    fonts = resources["/Font"]
    for name in fonts:
        descriptor = fonts[name]["/DescendantFonts"][0]["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor)


def test_two_prints_of_the_same_are_the_same_bytes(print_body: Print) -> None:
    enclosed = (Attachment(name="data.json", description="Data", content=b"{}"),)
    body = '<h1>Words</h1><img src="figure:one" alt="A bar">'
    first = print_body(body, figures={"one": SVG}, attachments=enclosed)
    assert print_body(body, figures={"one": SVG}, attachments=enclosed) == first


def test_markup_in_a_value_stays_words(print_body: Print) -> None:
    attack = '<script>alert(1)</script><img src="https://example.org/x.png">{{ 7 }}'
    assert attack in text_of(print_body("<p>{{ words }}</p>", words=attack)).replace("\n", "")


@pytest.mark.parametrize(
    "body",
    [
        '<img src="https://example.org/pixel.png" alt="">',
        '<img src="file:///etc/hostname" alt="">',
        '<link rel="stylesheet" href="http://127.0.0.1:9/style.css">',
        "<style>@import url(ftp://example.org/style.css);</style>",
        '<style>@font-face { font-family: X; src: url("file:///etc/hostname"); }</style>',
        '<p style="background: url(https://example.org/paper.png)">x</p>',
        '<link rel="attachment" href="file:///etc/hostname">',
        '<img src="figure:other" alt="">',
        '<style>@font-face { font-family: X; src: url("font:../../secret.ttf"); }</style>',
        '<style>@font-face { font-family: X; src: url("font:Absent.ttf"); }</style>',
    ],
)
def test_a_page_that_asks_for_what_it_was_not_given_is_not_printed(print_body: Print, body: str) -> None:
    with pytest.raises(DocumentError) as refused:
        print_body(body, figures={"one": SVG})
    assert refused.value.code == "document_resource"


def test_a_figure_that_asks_for_something_elsewhere_is_not_printed(print_body: Print) -> None:
    reaching = SVG.replace(b"<rect", b'<image href="https://example.org/x.png" width="9" height="9"/><rect')
    with pytest.raises(DocumentError) as refused:
        print_body('<img src="figure:one" alt="">', figures={"one": reaching})
    assert refused.value.code == "document_resource"


def test_a_figure_that_cannot_be_drawn_is_not_left_out_in_silence(print_body: Print) -> None:
    with pytest.raises(DocumentError, match="incomplete") as refused:
        print_body('<img src="figure:one" alt="Words">', figures={"one": b"not a picture"})
    assert refused.value.code == "document_layout"


def test_a_figure_without_words_that_stand_for_it_is_not_printed(print_body: Print) -> None:
    with pytest.raises(DocumentError, match="alt description"):
        print_body('<img src="figure:one" alt="">', figures={"one": SVG})


def test_pictures_of_dots_are_not_interpolated(print_body: Print) -> None:
    # ISO 19005-3, 6.2.8: the key, where present, is false.
    dots = io.BytesIO()
    Image.new("RGBA", (4, 4), (49, 87, 127, 128)).save(dots, "PNG")
    reader = pypdf.PdfReader(
        io.BytesIO(print_body('<img src="figure:dots" alt="Dots">', figures={"dots": dots.getvalue()}))
    )
    found = [
        item["/Interpolate"]
        for number in range(1, len(reader.xref[0]) + len(reader.xref_objStm) + 1)
        if isinstance(item := reader.get_object(number), pypdf.generic.DictionaryObject)
        and item.get("/Subtype") == "/Image"
    ]
    assert len(found) == 2
    assert all(value == pypdf.generic.BooleanObject(False) for value in found)


def test_figures_may_be_data_urls(print_body: Print) -> None:
    assert print_body("<img alt='Nothing' src=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E\">")


def test_it_encloses_files_byte_for_byte_with_their_relationship(print_body: Print) -> None:
    files = (
        Attachment(name="z.json", description="Last", content=b'{"z": 1}'),
        Attachment(name="a.bin", description="First", content=bytes(range(256)), relationship=Relationship.SOURCE),
    )
    reader = pypdf.PdfReader(io.BytesIO(print_body("<p>Words</p>", attachments=files)))
    assert {name: content[0] for name, content in reader.attachments.items()} == {
        file.name: file.content for file in files
    }
    root: Any = reader.root_object
    named = root["/Names"]["/EmbeddedFiles"]["/Names"]
    assert list(named[::2]) == ["a.bin", "z.json"]
    associated = [file.get_object() for file in root["/AF"]]
    assert {file["/UF"]: file["/AFRelationship"] for file in associated} == {
        "a.bin": "/Source",
        "z.json": "/Data",
    }
    assert len(associated) == 2
    assert associated[0]["/Desc"] == "First"


@pytest.mark.parametrize("name", ["", "../x.json", "a/b.json", ".hidden", "naïve.json", "a\nb", "x" * 128])
def test_an_attachment_cannot_have_a_name_that_is_a_path_or_not_plain(name: str) -> None:
    with pytest.raises(DocumentError) as refused:
        Attachment(name=name, description="", content=b"")
    assert refused.value.code == "document_attachment"


def test_two_attachments_of_one_name_are_refused(print_body: Print) -> None:
    one = Attachment(name="a.json", description="", content=b"1")
    with pytest.raises(DocumentError, match="same name"):
        print_body("<p>Words</p>", attachments=(one, one))


def test_letters_that_no_font_has_are_printed_by_their_number(print_body: Print) -> None:
    words = text_of(print_body("<p>{{ words }}</p>", words="Signed by \U000e1234 and \ue123"))
    assert "Signed by [U+E1234] and [U+E123]" in words


def test_a_misspelled_name_in_a_template_is_found(print_body: Print) -> None:
    with pytest.raises(DocumentError, match=r"person\.nmae") as refused:
        print_body("<p>{{ person.nmae }}</p>", person={"name": "Zoë"})
    assert refused.value.code == "document_template"


def test_a_broken_or_missing_template_is_named(print_body: Print, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"page\.html"):
        print_body("{% if %}")
    with pytest.raises(DocumentError, match=r"absent\.html"):
        print_body('{% include "absent.html" %}')


def test_numbers_do_not_follow_a_locale(print_body: Print) -> None:
    assert "1234567.5 1,234,567.5" in text_of(print_body("<p>{{ n }} {{ n|number }}</p>", n=1234567.5))


def test_a_time_of_printing_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="time zone"):
        render_pdf(
            template="page.html",
            context={},
            figures={},
            attachments=(),
            title="",
            author="",
            created=datetime(2026, 11, 30),  # noqa: DTZ001
            identifier=b"",
            template_dirs=(tmp_path,),
        )


def test_the_package_is_light_until_something_is_printed() -> None:
    code = "import sys, audits.documents.formatting, audits.documents; print('weasyprint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
