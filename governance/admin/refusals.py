"""Why a person may not do something to a version now, in words, for the page that does not offer it.

The services decide and record; a sentence here that is wrong lets nobody do anything.
"""

from collections.abc import Collection

from audits.admin.verbs import Occasion
from audits.models import User
from governance.authorization import role_names
from governance.checklists.templates import Section
from governance.models import Verdict
from governance.roles import roles
from governance.services.signed_content import (
    APPROVER_ROLES,
    VersionFile,
    approval_is_valid,
    read_file,
    section_is_signed,
)
from registry.models import ModelVersion

NO_RULES = "Production is under no policy and checklist yet, so there is nothing to sign against."


def file_of(occasion: Occasion) -> VersionFile | None:
    """The version's file, read once per page."""
    if "file" not in occasion.notes:
        occasion.notes["file"] = read_file(occasion.row)
    found: VersionFile | None = occasion.notes["file"]
    return found


def roles_of(occasion: Occasion) -> list[str]:
    """The person's roles, read once per page."""
    if "roles" not in occasion.notes:
        occasion.notes["roles"] = role_names(occasion.account)
    found: list[str] = occasion.notes["roles"]
    return found


def titles(names: Collection[str]) -> str:
    """Roles as people say them: "validator or compliance officer"."""
    return " or ".join(roles()[name].title.lower() for name in names)


def yours(occasion: Occasion) -> str:
    mine = [roles()[name].title.lower() for name in roles_of(occasion) if name in roles()]
    return f"you are {' and '.join(mine)}" if mine else "you have no role"


def lacking(occasion: Occasion, permission: str) -> str:
    """Empty where the person has the permission; else who has it."""
    if occasion.actor.may(permission):
        return ""
    those = [role.name for role in roles().values() if permission in role.permissions]
    return f"This is for a {titles(those)}; {yours(occasion)}."


def own_work(account: User, version: ModelVersion) -> str:
    if account.pk == version.model.owner_id:
        return f"Nobody approves their own work: you own {version.model.name}."
    if account.pk == version.registered_by_id:
        return "Nobody approves their own work: you registered this version."
    return ""


def approver_role(occasion: Occasion) -> str:
    """In which of the two roles the person would give a verdict; empty where in neither."""
    return next((role for role in APPROVER_ROLES if role in roles_of(occasion)), "")


def to_decide(occasion: Occasion) -> str:
    """Why no verdict can be given, whichever it is."""
    file, role = file_of(occasion), approver_role(occasion)
    if not role:
        return f"A verdict is for a {titles(APPROVER_ROLES)}; {yours(occasion)}."
    if file is None:
        return NO_RULES
    own = own_work(occasion.account, file.version)
    if own:
        return own
    for given in file.approvals:
        if given.role != role and given.signer_id == occasion.account.pk:
            return f"Two different people approve: you gave a verdict as {titles([given.role])} already."
    return ""


def to_approve(occasion: Occasion) -> str:
    found = to_decide(occasion)
    if found:
        return found
    file, role = file_of(occasion), approver_role(occasion)
    if file is None:
        return NO_RULES
    if approval_is_valid(file, role):
        return f"The approval by a {titles([role])} stands: nothing beneath it has changed."
    if role == "compliance_officer" and not approval_is_valid(file, "validator"):
        rejected = any(a.role == "validator" and a.verdict == Verdict.REJECTED for a in file.approvals)
        last = " The last verdict was a rejection." if rejected else ""
        return f"The validator approves first; no valid approval by a validator is there.{last}"
    return ""


def to_sign(occasion: Occasion, section: Section) -> str:
    """Why the person cannot sign this section now."""
    file = file_of(occasion)
    if file is None:
        return NO_RULES
    if section.signed_by not in roles_of(occasion):
        return f"This section is signed by a {titles([section.signed_by])}; {yours(occasion)}."
    if section.signed_by != "owner":
        own = own_work(occasion.account, file.version)
        if own:
            return own
    answered = {answer.question for answer in file.answers}
    missing = sum(question.id not in answered for question in section.questions)
    if missing:
        return f"{missing} of {len(section.questions)} questions are not answered yet."
    if section_is_signed(file, section):
        return "It is signed as it stands."
    return ""


def to_answer(occasion: Occasion, section: Section) -> str:
    if file_of(occasion) is None:
        return NO_RULES
    lack = lacking(occasion, "governance.answer_checklist")
    if lack:
        return lack
    if not any(question.answered_by in roles_of(occasion) for question in section.questions):
        asked = sorted({question.answered_by for question in section.questions})
        return f"The questions here are for a {titles(asked)} to answer; {yours(occasion)}."
    return ""


def to_accept(occasion: Occasion) -> str:
    file = file_of(occasion)
    if file is None:
        return NO_RULES
    lack = lacking(occasion, "governance.accept_risk")
    if lack:
        return lack
    own = own_work(occasion.account, file.version)
    if own:
        return own
    if not file.evidence:
        return "Nothing is measured yet, so there is nothing to accept."
    return ""
