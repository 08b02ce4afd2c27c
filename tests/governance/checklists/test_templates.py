"""A checklist template is read exactly, or refused with the place of the fault."""

import json
from copy import deepcopy
from typing import Any

import pytest
import rfc8785

from audits.merkle.canonical import sha256_hex
from governance.checklists.templates import ChecklistError, load_checklist

QUESTION = {
    "id": "is-it-so",
    "text": "Is it so?",
    "help": "Say why.",
    "answered_by": "owner",
    "evidence": ["performance"],
    "blocking": True,
    "references": ["SR 26-2"],
}
GOOD: dict[str, Any] = {
    "format": "countersign/checklist/v1",
    "id": "short",
    "title": "Short",
    "version": 1,
    "sections": [
        {
            "id": "only",
            "title": "Only",
            "purpose": "Shows it.",
            "signed_by": "validator",
            "subheadings": [{"id": "first", "title": "First", "questions": [QUESTION]}],
        }
    ],
}


def load(document: object) -> Any:
    return load_checklist(json.dumps(document).encode())


def test_it_reads_what_was_written() -> None:
    template = load(GOOD)
    (section,) = template.sections
    (question,) = list(template)
    assert (template.id, template.title, template.version) == ("short", "Short", 1)
    assert (section.signed_by, section.purpose, section.questions) == ("validator", "Shows it.", (question,))
    assert template.section_of("is-it-so") is section
    assert template.questions == {"is-it-so": question}
    assert (question.answered_by, question.evidence, question.blocking) == ("owner", ("performance",), True)
    assert template.digest == sha256_hex(rfc8785.dumps(GOOD))


def test_there_is_no_section_of_an_unknown_question() -> None:
    with pytest.raises(KeyError):
        load(GOOD).section_of("is-it-not")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "Is It"}, "questions[0].id"),
        ({"text": " "}, "questions[0].text: the text is empty"),
        ({"help": ""}, "questions[0].help: the text is empty"),
        ({"answered_by": "auditor"}, "questions[0].answered_by"),
        ({"evidence": ["astrology"]}, 'evidence[0]: "astrology" is not known'),
        ({"evidence": ["performance", "performance"]}, "twice"),
        ({"blocking": 1}, "questions[0].blocking: true or false"),
        ({"references": "SR 26-2"}, "questions[0].references: a list is needed"),
        ({"weight": 3}, '"weight" is not known here'),
    ],
)
def test_it_refuses_a_question_with_a_fault_and_names_the_place(change: dict[str, Any], said: str) -> None:
    document = deepcopy(GOOD)
    document["sections"][0]["subheadings"][0]["questions"][0].update(change)
    with pytest.raises(ChecklistError) as refused:
        load(document)
    assert "sections[0].subheadings[0].questions[0]" in refused.value.message
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "countersign/checklist/v2"}, "format"),
        ({"version": 0}, "version"),
        ({"sections": []}, "sections: the list has 0 items"),
        ({"sections": GOOD["sections"] * 2}, 'two sections have the id "only"'),
        (
            {"sections": [*GOOD["sections"], {**GOOD["sections"][0], "id": "second"}]},
            'two questions have the id "is-it-so"',
        ),
    ],
)
def test_it_refuses_a_template_with_a_fault(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ChecklistError) as refused:
        load({**GOOD, **change})
    assert said in refused.value.message
