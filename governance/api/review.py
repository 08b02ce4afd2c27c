"""What people do to a version over the API: answer, sign off, accept a risk, approve or reject.

A signature takes the password again; a token alone signs nothing.
"""

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.as_of import AS_OF, LooksBack
from audits.api.views import GuardedView, receipt, written
from audits.errors import NotPermitted
from audits.models import User
from audits.serializers.strict import StrictSerializer
from governance.models import Approval
from governance.serializers.review import (
    AnswerRequest,
    AnswerView,
    ApprovalRequest,
    ApprovalView,
    ChecklistView,
    RiskAcceptanceRequest,
    RiskAcceptanceView,
    SignOffRequest,
    SignOffView,
)
from governance.services.past import approvals_as_of
from governance.services.review import GivenAnswer, accept_risk, answer_questions, decide_version, sign_section
from governance.services.signed_content import VersionFile, latest_sign_off, read_file, section_is_signed
from governance.services.signing import FreshAuthentication, authenticate_freshly
from registry.services.inventory import find_version
from registry.services.past import version_as_of


class ChecklistOfVersion(GuardedView):
    serializer_class = ChecklistView
    needs: ClassVar = {"GET": "governance.view"}

    @extend_schema(operation_id="show_checklist")
    def get(self, request: Request, name: str, number: int) -> Response:
        """Show the checklist of a version with its answers and sign-offs."""
        file = read_file(find_version(model=name, number=number))
        if file is None:
            raise Http404("No checklist is assigned to production: run manage.py setup.")
        return Response(ChecklistView(_checklist(file)).data)


class Answer(GuardedView):
    serializer_class = AnswerView
    needs: ClassVar = {"PUT": "governance.answer_checklist"}

    @extend_schema(operation_id="answer_question", request=AnswerRequest)
    def put(self, request: Request, name: str, number: int, question: str) -> Response:
        """Answer one question, or answer it anew."""
        version = find_version(model=name, number=number)
        given = _given(request, AnswerRequest)
        with receipt() as done:
            (answer,) = answer_questions(
                actor=self.actor, version=version, answers=[GivenAnswer(question=question, **given)]
            )
        return written(AnswerView(answer), done, status=200)


class SignOffs(GuardedView):
    serializer_class = SignOffView
    needs: ClassVar = {"POST": "governance.sign_section"}

    @extend_schema(operation_id="sign_section", request=SignOffRequest, responses={201: SignOffView})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Sign one section of the checklist as it stands now."""
        version = find_version(model=name, number=number)
        given = _given(request, SignOffRequest)
        authentication = _authenticated(request, given.pop("password"))
        with receipt() as done:
            signed = sign_section(actor=self.actor, version=version, authentication=authentication, **given)
        return written(SignOffView(signed), done)


class Approvals(LooksBack):
    serializer_class = ApprovalView
    # Whoever may look may try: the service refuses whom it must, and the refusal is an act.
    needs: ClassVar = {"GET": "governance.view", "POST": "governance.view"}

    @extend_schema(operation_id="list_approvals", parameters=[AS_OF], responses=ApprovalView(many=True))
    def get(self, request: Request, name: str, number: int) -> Response:
        """List the verdicts on a version, in order. Whether they still count is in its standing."""
        moment = self.moment()
        if moment is not None:
            then = version_as_of(moment, model=name, number=number)
            return self.past_page(moment, approvals_as_of(moment, [then.pk]), ApprovalView)
        version = find_version(model=name, number=number)
        rows = Approval.objects.select_related("signer").filter(version=version).order_by("signed_at", "id")
        return self.page(rows, ApprovalView)

    @extend_schema(operation_id="decide_version", request=ApprovalRequest, responses={201: ApprovalView})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Approve or reject a version as validator or as compliance officer."""
        version = find_version(model=name, number=number)
        given = _given(request, ApprovalRequest)
        authentication = _authenticated(request, given.pop("password"))
        with receipt() as done:
            approval = decide_version(actor=self.actor, version=version, authentication=authentication, **given)
        return written(ApprovalView(approval), done)


class RiskAcceptances(GuardedView):
    serializer_class = RiskAcceptanceView
    needs: ClassVar = {"POST": "governance.view"}

    @extend_schema(operation_id="accept_risk", request=RiskAcceptanceRequest, responses={201: RiskAcceptanceView})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Accept, until a day, what the measurement of a topic showed."""
        version = find_version(model=name, number=number)
        given = _given(request, RiskAcceptanceRequest)
        authentication = _authenticated(request, given.pop("password"))
        with receipt() as done:
            acceptance = accept_risk(actor=self.actor, version=version, authentication=authentication, **given)
        return written(RiskAcceptanceView(acceptance), done)


def _given(request: Request, form: type[StrictSerializer]) -> dict[str, Any]:
    asked = form(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _authenticated(request: Request, password: str) -> FreshAuthentication:
    if not isinstance(request.user, User):
        raise NotPermitted("Only a person signs.")
    return authenticate_freshly(account=request.user, password=password)


def _checklist(file: VersionFile) -> dict[str, object]:
    template = file.checklist.template
    answers = {answer.question: answer for answer in file.answers}
    return {
        "id": template.id,
        "title": template.title,
        "version": template.version,
        "digest": template.digest,
        "answered": sum(question.id in answers for question in template),
        "asked": len(template.questions),
        "sections": [
            {
                "id": section.id,
                "title": section.title,
                "purpose": section.purpose,
                "signed_by": section.signed_by,
                "signed": section_is_signed(file, section),
                "sign_off": latest_sign_off(file, section),
                "questions": [
                    {
                        "id": question.id,
                        "text": question.text,
                        "help": question.help,
                        "answered_by": question.answered_by,
                        "evidence": question.evidence,
                        "blocking": question.blocking,
                        "answer": answers.get(question.id),
                    }
                    for question in section.questions
                ],
            }
            for section in template.sections
        ],
    }
