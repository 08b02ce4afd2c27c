"""Approve, reject, sign a section: each takes the password, a meaning, and what was on the page.

Never signs what the person did not see: the digest that the page showed must still be the one.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import Http404

from audits.admin.forms import SigningForm
from audits.admin.panels import Panel
from audits.admin.verbs import Done, Occasion, Verb
from audits.errors import Conflict
from governance.admin.checklist_view import names_of_answerers, section_view, section_views
from governance.admin.refusals import approver_role, file_of, titles, to_approve, to_decide, to_sign
from governance.admin.review_panels import evidence, sections, what_is_signed
from governance.admin.standing_view import standings_of
from governance.checklists.templates import Section
from governance.models import Verdict
from governance.services.review import decide_version, sign_section
from governance.services.signed_content import approval_digest, section_digest
from governance.services.signing import FreshAuthentication, authenticate_freshly

WHEN_IT_COUNTS = (
    "It counts while nothing beneath it changes: the artifact, its data, the evidence, the answers, the sign-offs, "
    "accepted risks, the model's risk tier, the policy. Then it goes stale by itself."
)


class SigningVerb(Verb):
    """A verb that signs. ``signed_now`` is the digest of what would be signed."""

    form_class = SigningForm

    def meaning(self, occasion: Occasion) -> str:
        raise NotImplementedError

    def signed_now(self, occasion: Occasion, form: forms.Form | None = None) -> str:
        raise NotImplementedError

    def form(self, occasion: Occasion, data: Any = None) -> forms.Form:
        if data is not None:
            return self.form_class(data)
        return self.form_class(initial={"meaning": self.meaning(occasion), "seen": self.signed_now(occasion)})

    def authentication(self, occasion: Occasion, form: forms.Form) -> FreshAuthentication:
        """The password, checked; and what is there now against what the page showed."""
        fresh = authenticate_freshly(account=occasion.account, password=form.cleaned_data["password"])
        now = self.signed_now(occasion, form)
        # Where the person may not sign at all, the service is to say so, and record it.
        if not self.refusal(occasion) and form.cleaned_data["seen"] != now:
            # The page is shown again as things are now; what was typed stays.
            form.data = {**form.data.dict(), "seen": now}  # type: ignore[attr-defined] # What came is a QueryDict.
            raise Conflict(
                "What you would sign has changed since you opened this page. Nothing was signed: read it again, then "
                "sign what is there now.",
                code="changed_meanwhile",
            )
        return fresh


class _Verdict(SigningVerb):
    verdict: Verdict

    def _role(self, occasion: Occasion) -> str:
        # Who has neither role asks as validator, and the service refuses and records it.
        return approver_role(occasion) or "validator"

    def signed_now(self, occasion: Occasion, form: forms.Form | None = None) -> str:
        file = file_of(occasion)
        return approval_digest(file, self._role(occasion)) if file is not None else ""

    def panels(self, occasion: Occasion) -> Sequence[Panel]:
        file = file_of(occasion)
        if file is None:
            return ()
        return [
            what_is_signed(file, self.signed_now(occasion)),
            sections(file),
            evidence(file),
        ]

    def context(self, occasion: Occasion) -> dict[str, object]:
        return {"standings": standings_of(occasion.row)}

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        given = form.cleaned_data
        authentication = self.authentication(occasion, form)
        approval = decide_version(
            actor=occasion.actor,
            version=occasion.row,
            role=self._role(occasion),
            verdict=self.verdict,
            meaning=given["meaning"],
            authentication=authentication,
            expected_digest=form.cleaned_data["seen"],
            comment=given["comment"],
        )
        return Done(sentence=f"{occasion.row} is {self.verdict.label.lower()} by you as {titles([approval.role])}.")


class Approve(_Verdict):
    name = "approve"
    title = "Approve"
    weight = "primary"
    verdict = Verdict.APPROVED
    submit = "Sign and approve"

    def refusal(self, occasion: Occasion) -> str:
        return to_approve(occasion)

    def meaning(self, occasion: Occasion) -> str:
        return f"As {titles([self._role(occasion)])} I approve this version for use under the policy."

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        file = file_of(occasion)
        said = [
            f"Your approval of {occasion.row} is recorded with your name, the time and its meaning.",
            WHEN_IT_COUNTS,
        ]
        if file is not None:
            unsigned = [v for v in section_views(file, {}) if v.state != "signed"]
            if unsigned:
                said.append(
                    f"{len(unsigned)} sections of the checklist are not signed as they stand. Your approval goes stale "
                    "when they are: let them be signed first."
                )
        return said


class Reject(_Verdict):
    name = "reject"
    title = "Reject"
    weight = "danger"
    verdict = Verdict.REJECTED
    submit = "Sign and reject"

    def refusal(self, occasion: Occasion) -> str:
        return to_decide(occasion)

    def meaning(self, occasion: Occasion) -> str:
        return f"As {titles([self._role(occasion)])} I reject this version."

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            f"{occasion.row} may not run until somebody in your role approves it. An approval of yours is superseded.",
            "The comment must say why: the owner reads it.",
        )


class SignSection(SigningVerb):
    name = "sign"
    title = "Sign section"
    weight = "primary"
    takes_argument = True
    submit = "Sign this section"

    def heading(self, occasion: Occasion) -> str:
        return f"Sign “{find_section(occasion).title}” of {occasion.row}"

    def refusal(self, occasion: Occasion) -> str:
        return to_sign(occasion, find_section(occasion))

    def meaning(self, occasion: Occasion) -> str:
        section = find_section(occasion)
        return f"As {titles([section.signed_by])} I have read these answers and stand by them."

    def signed_now(self, occasion: Occasion, form: forms.Form | None = None) -> str:
        file = file_of(occasion)
        return section_digest(file, find_section(occasion)) if file is not None else ""

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "The section as it stands below is signed with your name, the time and the meaning.",
            "The signature goes stale by itself when an answer, its evidence, the artifact or its data changes.",
        )

    def context(self, occasion: Occasion) -> dict[str, object]:
        file, section = file_of(occasion), find_section(occasion)
        if file is None:
            return {}
        return {"section": section_view(file, section, names_of_answerers(file)), "seen": self.signed_now(occasion)}

    def perform(self, occasion: Occasion, form: forms.Form) -> Done:
        section = find_section(occasion)
        authentication = self.authentication(occasion, form)
        sign_section(
            actor=occasion.actor,
            version=occasion.row,
            section=section.id,
            meaning=form.cleaned_data["meaning"],
            authentication=authentication,
            expected_digest=form.cleaned_data["seen"],
            comment=form.cleaned_data["comment"],
        )
        return Done(sentence=f"“{section.title}” is signed.")


def find_section(occasion: Occasion) -> Section:
    """The section that the URL names, or 404."""
    file = file_of(occasion)
    sections = file.checklist.template.sections if file is not None else ()
    for section in sections:
        if section.id == occasion.argument:
            return section
    raise Http404("The checklist has no such section.")
