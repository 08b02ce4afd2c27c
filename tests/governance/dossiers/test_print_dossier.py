"""The whole sample dossier on paper: every word that must be there is there, the file is what it claims."""

import dataclasses
import io
import re
import time
from collections.abc import Iterator
from typing import Any

import pypdf
import pytest

from audits.documents.formatting import format_time
from governance.dossiers.blocks import Signature, SignatureStanding
from governance.dossiers.content import DossierContent, Standing
from governance.dossiers.printing import print_dossier
from tests.governance.dossiers.sample import build_sample
from tests.governance.dossiers.sample_names import ARTIFACT, MODEL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def content() -> DossierContent:
    return build_sample()


@pytest.fixture(scope="module")
def printed(content: DossierContent) -> tuple[bytes, float]:
    """The PDF and the seconds that it took."""
    start = time.perf_counter()
    pdf = print_dossier(content)
    return pdf, time.perf_counter() - start


@pytest.fixture(scope="module")
def reader(printed: tuple[bytes, float]) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(printed[0]))


@pytest.fixture(scope="module")
def pages(reader: pypdf.PdfReader) -> list[str]:
    return [page.extract_text() for page in reader.pages]


@pytest.fixture(scope="module")
def words(pages: list[str]) -> str:
    """All text without any space, because lines end where they must."""
    return squeezed("".join(pages))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def signatures(content: DossierContent) -> Iterator[Signature]:
    yield from (approval.signature for approval in content.approvals if approval.signature)
    yield from (acceptance.signature for acceptance in content.acceptances if acceptance.signature)
    yield from (section.sign_off for section in content.checklist.sections if section.sign_off)


def test_it_has_a_sane_number_of_pages_in_a_sane_time(reader: pypdf.PdfReader, printed: tuple[bytes, float]) -> None:
    assert 12 <= len(reader.pages) <= 30
    assert printed[1] < 60
    assert len(printed[0]) < 1_000_000


def test_every_page_says_what_it_belongs_to(pages: list[str], content: DossierContent) -> None:
    for number, page in enumerate(pages, start=1):
        text = squeezed(page)
        assert f"Page{number}of{len(pages)}" in text
        assert "CONFIDENTIAL" in text.upper()
        assert squeezed(f"{MODEL} @ 7") in text
        assert ARTIFACT[:16] in text
        assert content.reference in text


def test_the_cover_says_which_artifact_and_whether_it_may_run(pages: list[str], content: DossierContent) -> None:
    cover = squeezed(pages[0])
    for piece in (
        content.organization,
        content.reference,
        content.environment,
        ARTIFACT,
        "✗ Not permitted",
        format_time(content.printed_at),
    ):
        assert squeezed(piece) in cover


def test_every_signature_shows_name_time_and_meaning(words: str, content: DossierContent) -> None:
    # 21 CFR 11.50 (a) and (b).
    signed = list(signatures(content))
    assert len(signed) == 9
    for signature in signed:
        block = squeezed(
            f"Signed by {signature.signer} Role {signature.role} Time {format_time(signature.signed_at)} "
            f"Trail entry {signature.entry} Meaning “{signature.meaning}” What was signed "
            f"{signature.subject} "
            f"Its SHA-256 {signature.digest} Authenticated by {signature.method}"
        )
        assert block in words


def test_a_stale_signature_says_in_words_that_it_does_not_count(words: str, content: DossierContent) -> None:
    stale = [item for item in signatures(content) if item.standing is SignatureStanding.STALE]
    assert len(stale) == 1
    assert squeezed(f"✗ Stale signature: does not count. {stale[0].reason}") in words
    assert words.count(squeezed("✓ Valid signature")) == 8


def test_every_question_is_printed_and_the_unanswered_ones_name_their_owner(
    words: str, content: DossierContent
) -> None:
    questions = [question for section in content.checklist.sections for question in section.questions]
    assert len(questions) == 60
    for question in questions:
        assert squeezed(question.text) in words
    missing = [question for question in questions if question.missing]
    assert len(missing) == 5
    assert words.count(squeezed("✗ Missing Owner: Model owner")) + words.count(
        squeezed("✗ Missing, blocks approval Owner: Model owner")
    ) == len(missing)
    assert squeezed("✗ Missing: this section is not signed off. Owner: Compliance officer") in words


def test_every_clause_is_printed_with_its_result_in_words(words: str, content: DossierContent) -> None:
    for clause in content.decision.clauses:
        assert squeezed(clause.title) in words
        assert squeezed(clause.reason) in words
        assert squeezed(clause.next_step) in words
    assert words.count("✗Notmet") == 2
    assert words.count("?Unknown") == 1


def test_evidence_is_printed_with_its_digest_flags_tables_and_captions(words: str, content: DossierContent) -> None:
    for section in content.evidence:
        assert section.digest in words
        for flag in section.flags:
            assert squeezed(flag) in words
        for table in section.tables:
            assert squeezed(table.title) in words
            for _, cells in table.lines:
                for _, text in cells:
                    assert squeezed(text) in words
        for figure in section.figures:
            assert squeezed(figure.alt) in words


def test_the_trail_shows_every_entry_the_whole_note_and_the_commands(words: str, content: DossierContent) -> None:
    for entry in content.trail.entries:
        assert squeezed(f"{entry.index} {format_time(entry.time)} {entry.kind}") in words
        assert entry.leaf_hash[:12] in words
    assert squeezed(content.trail.checkpoint.note) in words
    for _, command in content.trail.commands:
        assert squeezed(command) in words
    assert content.permit is not None
    assert squeezed(content.permit.statement) in words


def test_the_files_are_enclosed_byte_for_byte_and_their_digests_are_printed(
    reader: pypdf.PdfReader, words: str, content: DossierContent
) -> None:
    assert {name: held[0] for name, held in reader.attachments.items()} == {
        item.name: item.content for item in content.attachments
    }
    for item in content.attachments:
        assert item.sha256 in words


def test_the_contents_give_pages_and_every_entry_leads_somewhere(reader: pypdf.PdfReader, pages: list[str]) -> None:
    links: Any = reader.pages[1]["/Annots"]
    assert len(links) >= 30
    for title in ("Summary of the decision", "Evidence", "Approvals and risk acceptances", "The trail"):
        listed = re.search(re.escape(title) + r"\s*\.*\s*(\d+)", pages[1])
        assert listed, title
        assert title in pages[int(listed[1]) - 1]


def test_figures_carry_their_words_for_readers_who_do_not_see(reader: pypdf.PdfReader, content: DossierContent) -> None:
    spoken = {
        str(item["/Alt"])
        for number in range(1, len(reader.xref_objStm) + len(reader.xref[0]) + 1)
        if isinstance(item := reader.get_object(number), pypdf.generic.DictionaryObject)
        and item.get("/S") == "/Figure"
        and "/Alt" in item
    }
    assert {figure.alt for section in content.evidence for figure in section.figures} <= spoken


def test_the_same_content_prints_the_same_bytes(content: DossierContent, printed: tuple[bytes, float]) -> None:
    assert print_dossier(content) == printed[0]


def test_hostile_words_stay_words_and_an_empty_dossier_says_what_is_missing(content: DossierContent) -> None:
    attack = '</td></table><script>alert(1)</script><img src="https://example.org/x.png">'
    empty = dataclasses.replace(
        content,
        model="m" * 128,
        organization=attack,
        standing=Standing.WITHDRAWN,
        standing_note=attack,
        decision=dataclasses.replace(content.decision, sentence=attack, clauses=()),
        about=dataclasses.replace(content.about, owner="", artifacts=(), datasets=(), lineage=(), packages=()),
        evidence=(),
        approvals=(),
        acceptances=(),
        deployments=(),
        monitoring=(),
        checklist=dataclasses.replace(content.checklist, sections=()),
        trail=dataclasses.replace(content.trail, entries=(), checks=()),
        permit=None,
        attachments=(),
    )
    reader = pypdf.PdfReader(io.BytesIO(print_dossier(empty)))
    words = squeezed("".join(page.extract_text() for page in reader.pages))
    assert words.count(squeezed(attack)) >= 3
    assert "✗Permitwithdrawn" in words
    assert words.count("✗Missing") >= 6
    assert squeezed("✗ Verification failed when printed") in words
    assert squeezed("✗ No permit exists") in words
