"""The trail as a feed and lists as files over HTTP. What is read out here is recorded as an act by the services."""

from typing import ClassVar

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from audits.api.views import GuardedView
from audits.errors import DomainError
from audits.serializers.exporting import ExportQuery, FeedQuery
from audits.services.exporting import FORMATS, TRAIL, Exported, export, export_trail
from audits.services.feeding import PERMISSION, read_feed


class Feed(GuardedView):
    needs: ClassVar = {"GET": PERMISSION}

    @extend_schema(
        operation_id="read_feed", parameters=[FeedQuery], responses={(200, "application/x-ndjson"): OpenApiTypes.STR}
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Entries after an index, a line each: ask again with the last index that you have kept."""
        asked = FeedQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        lines = read_feed(actor=self.actor, after=given["after"], limit=given["limit"], form=given["format"])
        return StreamingHttpResponse(lines, content_type="application/x-ndjson")


class Export(GuardedView):
    needs: ClassVar = {"GET": ("registry.view", "governance.view", "audits.view_trail")}

    @extend_schema(
        operation_id="export_list",
        parameters=[ExportQuery],
        responses={(200, media): OpenApiTypes.STR for media in ("text/csv", FORMATS["json"])},
    )
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """A list as CSV or JSON, each row with index and hash of the entry that last set it."""
        asked = ExportQuery(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        form = given.pop("format")
        if name == TRAIL:
            return file_response(export_trail(actor=self.actor, form=form, chosen=given))
        if given:
            raise DomainError(
                f"Only the export of the trail is narrowed: leave {', '.join(given)} out, or ask for exports/{TRAIL}.",
                code="not_narrowed",
            )
        return file_response(export(actor=self.actor, name=name, form=form))


def file_response(exported: Exported) -> StreamingHttpResponse:
    """The file, to be saved under its name; the receipt of the act is in a header."""
    response = StreamingHttpResponse(exported.pieces, content_type=exported.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{exported.file_name}"'
    response.headers["Countersign-Receipt"] = str(exported.act.id)
    return response
