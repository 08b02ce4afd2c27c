"""The verbs: what a page does is what the service decides, and what was typed stays."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from audits.artifacts import store
from audits.models import Act, User, VerificationRun
from audits.tasks import verify_asked
from governance.models import ApiToken, Approval, ChecklistAnswer, DossierOrder, RiskAcceptance, SignOff, Standing
from registry.models import Assessment, Environment, ModelVersion, RegisteredModel
from registry.services import inventory
from tests.database import Database
from tests.governance.admin.conftest import Browser
from tests.governance.admin.office import Office, answer
from tests.people import PASSWORD, acting, person


def seen(client: Client, path: str) -> str:
    """The digest that the page shows to be signed."""
    return str(client.get(path).context["form"]["seen"].value())


def signature(client: Client, path: str, **more: str) -> dict[str, str]:
    return {"meaning": "I mean it.", "comment": "I read it.", "password": PASSWORD, "seen": seen(client, path), **more}


def decide(browser: Browser, role: str, path: str) -> int:
    client = browser(role)
    return client.post(path, signature(client, path)).status_code


def test_two_people_approve_by_page_and_the_version_may_run(at_work: Office, browser: Browser) -> None:
    page = f"/admin/registry/modelversion/{at_work.ready}/"
    assert decide(browser, "validator", f"{page}approve/") == 302
    assert decide(browser, "compliance_officer", f"{page}approve/") == 302
    assert [(a.role, a.verdict) for a in Approval.objects.all()] == [
        ("validator", "approved"),
        ("compliance_officer", "approved"),
    ]
    assert Standing.objects.get(version=at_work.ready, environment__name="production").allowed
    assert "May run" in browser("auditor").get(page).content.decode()


def test_looking_at_a_verb_changes_nothing(at_work: Office, browser: Browser) -> None:
    client = browser("validator")
    before = Act.objects.count()
    client.get(f"/admin/registry/modelversion/{at_work.ready}/approve/")
    client.get(f"/admin/registry/modelversion/{at_work.ready}/sign/data/")
    assert Act.objects.count() == before


def test_the_owner_cannot_approve_by_page_and_the_attempt_is_recorded(at_work: Office, browser: Browser) -> None:
    client, path = browser("owner"), f"/admin/registry/modelversion/{at_work.ready}/approve/"
    assert client.get(path).status_code == 403
    response = client.post(path, {"meaning": "Mine.", "comment": "", "password": PASSWORD, "seen": "x"})
    assert response.status_code == 403
    assert "Nobody approves their own work" in response.content.decode()
    assert not Approval.objects.exists()
    assert Act.objects.filter(kind="governance.signing.denied").count() == 1


def test_nor_does_the_owner_who_became_validator(at_work: Office, browser: Browser) -> None:
    from governance.services.people import assign_roles

    manager = acting(person("compliance_officer"))
    assign_roles(actor=manager, account=person("owner"), roles=["validator"], reason="An attack.")
    client, path = browser("owner"), f"/admin/registry/modelversion/{at_work.ready}/approve/"
    page = client.get(f"/admin/registry/modelversion/{at_work.ready}/").content.decode()
    assert "Nobody approves their own work: you own scoring." in page
    response = client.post(path, {"meaning": "Mine.", "comment": "", "password": PASSWORD, "seen": "x"})
    assert response.status_code == 403
    assert not Approval.objects.exists()


def test_a_wrong_password_signs_nothing_and_loses_nothing_but_itself(at_work: Office, browser: Browser) -> None:
    client, path = browser("validator"), f"/admin/registry/modelversion/{at_work.ready}/approve/"
    response = client.post(path, signature(client, path, password="wrong", comment="A long thought."))
    text = response.content.decode()
    assert response.status_code == 403
    assert "The password is not right" in text
    assert "A long thought." in text
    assert 'value="wrong"' not in text
    assert not Approval.objects.exists()


def test_what_changed_since_the_page_was_opened_is_not_signed(at_work: Office, browser: Browser) -> None:
    client, path = browser("validator"), f"/admin/registry/modelversion/{at_work.ready}/approve/"
    given = signature(client, path)
    answer(ModelVersion.objects.get(pk=at_work.ready), "problem", words="Something else.")
    response = client.post(path, given)
    assert response.status_code == 409
    assert "has changed since you opened this page" in response.content.decode()
    assert not Approval.objects.exists()
    again = response.context["form"]["seen"].value()
    assert again != given["seen"]
    assert client.post(path, {**given, "seen": again}).status_code == 302


def test_a_signature_over_what_changed_is_shown_as_stale(at_work: Office, browser: Browser) -> None:
    page = f"/admin/registry/modelversion/{at_work.ready}/"
    decide(browser, "validator", f"{page}approve/")
    client = browser("auditor")
    text = client.get(page).content.decode()
    assert "Stale" not in text
    answer(ModelVersion.objects.get(pk=at_work.ready), "problem", words="Something else.")
    text = client.get(page).content.decode()
    assert "Stale: changed since it was signed" in text
    assert "Stale: what was approved has changed" in text


def test_a_rejection_needs_a_reason(at_work: Office, browser: Browser) -> None:
    client, path = browser("validator"), f"/admin/registry/modelversion/{at_work.ready}/reject/"
    response = client.post(path, signature(client, path, comment=""))
    assert response.status_code == 400
    assert "Say why the version is rejected." in response.content.decode()
    assert client.post(path, signature(client, path)).status_code == 302
    assert Approval.objects.get().verdict == "rejected"
    text = browser("compliance_officer").get(f"/admin/registry/modelversion/{at_work.ready}/").content.decode()
    assert "The last verdict was a rejection." in text


def test_a_section_is_answered_and_signed_by_page(at_work: Office, browser: Browser) -> None:
    client, base = browser("owner"), f"/admin/registry/modelversion/{at_work.started}/"
    form = client.get(f"{base}answer/deployment/").context["form"]
    given = {}
    for view in form.questions:
        given[f"{view.question.id}--choice"] = "yes"
        given[f"{view.question.id}--text"] = f"About {view.question.id}."
    assert client.post(f"{base}answer/deployment/", given).status_code == 302
    mine = ChecklistAnswer.objects.filter(version=at_work.started, answered_by=person("owner"))
    assert mine.filter(text__startswith="About ").count() == len(form.questions)
    acts = Act.objects.count()
    assert client.post(f"{base}answer/deployment/", given).status_code == 302
    assert Act.objects.count() == acts, "unchanged answers are no act"
    assert client.post(f"{base}sign/problem/", signature(client, f"{base}sign/problem/")).status_code == 302
    assert SignOff.objects.filter(version=at_work.started).count() == 1


def test_an_answer_that_is_refused_stays_on_the_page(at_work: Office, browser: Browser) -> None:
    client, path = browser("owner"), f"/admin/registry/modelversion/{at_work.started}/answer/deployment/"
    question = client.get(path).context["form"].questions[0].question.id
    response = client.post(path, {f"{question}--choice": "not_applicable", f"{question}--text": ""})
    assert response.status_code == 400
    assert "Say why the question does not apply" in response.content.decode()
    response = client.post(path, {f"{question}--choice": "", f"{question}--text": "Words without a choice."})
    assert response.status_code == 400
    assert "Words without a choice." in response.content.decode()


def test_a_question_put_to_somebody_else_is_not_answered(at_work: Office, browser: Browser) -> None:
    client, path = browser("auditor"), f"/admin/registry/modelversion/{at_work.started}/answer/problem/"
    before = ChecklistAnswer.objects.count()
    response = client.post(path, {"decision-described--choice": "no", "decision-described--text": "Mine."})
    assert response.status_code == 403
    assert ChecklistAnswer.objects.count() == before


def test_a_risk_is_accepted_until_a_day(at_work: Office, browser: Browser) -> None:
    client, path = browser("risk_officer"), f"/admin/registry/modelversion/{at_work.ready}/accept-risk/"
    day = (timezone.now() + timedelta(days=30)).date()
    response = client.post(
        path, signature(client, path, topic="fairness", until=(day.replace(year=day.year + 3)).isoformat())
    )
    assert response.status_code == 400
    assert "within a year" in response.content.decode()
    assert client.post(path, signature(client, path, topic="fairness", until=day.isoformat())).status_code == 302
    assert RiskAcceptance.objects.get().expires_at.date() == day


def test_an_assessment_is_asked_for(at_work: Office, browser: Browser) -> None:
    path = f"/admin/registry/modelversion/{at_work.ready}/assess/"
    given = {
        "dataset": at_work.dataset,
        "measurements": ["performance", "fairness"],
        "task": "classification",
        "positive": "1",
        "threshold": "0.4",
        "reason": "A new threshold.",
    }
    assert browser("validator").post(path, given).status_code == 302
    asked = Assessment.objects.latest("requested_at")
    assert asked.parameters == {"task": "classification", "threshold": 0.4, "positive": "1"}
    response = browser("auditor").post(path, given)
    assert response.status_code == 403
    response = browser("validator").post(path, {**given, "target": "no such column"})
    assert response.status_code == 400
    assert "Its columns are: sex, good" in response.content.decode()


def test_the_secret_of_a_token_is_shown_once(at_work: Office, browser: Browser) -> None:
    client = browser("compliance_officer")
    given = {"account": person("service").pk, "name": "gate", "scopes": ["governance.request_decision"], "days": 30}
    response = client.post("/admin/governance/apitoken/issue/", {**given, "reason": "For the gate."})
    secret = response.context["issued"].secret
    assert secret in response.content.decode()
    token = ApiToken.objects.get(name="gate")
    page = f"/admin/governance/apitoken/{token.pk}/"
    assert secret not in client.get(page).content.decode()
    assert "no-store" in response["Cache-Control"]
    response = client.post("/admin/governance/apitoken/issue/", {**given, "scopes": ["governance.view"], "reason": "x"})
    assert "roles do not include" in response.content.decode()
    assert client.post(f"{page}revoke/", {"reason": "It leaked."}).status_code == 302
    assert "Revoked" in client.get(page).content.decode()


def test_people_are_made_and_given_roles(at_work: Office, browser: Browser) -> None:
    client = browser("compliance_officer")
    given = {"username": "nora", "full_name": "Nora New", "roles": ["auditor"], "password": PASSWORD, "reason": "New."}
    assert client.post("/admin/audits/user/create/", {**given, "password": "short"}).status_code == 400
    assert client.post("/admin/audits/user/create/", given).status_code == 302
    nora = User.objects.get(username="nora")
    own = client.post(
        f"/admin/audits/user/{person('compliance_officer').pk}/assign-roles/", {"roles": [], "reason": "x"}
    )
    assert own.status_code == 403
    path = f"/admin/audits/user/{nora.pk}/assign-roles/"
    assert client.post(path, {"roles": ["validator"], "reason": "She moved."}).status_code == 302
    assert [group.name for group in nora.groups.all()] == ["validator"]
    assert PASSWORD not in client.get(f"/admin/audits/user/{nora.pk}/").content.decode()
    assert nora.password not in client.get(f"/admin/audits/user/{nora.pk}/").content.decode()


def test_a_model_is_given_away_and_retired(at_work: Office, browser: Browser) -> None:
    client, base = browser("owner"), f"/admin/registry/registeredmodel/{at_work.model}/"
    assert client.post(f"{base}retire/", {"reason": ""}).status_code == 400
    assert client.post(f"{base}reassign/", {"owner": person("validator").pk, "reason": "x"}).status_code == 400
    assert client.post(f"{base}retire/", {"reason": "Replaced."}).status_code == 302
    assert RegisteredModel.objects.get().retired_at is not None
    assert "It is retired since" in client.get(base).content.decode()


def test_an_environment_is_put_under_another_policy(at_work: Office, browser: Browser) -> None:
    from governance.models import Policy

    stricter = Policy.objects.exclude(pk=at_work.policy).first()
    path = f"/admin/registry/environment/{at_work.environment}/assign-policy/"
    given = {"policy": stricter.pk, "checklist": at_work.checklist, "reason": "A new appetite."}
    assert browser("owner").post(path, given).status_code == 403
    assert browser("risk_officer").post(path, given).status_code == 302
    assert Environment.objects.get(pk=at_work.environment).assignment.policy == stricter


def test_a_dossier_is_ordered_and_handed_out_as_an_act(at_work: Office, browser: Browser) -> None:
    client = browser("auditor")
    path = f"/admin/registry/modelversion/{at_work.ready}/print-dossier/"
    assert client.post(path, {"environment": at_work.environment}).status_code == 302
    assert DossierOrder.objects.count() == 1
    response = client.get(f"/admin/governance/dossier/{at_work.dossier}/download/")
    assert response.content.startswith(b"%PDF")
    assert response["Content-Disposition"].startswith("attachment")
    assert Act.objects.filter(kind="governance.dossier.downloaded").count() == 1


def test_a_proof_bundle_is_handed_out_as_an_act(at_work: Office, browser: Browser) -> None:
    path = f"/admin/registry/modelversion/{at_work.ready}/bundle/"
    response = browser("auditor").post(path, {"reason": "For the supervisor."})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert Act.objects.filter(kind="governance.bundle.exported").count() == 1


def _verified_by_page(browser: Browser) -> str:
    VerificationRun.objects.all().delete()
    client = browser("auditor")
    response = client.post("/admin/audits/entry/verify/")
    assert response.status_code == 302
    assert "Waits for a worker" in client.get(response["Location"]).content.decode()
    run = VerificationRun.objects.get()
    assert response["Location"].endswith(f"/runs/{run.pk}/")
    # Asked again meanwhile, it is the same one.
    assert client.post("/admin/audits/entry/verify/")["Location"] == response["Location"]
    verify_asked(run_id=str(run.pk))
    return client.get(response["Location"], follow=True).content.decode()


def test_the_trail_is_verified_by_a_worker_that_the_page_asks(at_work: Office, browser: Browser) -> None:
    assert "Everything that was checked holds" in _verified_by_page(browser)
    assert "Verified: everything holds" in browser("auditor").get("/admin/").content.decode()


def test_a_row_changed_behind_the_trail_is_named_by_the_page(
    at_work: Office, browser: Browser, at_work_database: Database
) -> None:
    with at_work_database.superuser() as attacker:
        attacker.execute("ALTER TABLE registry_registeredmodel DISABLE TRIGGER audits_u")
        attacker.execute("UPDATE registry_registeredmodel SET risk_tier = 'low'")
        attacker.execute("ALTER TABLE registry_registeredmodel ENABLE ALWAYS TRIGGER audits_u")
    text = _verified_by_page(browser)
    assert "Something differs" in text
    assert "risk_tier" in text
    assert "Verified: something differs" in browser("auditor").get("/admin/").content.decode()


def test_a_form_from_another_site_is_refused(at_work: Office) -> None:
    client = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    client.force_login(person("validator"))
    assert client.post(f"/admin/registry/modelversion/{at_work.ready}/approve/", {}).status_code == 403


def test_a_new_version_shows_nothing_of_an_older_one(at_work: Office, browser: Browser) -> None:
    first = ModelVersion.objects.get(pk=at_work.ready)
    third = inventory.register_version(
        actor=acting(person("owner")),
        model=first.model,
        artifact=store.put_bytes(b"third"),
        artifact_name="m",
        artifact_format="skops",
        lineage=inventory.Lineage(framework="scikit-learn"),
        training_data=None,
    )
    text = browser("validator").get(f"/admin/registry/modelversion/{third.pk}/").content.decode()
    assert "Nothing is measured yet" in text
    assert "I stand by it." not in text
