"""Where monitoring hands in predictions with their outcomes: JSON lines counted as they stream, Parquet by a worker.

A batch is kept whole or not at all: one bad line, or an end too early, and nothing of it remains.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar, NoReturn

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.actors import actor_of_plain
from audits.api.parsers import BadBody, announced_length, body_chunks, json_value, refuse_nul
from audits.api.views import GuardedView, by_method, plain, receipt
from audits.artifacts import store
from audits.errors import DomainError
from audits.trail import Actor
from registry.api.uploads import announced_digest
from registry.models import Environment, ModelVersion, PredictionBatch
from registry.serializers.inventory import IntakeView
from registry.serializers.operations import PredictionBatchView, PredictionLine
from registry.services.intakes import receive_predictions
from registry.services.inventory import find_version
from registry.services.operations import BatchFacts, find_environment, report_predictions

PERMISSION = "registry.report_predictions"
LINES = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
LONGEST_LINE = 1024 * 1024
MOST_COLUMNS = 1000


class Predictions(GuardedView):
    serializer_class = PredictionBatchView
    needs: ClassVar = {"GET": "registry.view", "POST": PERMISSION}

    @extend_schema(operation_id="list_predictions", responses=PredictionBatchView(many=True))
    def get(self, request: Request, name: str, number: int) -> Response:
        """List the batches of predictions of a version, newest first."""
        version = find_version(model=name, number=number)
        rows = PredictionBatch.objects.select_related("version__model", "environment", "reported_by")
        return self.page(rows.filter(version=version), PredictionBatchView)

    @extend_schema(
        operation_id="report_predictions",
        parameters=[OpenApiParameter("environment", str, required=True, description="Where they were made.")],
        request={LINES: PredictionLine, PARQUET: OpenApiTypes.BINARY},
        responses={
            201: OpenApiResponse(PredictionBatchView, "JSON lines were counted and kept."),
            202: OpenApiResponse(IntakeView, "Parquet was kept; a worker counts it: ask for the intake."),
        },
        description=(
            "Hand in a batch: one JSON object a line with `prediction`, and `outcome` where it is known, or a Parquet "
            "file with these columns. One bad line refuses the batch and is named."
        ),
    )
    def post(self, request: Request, name: str, number: int) -> Response:
        """Hand in a batch of predictions."""
        raise NotImplementedError  # Described here; report() below answers.


@plain
def report(request: HttpRequest, name: str, number: int) -> JsonResponse:
    """Monitoring's hook: a plain view that streams."""
    actor = actor_of_plain(request)
    actor.require(PERMISSION)
    refuse_nul(request)
    version = find_version(model=name, number=number)
    if "environment" not in request.GET:
        raise DomainError("Say where they were made: add ?environment=production, for example.", code="no_environment")
    environment = find_environment(request.GET["environment"])
    if request.content_type not in (LINES, PARQUET):
        raise UnsupportedMediaType(request.content_type or "", f"Send {LINES} or {PARQUET}.")
    length = announced_length(request, limit=settings.UPLOAD_LIMIT_BYTES)
    if not length:
        raise DomainError("The batch holds no predictions; send at least one row.", code="empty_batch")
    counted = _Lines() if request.content_type == LINES else None
    chunks = body_chunks(request)
    content = store.put(
        counted.through(chunks) if counted else chunks,
        expected_digest=announced_digest(request.headers.get("X-Content-SHA256", "")),
        expected_size=length,
    )
    return _keep(actor, version, environment, content, counted)


def _keep(
    actor: Actor, version: ModelVersion, environment: Environment, content: store.Stored, counted: "_Lines | None"
) -> JsonResponse:
    with receipt() as done:
        if counted is None:
            intake = receive_predictions(
                actor=actor,
                version=version,
                environment=environment,
                content=content,
                file_name="predictions.parquet",
                media_type=PARQUET,
            )
            headers = {"Location": f"/api/v1/intakes/{intake.pk}"}
            return JsonResponse({**IntakeView(intake).data, "receipt": done.id}, status=202, headers=headers)
        batch = report_predictions(
            actor=actor,
            version=version,
            environment=environment,
            content=content,
            media_type=LINES,
            facts=counted.facts(),
        )
    return JsonResponse({**PredictionBatchView(batch).data, "receipt": done.id}, status=201)


class _Lines:
    """Checks and counts JSON lines while their bytes pass through."""

    def __init__(self) -> None:
        self._number = self._rows = self._outcomes = 0
        self._columns: dict[str, None] = {}

    def facts(self) -> BatchFacts:
        return BatchFacts(rows=self._rows, rows_with_outcome=self._outcomes, columns=list(self._columns))

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same bytes. Raises BadBody naming the first bad line."""
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
            if len(rest) > LONGEST_LINE:
                self._take(rest)
            yield chunk
        self._take(rest)

    def _take(self, line: bytes) -> None:
        self._number += 1
        if len(line) > LONGEST_LINE:
            self._refuse(f"is longer than {LONGEST_LINE} bytes.")
        if not line.strip():
            return
        row = json_value(line, what=f"Nothing was kept: line {self._number}")
        if not isinstance(row, dict):
            self._refuse("is not a JSON object.")
        if row.get("prediction") is None:
            self._refuse("has no prediction.")
        for name in ("prediction", "outcome"):
            if isinstance(row.get(name), dict | list):
                self._refuse(f"has a {name} that is no single value.")
        self._rows += 1
        self._outcomes += row.get("outcome") is not None
        self._columns.update(dict.fromkeys(row))
        if len(self._columns) > MOST_COLUMNS:
            self._refuse(f"brings the number of fields over {MOST_COLUMNS}.")

    def _refuse(self, why: str) -> NoReturn:
        raise BadBody(f"Nothing was kept: line {self._number} {why}", code="bad_line")


predictions = by_method(Predictions, get=Predictions.as_view(), post=report)
