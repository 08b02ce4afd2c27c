"""Dossiers printed, kept, ordered and handed out: the file on paper, the acts in the trail, who may."""

import io
import json
import re
from hashlib import sha256

import pypdf
import pytest

from audits.artifacts import store
from audits.errors import DomainError, NotPermitted
from audits.merkle.bundles import verify_bundle
from audits.models import Act, Entry, User
from audits.trail import Actor
from audits.trail.keys import verifying_key
from governance.dossiers import printing
from governance.models import Dossier, DossierOrder, OrderStatus
from governance.permits.envelopes import read_envelope
from governance.permits.verification import verify_permit
from governance.services import version_trail
from governance.services.dossier_orders import order_dossier
from governance.services.dossiers import dossier_bytes, print_dossier, reference_of
from governance.services.permits import permit_key
from governance.tasks import print_ordered_dossier
from registry.models import ModelVersion
from tests.database import Database
from tests.governance.services import reviewing
from tests.people import acting, person

HOSTILE = "<script>alert(1)</script><img src=x:y> & 'quotes'"


def squeezed(text: str) -> str:
    """Without any space, because lines end where they must."""
    return re.sub(r"\s+", "", text)


def words_of(reader: pypdf.PdfReader) -> str:
    return squeezed("".join(page.extract_text() for page in reader.pages))


def printed(version: ModelVersion, office: Database) -> tuple[Dossier, pypdf.PdfReader]:
    """The dossier for production, printed and downloaded by the auditor."""
    office.sequence()
    auditor = acting(person("auditor"))
    dossier = print_dossier(actor=auditor, version=version, environment=reviewing.production())
    return dossier, pypdf.PdfReader(io.BytesIO(dossier_bytes(actor=auditor, dossier=dossier)))


@pytest.mark.slow
def test_the_dossier_of_a_reviewed_version_is_complete_and_its_files_verify(
    reviewed_office: Database, reviewed: ModelVersion
) -> None:
    assert reviewing.ask(reviewed).answer.allowed
    dossier, reader = printed(reviewed, reviewed_office)
    words = words_of(reader)
    assert dossier.status == "Permitted"
    assert squeezed(f"Dossier {reference_of(dossier)}") in words
    assert squeezed("✓ Permitted") in words
    assert words.count(squeezed("✓ Valid signature")) == 10
    for piece in ("“I approve this as validator.”", "Victor Vance", reviewing.ACCEPTED, "0.61 (accepted)"):
        assert squeezed(piece) in words
    assert words.count(squeezed("Signed by")) == 10

    files = {name: contents[0] for name, contents in reader.attachments.items()}
    assert set(files) == {
        "bundle.json",
        "evidence-explainability.json",
        "evidence-fairness.json",
        "evidence-performance.json",
        "permit.dsse.json",
    }
    report = verify_bundle(files["bundle.json"], trusted_key=verifying_key())
    assert report.checkpoint.size == dossier.checkpoint_size
    assert squeezed(verifying_key().vkey) in words
    permit = verify_permit(
        read_envelope(files["permit.dsse.json"]),
        permit_key().verifying,
        digest=reviewed.artifact_digest,
        environment="production",
        at=dossier.printed_at,
    )
    assert permit.model == "arrears"
    for kept in Dossier.objects.get(pk=dossier.pk).version.sign_offs.all():
        assert kept.signed_digest in words
    fairness = json.loads(files["evidence-fairness.json"])
    assert fairness["digest"] in words

    # The digest of the file is in the trail, and that it was handed out as well.
    reviewed_office.sequence()
    last = {entry.kind: json.loads(bytes(entry.body))["act"] for entry in Entry.objects.order_by("index")}
    data = store.read(dossier.digest)
    assert last["governance.dossier.printed"]["data"]["digest"] == sha256(data).hexdigest()
    assert last["governance.dossier.printed"]["data"]["status"] == "Permitted"
    assert last["governance.dossier.downloaded"]["data"]["digest"] == dossier.digest
    assert last["governance.dossier.downloaded"]["actor"] == f"user:{person('auditor').pk}"


@pytest.mark.slow
def test_the_dossier_of_an_unreviewed_version_says_no_and_prints_markup_as_text(office: Database) -> None:
    version = reviewing.register(purpose=HOSTILE, notes=HOSTILE)
    dossier, reader = printed(version, office)
    words = words_of(reader)
    assert dossier.status == "Not permitted"
    assert squeezed("✗ Not permitted") in words
    assert squeezed("○ Not decided") in words
    assert squeezed("✗ Missing: this section is not signed off.") in words
    assert squeezed("No permit exists for this version in production.") in words
    assert words.count(squeezed(HOSTILE)) == 2
    assert set(reader.attachments) == {"bundle.json"}


def test_an_order_is_printed_by_a_worker_in_the_name_of_who_ordered(
    office: Database, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "print_dossier", lambda content: content.reference.encode())
    version = reviewing.register()
    order = order_dossier(actor=acting(auditor), version=version, environment=reviewing.production())
    office.sequence()
    print_ordered_dossier(order_id=str(order.pk))
    order.refresh_from_db()
    assert order.status == OrderStatus.SUCCEEDED
    assert order.dossier is not None
    assert order.dossier.printed_by == auditor
    assert store.read(order.dossier.digest) == reference_of(order.dossier).encode()
    # A job may be run twice.
    print_ordered_dossier(order_id=str(order.pk))
    assert Dossier.objects.count() == 1


def test_whoever_ordered_sees_why_nothing_was_printed(
    office: Database, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_trail, "PATIENCE", 0.0)
    version = reviewing.register()
    order = order_dossier(actor=acting(auditor), version=version, environment=reviewing.production())
    print_ordered_dossier(order_id=str(order.pk))
    order = DossierOrder.objects.get(pk=order.pk)
    assert order.status == OrderStatus.FAILED
    assert "start a worker" in order.problem
    assert not Dossier.objects.exists()


@pytest.mark.parametrize("who", ["stranger", "service"])
def test_nobody_prints_or_downloads_without_the_permission(office: Database, who: str) -> None:
    version = reviewing.register()
    actor = acting(person(who))
    kept = store.put_bytes(b"%PDF")
    acts = Act.objects.count()
    with pytest.raises(NotPermitted, match=r"governance\.export_dossier"):
        print_dossier(actor=actor, version=version, environment=reviewing.production())
    with pytest.raises(NotPermitted, match=r"governance\.export_dossier"):
        order_dossier(actor=actor, version=version, environment=reviewing.production())
    with pytest.raises(NotPermitted, match=r"governance\.export_dossier"):
        dossier_bytes(actor=actor, dossier=Dossier(version=version, digest=kept.digest))
    assert Act.objects.count() == acts


def test_a_dossier_is_printed_for_somebody_and_not_for_a_part_of_countersign(office: Database) -> None:
    version = reviewing.register()
    with pytest.raises(NotPermitted, match="account"):
        print_dossier(actor=Actor.system("worker"), version=version, environment=reviewing.production())


def test_a_damaged_dossier_is_not_handed_out(office: Database, auditor: User) -> None:
    version = reviewing.register()
    acts = Act.objects.count()
    with pytest.raises(DomainError, match="not in the store"):
        dossier_bytes(actor=acting(auditor), dossier=Dossier(version=version, digest="ab" * 32))
    assert Act.objects.count() == acts
