"""Every address of the admin, and who gets what there: the table that the tests walk.

``READERS`` read everything; a verb names who may do it. Everybody else is refused; who has not signed in
is led to the door.
"""

from dataclasses import dataclass

from tests.governance.admin.office import Office

READERS = ("owner", "validator", "risk_officer", "compliance_officer", "auditor")


@dataclass(frozen=True, kw_only=True)
class Address:
    """``may``: roles for whom GET answers 200. ``posts``: what POST with an empty form answers those who read."""

    path: str
    may: tuple[str, ...] = READERS
    posts: int = 405


def addresses(office: Office) -> dict[str, Address]:
    """By the name of the URL."""
    rooms = {
        "registry_registeredmodel": office.model,
        "registry_modelversion": office.ready,
        "registry_datasetversion": office.dataset,
        "registry_assessment": office.assessment,
        "registry_deployment": office.deployment,
        "registry_predictionbatch": office.batch,
        "registry_intake": office.upload,
        "registry_environment": office.environment,
        "audits_evidence": office.evidence,
        "audits_entry": "0",
        "audits_verification": office.verification,
        "audits_user": "1",
        "governance_decision": office.decision,
        "governance_dossier": office.dossier,
        "governance_policy": office.policy,
        "governance_checklist": office.checklist,
        "governance_apitoken": office.token,
    }
    found: dict[str, Address] = {"index": Address(path="/admin/", posts=200)}
    for room, key in rooms.items():
        base = f"/admin/{room.replace('_', '/')}/"
        found[f"{room}_changelist"] = Address(path=base)
        found[f"{room}_change"] = Address(path=f"{base}{key}/")
        if room != "audits_entry":
            found[f"{room}_past"] = Address(path=f"{base}{key}/past/")
    version, started = f"/admin/registry/modelversion/{office.ready}", f"/admin/registry/modelversion/{office.started}"
    evidence = f"/admin/audits/evidence/{office.evidence}"

    def verb(path: str, *may: str, posts: int = 400) -> Address:
        return Address(path=path, may=may, posts=posts)

    found |= {
        "registry_modelversion_approve": verb(f"{version}/approve/", "validator"),
        "registry_modelversion_reject": verb(f"{version}/reject/", "validator", "compliance_officer"),
        "registry_modelversion_accept-risk": verb(f"{version}/accept-risk/", "risk_officer"),
        "registry_modelversion_assess": verb(f"{version}/assess/", "owner", "validator"),
        "registry_modelversion_print-dossier": verb(f"{version}/print-dossier/", *READERS),
        "registry_modelversion_bundle": verb(f"{version}/bundle/", *READERS),
        "registry_modelversion_answer": verb(f"{version}/answer/problem/", "owner", "risk_officer", posts=302),
        "registry_modelversion_sign": verb(f"{started}/sign/problem/", "owner"),
        "registry_registeredmodel_reassign": verb(f"/admin/registry/registeredmodel/{office.model}/reassign/", "owner"),
        "registry_registeredmodel_retire": verb(f"/admin/registry/registeredmodel/{office.model}/retire/", "owner"),
        "registry_environment_assign-policy": verb(
            f"/admin/registry/environment/{office.environment}/assign-policy/", "risk_officer"
        ),
        "audits_user_create": verb("/admin/audits/user/create/", "compliance_officer"),
        "audits_user_assign-roles": verb("/admin/audits/user/1/assign-roles/", "compliance_officer"),
        "audits_user_set-password": verb("/admin/audits/user/1/set-password/", "compliance_officer"),
        "governance_apitoken_issue": verb("/admin/governance/apitoken/issue/", "compliance_officer"),
        "governance_apitoken_revoke": verb(f"/admin/governance/apitoken/{office.token}/revoke/", "compliance_officer"),
        # The account is open, and the reason is one's own or none's: what is refused is said on the page.
        "audits_user_close": verb("/admin/audits/user/1/close/", "compliance_officer"),
        "audits_user_erase": verb("/admin/audits/user/1/erase/"),
        "audits_entry_erase-reason": verb("/admin/audits/entry/0/erase-reason/", "compliance_officer"),
        "audits_entry_export": verb("/admin/audits/entry/export/", *READERS),
        "registry_registeredmodel_export": verb("/admin/registry/registeredmodel/export/", *READERS),
        "registry_modelversion_export": verb("/admin/registry/modelversion/export/", *READERS),
        "governance_decision_export": verb("/admin/governance/decision/export/", *READERS),
        "audits_entry_verify": verb("/admin/audits/entry/verify/", *READERS, posts=302),
        "audits_entry_receipt": Address(path="/admin/audits/entry/0/receipt/"),
        "audits_entry_proof": Address(path="/admin/audits/entry/0/proof/"),
        "audits_entry_bundle": Address(path="/admin/audits/entry/0/bundle/"),
        "audits_entry_bundle-period": verb("/admin/audits/entry/bundle-period/", *READERS),
        "audits_entry_bundle-history": verb("/admin/audits/entry/0/bundle-history/", *READERS),
        "audits_verification_run": Address(path=f"/admin/audits/verification/runs/{office.run}/"),
        "audits_evidence_figure": Address(path=f"{evidence}/figures/figure/"),
        "audits_evidence_record": Address(path=f"{evidence}/record/"),
        "governance_dossier_download": Address(path=f"/admin/governance/dossier/{office.dossier}/download/"),
    }
    return found


# Open to every account, also without a role; looked at by tests of their own.
OPEN = {"login", "logout", "password_change"}
