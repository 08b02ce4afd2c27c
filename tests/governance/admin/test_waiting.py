"""What waits for whom, on the first page."""

import pytest

from governance.services import review
from governance.services.signed_content import read_file
from registry.models import ModelVersion
from tests.governance.admin.addresses import READERS
from tests.governance.admin.conftest import Browser
from tests.governance.admin.office import Office, answer, sign, sign_as
from tests.people import acting, person


def verdicts(browser: Browser, role: str) -> list[str]:
    """What the page lists as waiting for this person's verdict."""
    return [f"{item.about}: {item.what}" for item in browser(role).get("/admin/").context["waiting"].approvals]


def approve(version: ModelVersion, role: str, verdict: str = "approved") -> None:
    review.decide_version(
        actor=acting(person(role)),
        version=version,
        role=role,
        verdict=verdict,
        meaning="I mean it.",
        authentication=sign_as(role),
        comment="Because.",
    )


@pytest.fixture
def complete(at_work: Office) -> ModelVersion:
    """The newest version, with every section answered and signed."""
    version = ModelVersion.objects.get(pk=at_work.started)
    file = read_file(version)
    assert file is not None
    for section in file.checklist.template.sections:
        answer(version, section.id)
        sign(version, section.id)
    return version


@pytest.mark.parametrize("role", READERS)
def test_what_waits_is_said_to_each_role(role: str, at_work: Office, browser: Browser) -> None:
    said = {
        "owner": "Sign “The problem”",
        "validator": "Answer “The data”",
        "risk_officer": "Answer “Monitoring”",
        "compliance_officer": "Answer “Whether it can and may be used”",
        "auditor": "Nothing waits for you as auditor.",
    }
    assert said[role] in browser(role).get("/admin/").content.decode()


def test_a_verdict_waits_only_once_every_section_is_signed(at_work: Office, browser: Browser) -> None:
    assert verdicts(browser, "validator") == []


def test_the_validator_is_asked_first_then_the_compliance_officer(complete: ModelVersion, browser: Browser) -> None:
    assert verdicts(browser, "validator") == ["scoring 2: Approve or reject"]
    assert verdicts(browser, "compliance_officer") == []
    approve(complete, "validator")
    assert verdicts(browser, "validator") == []
    assert verdicts(browser, "compliance_officer") == ["scoring 2: Approve or reject"]
    approve(complete, "compliance_officer")
    assert verdicts(browser, "compliance_officer") == []
    assert verdicts(browser, "owner") == []


def test_who_rejected_is_asked_again_once_something_has_changed(complete: ModelVersion, browser: Browser) -> None:
    approve(complete, "validator", "rejected")
    assert verdicts(browser, "validator") == []
    answer(complete, "problem", words="Better now.")
    sign(complete, "problem")
    assert verdicts(browser, "validator") == ["scoring 2: Approve or reject again: it has changed"]


def test_a_signature_that_went_stale_waits_for_its_signer(complete: ModelVersion, browser: Browser) -> None:
    answer(complete, "problem", words="Better now.")
    waiting = browser("owner").get("/admin/").context["waiting"]
    assert [item.what for item in waiting.sections] == ["Sign “The problem” again: it has changed"]
