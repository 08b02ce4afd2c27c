"""Erasing personal texts over HTTP: first what would be erased, then the act itself."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.views import GuardedView, receipt, written
from audits.serializers.erasures import Erasure, ErasureView
from audits.services.erasure import PERMISSION, RowTexts, erase, plan_erasure


class Erasures(GuardedView):
    serializer_class = Erasure
    needs: ClassVar = {"POST": PERMISSION}

    @extend_schema(operation_id="erase_texts", responses={201: ErasureView, 200: ErasureView})
    def post(self, request: Request) -> Response:
        """Erase personal columns of rows, or reasons of acts. With ``dry_run`` say what would be erased."""
        asked = Erasure(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        rows = [
            RowTexts(table=row["table"], key=row["key"], fields=tuple(row["columns"])) for row in given.get("rows", ())
        ]
        reasons = given.get("reasons", [])
        if given["dry_run"]:
            planned = plan_erasure(actor=self.actor, rows=rows, reasons=reasons)
            return Response(_view(planned.texts, erased=False))
        with receipt() as done:
            found = erase(actor=self.actor, rows=rows, reasons=reasons, reason=given.get("reason", ""))
        return written(ErasureView(_view(found.texts, erased=True)), done)


def _view(texts: int, *, erased: bool) -> dict[str, Any]:
    return {"texts": texts, "erased": erased}
