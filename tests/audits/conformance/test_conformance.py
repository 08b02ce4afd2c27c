"""Three verifiers and one folder: the server's own, verify.pyz and verify.html answer every case as it says."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from audits.merkle.bundles import STEPS
from tests.audits.conformance.judging import InTheBrowser, Verdict, by_the_archive, by_the_server, expected_of_cases
from tests.audits.conformance.making import files
from tests.audits.conformance.world import FOLDER
from tests.audits.standalone.chromium import Page, chromium_program

CASES = expected_of_cases()
# What the page says of itself that it does not check.
NOT_IN_THE_BROWSER = {name for name, expected in CASES.items() if "roots" in expected}


def wrong(given: Mapping[str, Verdict]) -> dict[str, tuple[Verdict, Mapping[str, Any]]]:
    """The cases that were answered otherwise than their file says."""
    return {
        name: (verdict, CASES[name])
        for name, verdict in given.items()
        if (verdict.answer, verdict.step, verdict.index)
        != (CASES[name]["answer"], CASES[name].get("step"), CASES[name].get("index", verdict.index))
    }


@pytest.fixture(scope="module")
def server() -> dict[str, Verdict]:
    return {name: by_the_server(name, expected) for name, expected in CASES.items()}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InTheBrowser]:
    program = chromium_program()
    if program is None:
        pytest.skip("there is no Chromium here: as root, ./run test installs it (Debian: chromium)")
    folder = tmp_path_factory.mktemp("browser")
    with Page(program, folder / "profile") as page:
        yield InTheBrowser(page, folder)


def test_the_folder_is_what_its_script_makes() -> None:
    there = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    made = files()
    assert sorted(there) == sorted(made), "run python -m tests.audits.conformance.making"
    assert [name for name, data in made.items() if there[name] != data] == []


def test_there_are_good_and_bad_cases_of_every_step() -> None:
    assert {expected.get("step") for expected in CASES.values()} == {None, *STEPS}
    assert len(CASES) > 150
    assert all(expected["what"].endswith((".", "?")) for expected in CASES.values())


def test_the_server_answers_as_the_folder_says(server: dict[str, Verdict]) -> None:
    assert wrong(server) == {}


def test_verify_pyz_answers_as_the_folder_says(server: dict[str, Verdict], tmp_path: Path) -> None:
    given = by_the_archive(CASES, tmp_path)
    assert wrong(given) == {}
    assert {name: verdict for name, verdict in given.items() if verdict != server[name]} == {}


@pytest.mark.slow
def test_verify_html_answers_as_the_folder_says(server: dict[str, Verdict], browser: InTheBrowser) -> None:
    given = {name: browser.judge(name, expected) for name, expected in CASES.items() if name not in NOT_IN_THE_BROWSER}
    assert wrong(given) == {}
    assert {name: (verdict, server[name]) for name, verdict in given.items() if verdict != server[name]} == {}
    assert browser.page.errors == []
    # The page itself, and not one address more.
    assert set(browser.page.requests) == {browser.file.as_uri()}
