"""The demo from end to end: register, measure, be denied, review, be allowed, print, prove."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from audits.artifacts import store
from audits.errors import DomainError
from audits.models import Evidence
from audits.standalone import write_verifiers
from audits.trail.keys import verifying_key
from governance.demo.people import Player, password_file, players
from governance.demo.processes import Service, running_service
from governance.demo.registering import Registered, measure, register
from governance.demo.reviewing import accept_disparity, answer_everything, approve, sign_everything
from governance.demo.tables import Study
from governance.demo.telling import Teller
from governance.services.bundles import export_bundle
from governance.services.dossiers import dossier_bytes, print_dossier
from governance.services.permits import permit_key
from governance.services.tokens import issue_token
from registry.models import Environment

OTHER_DIGEST = "f" * 64


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the demo left behind. ``unmet``: titles of the clauses for which the gate denied in the end."""

    allowed: bool
    unmet: tuple[str, ...]
    folder: Path


def walk(study: Study, out: Path, teller: Teller) -> Outcome:
    """Do everything; files land in ``out``. Raises DomainError with what to do where a step cannot be done."""
    evidence_folder = out / "evidence"
    # What an earlier demo left here is of another version.
    shutil.rmtree(evidence_folder, ignore_errors=True)
    for name in ("permit.dsse.json", "dossier.pdf", "bundle.json"):
        (out / name).unlink(missing_ok=True)
    evidence_folder.mkdir(parents=True)
    teller.step("Setting up: database, roles, environments, checklist, policy")
    call_command("setup", stdout=sys.stderr)
    people = players()
    teller.say(f"data directory {settings.DATA_DIR}; one person a role: "
               + ", ".join(player.account.username for player in people.values()))  # fmt: skip
    with running_service(out / "service.log") as service:
        teller.say(f"web server and worker run at {service.address}")
        token = _token(people)
        teller.step(f"Registering: {study.title}")
        made = register(study, people["owner"], out, teller)
        teller.step("Asking the gate too early")
        _ask(service, token, made, teller)
        teller.step("Measuring, each in a process of its own")
        evidence = measure(study, made, people["owner"], teller, alive=service.require_alive)
        _write_evidence(evidence, evidence_folder)
        _report(evidence, teller)
        teller.step("Answering the readiness checklist, each question by the role it names")
        answer_everything(made.version, people, evidence, teller)
        teller.step("Signing each section, with the password again and a stated meaning")
        sign_everything(made.version, people, teller)
        teller.step("Accepting what is left, or not")
        accept_disparity(made.version, people, teller)
        teller.step("Asking the gate before the approvals")
        _ask(service, token, made, teller)
        teller.step("Approving: two people, neither the owner nor the registrant")
        approve(made.version, people, teller)
        teller.step("Asking the gate again")
        answer = _ask(service, token, made, teller)
        teller.step("Asking for another artifact under the same name")
        _ask(service, token, made, teller, digest=OTHER_DIGEST)
        allowed = answer["allowed"] is True
        if allowed:
            (out / "permit.dsse.json").write_text(json.dumps(answer["permit"], indent=2) + "\n")
            teller.step("Deploying: serving and monitoring report back")
            _operate(service, token, made, answer, teller)
        teller.step("Printing the dossier and exporting the proof")
        production = Environment.objects.get(name="production")
        officer = people["compliance_officer"].actor()
        dossier = print_dossier(actor=officer, version=made.version, environment=production)
        (out / "dossier.pdf").write_bytes(dossier_bytes(actor=officer, dossier=dossier))
        teller.say(f"dossier.pdf, {dossier.size // 1024} KiB, SHA-256 {dossier.digest} (its digest is in the trail)")
        _wait_until_sequenced()
        (out / "bundle.json").write_bytes(export_bundle(actor=people["auditor"].actor(), version=made.version))
        (out / "trail.vkey").write_text(verifying_key().vkey + "\n")
        write_verifiers(out)
        (out / "permit-key.pem").write_bytes(permit_key().verifying.pem())
    teller.step("Verifying, in processes without Django")
    _verify_outside(out, made, teller, allowed=allowed)
    teller.step("Verifying the whole installation: trail, state, files (./run verify)")
    call_command("verify")
    return Outcome(allowed=allowed, unmet=_unmet(answer), folder=out)


def _token(people: Mapping[str, Player]) -> str:
    issued = issue_token(
        actor=people["compliance_officer"].actor(),
        account=people["service"].account,
        name="demo deployment",
        scopes=["governance.request_decision", "registry.report_deployment", "registry.report_predictions"],
        expires_at=timezone.now() + timedelta(days=1),
        reason="The demonstration's deployment system.",
    )
    return issued.secret


def _ask(service: Service, token: str, made: Registered, teller: Teller, digest: str = "") -> dict[str, object]:
    version = made.version
    question = {"model": version.model.name, "version": version.number, "environment": "production", "action": "deploy"}
    question["digest"] = f"sha256:{digest or version.artifact_digest}"
    status, answer = service.post("/api/v1/decisions", json.dumps(question).encode(), token=token)
    if status != 200:
        raise DomainError(f"The gate answered {status}: {answer.get('detail')}", code="gate_failed")
    reasons = answer["reasons"]
    if not isinstance(reasons, list):
        raise DomainError("The gate gave no reasons.", code="gate_failed")
    unmet = [reason for reason in reasons if reason["result"] != "true"]
    count = f": {len(unmet)} clause{'s' if len(unmet) > 1 else ''} unmet" if unmet else ""
    teller.say(f"POST /api/v1/decisions -> {answer['status']}{count}")
    for reason in unmet[:3]:
        teller.say(f"  - {reason.get('title') or reason['explain']}: {str(reason['next_step'])[:160]}")
    if len(unmet) > 3:
        teller.say(f"  - and {len(unmet) - 3} more")
    if answer["allowed"]:
        teller.say("a permit came with it: a DSSE-signed in-toto statement about this digest and this environment")
    return answer


def _unmet(answer: dict[str, object]) -> tuple[str, ...]:
    reasons = answer["reasons"]
    if not isinstance(reasons, list):
        return ()
    return tuple(str(reason.get("title") or reason["explain"]) for reason in reasons if reason["result"] != "true")


def _operate(service: Service, token: str, made: Registered, answer: dict[str, object], teller: Teller) -> None:
    version = made.version
    deployment = {
        "environment": "production",
        "digest": version.artifact_digest,
        "status": "deployed",
        "reference": f"demo/{version.model.name}",
        "decision": answer["id"],
    }
    status, said = service.post("/api/v1/deployments", json.dumps(deployment).encode(), token=token)
    _expect(status, said)
    teller.say(f"POST /api/v1/deployments -> {status}")
    truth = made.rows.column(made.evaluation.target_column).to_pylist()
    lines = "".join(
        json.dumps({"prediction": score, "outcome": str(outcome)}) + "\n"
        for score, outcome in zip(made.scores, truth, strict=True)
    )
    status, said = service.post(
        f"/api/v1/models/{version.model.name}/versions/{version.number}/predictions?environment=production",
        lines.encode(),
        token=token,
        content_type="application/x-ndjson",
    )
    _expect(status, said)
    teller.say(f"POST .../predictions -> {status}: {len(made.scores)} predictions with outcomes")


def _expect(status: int, said: dict[str, object]) -> None:
    if status >= 300:
        raise DomainError(f"The service answered {status}: {said.get('detail')}", code="hook_failed")


def _write_evidence(evidence: Sequence[Evidence], folder: Path) -> None:
    for kept in evidence:
        (folder / f"{kept.measurement}.json").write_bytes(store.read(kept.record_digest))
        for figure in kept.figures:
            (folder / f"{kept.measurement}-{figure['name']}.svg").write_bytes(store.read(figure["sha256"]))


def _report(evidence: Sequence[Evidence], teller: Teller) -> None:
    for kept in evidence:
        record = json.loads(store.read(kept.record_digest))
        teller.say(f"{record['finding']}")


def _wait_until_sequenced(seconds: float = 30.0) -> None:
    """Until every act is a leaf under a signed checkpoint; the worker does it within a second."""
    from audits.trail.log import pending_acts

    deadline = time.monotonic() + seconds
    while pending_acts():
        if time.monotonic() > deadline:
            raise DomainError("The worker does not sequence the trail; look at its log.", code="not_sequenced")
        time.sleep(0.1)


def _verify_outside(out: Path, made: Registered, teller: Teller, *, allowed: bool) -> None:
    key = ["--key-file", str(out / "trail.vkey")]
    _run([str(out / "verify.pyz")], [str(out / "bundle.json"), *key], teller)
    if allowed:
        words = ["verify", str(out / "permit.dsse.json"), "--public-key", str(out / "permit-key.pem")]
        words += ["--digest", made.version.artifact_digest, "--environment", "production"]
        # A blocked import: what verifies cannot have used Django, nor anything of the service.
        block = (
            "import runpy, sys; sys.modules['django'] = None; module = sys.argv[1]; sys.argv = sys.argv[1:];"
            " runpy.run_module(module, run_name='__main__', alter_sys=True)"
        )
        _run(["-c", block, "governance.permits"], words, teller)


def _run(program: list[str], words: list[str], teller: Teller) -> None:
    name = program[-1]
    teller.say(f"python {name if name.endswith('.pyz') else f'-m {name}'} {' '.join(words)}")
    done = subprocess.run(
        [sys.executable, *program, *words], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )
    for line in (done.stdout + done.stderr).strip().splitlines():
        teller.say(f"  {line}")
    if done.returncode != 0:
        raise DomainError(f"{name} found the proof wanting.", code="not_verified")


def closing_words(outcome: Outcome, seconds: float) -> str:
    """What was done, where it lies and what to look at next."""
    folder = outcome.folder
    files = [
        ("the dossier for a regulator", "dossier.pdf"),
        ("evidence, as records that can be made again", "evidence/*.json"),
        ("proof bundle: every entry about this version", "bundle.json"),
        ("the trail's key, to check it with", "trail.vkey"),
        ("checks the proof with Python, without us", "verify.pyz"),
        ("checks the proof in a browser, offline: open it", "verify.html"),
    ]
    if outcome.allowed:
        files.append(("the signed permit", "permit.dsse.json"))
    lines = [
        f"Done in {seconds:.0f} s. " + ("The gate allows the version." if outcome.allowed else _denied(outcome)),
        "",
    ]
    lines += [f"  {folder / name}  ({what})" for what, name in files]
    lines += [
        "",
        "Check the proof yourself:",
        f"  .venv/bin/python {folder / 'verify.pyz'} {folder / 'bundle.json'} --key-file {folder / 'trail.vkey'}",
        "Look at it all: ./run serve, and sign in at http://localhost:8000/ as carol.compliance",
        f"  (or any of the demo's people; their password lies in {password_file()})",
    ]
    return "\n".join(lines)


def _denied(outcome: Outcome) -> str:
    return f"The gate denies the version; the dossier says clause by clause why: {'; '.join(outcome.unmet)}."
