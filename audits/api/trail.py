"""The trail to read: entries, proofs, receipts, the newest checkpoint. Never writes and never signs."""

from typing import ClassVar
from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audits.api.views import GuardedView
from audits.errors import NotFound
from audits.merkle.encoding import to_base64
from audits.models import Act, Checkpoint, Entry
from audits.serializers.trail import EntriesFound, EntryDetail, EntryFilter, EntryView, ProofView, ReceiptView
from audits.trail.log import inclusion_proof, latest_checkpoint, receipt, tlog_proof
from audits.trail.search import Asked, find

READ = {"GET": "audits.view_trail"}


class Entries(GuardedView):
    serializer_class = EntriesFound
    pagination_class = None
    needs: ClassVar = READ

    @extend_schema(operation_id="list_entries", parameters=[EntryFilter])
    def get(self, request: Request) -> Response:
        """Search the entries of the trail, newest first; without any filter, list them.

        Pages go on below an index: entries are never changed nor removed, so following ``next`` misses nothing and
        repeats nothing, whatever is added meanwhile.
        """
        asked = EntryFilter(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        found = find(
            Asked(
                subject=given["subject"],
                actor=given["actor"],
                kind=given["kind"],
                since=given.get("from"),
                until=given.get("to"),
                text=given["text"],
            ),
            before=given.get("before"),
            limit=given["page_size"],
        )
        entries = Entry.objects.filter(index__in=found.indexes).defer("body").order_by("-index")
        following = None
        if found.more:
            query = request.query_params.copy()
            query["before"] = str(found.indexes[-1])
            following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        return Response(
            {"next": following, "unsearched": found.unsearched, "results": EntryView(entries, many=True).data}
        )


class EntryByIndex(GuardedView):
    serializer_class = EntryDetail
    needs: ClassVar = READ

    @extend_schema(operation_id="show_entry")
    def get(self, request: Request, index: int) -> Response:
        """Show one entry with its exact body."""
        return Response(EntryDetail(_entry(index)).data)


class EntryProof(GuardedView):
    serializer_class = ProofView
    needs: ClassVar = READ

    @extend_schema(operation_id="show_entry_proof")
    def get(self, request: Request, index: int) -> Response:
        """Prove that an entry is in the log, against the newest checkpoint."""
        entry, checkpoint = _entry(index), _checkpoint()
        if checkpoint.size <= index:
            raise NotFound(f"Entry {index} is not covered by a signed checkpoint yet: ask again in a second.")
        body = {
            "index": index,
            "size": checkpoint.size,
            "leaf_hash": to_base64(bytes(entry.leaf_hash)),
            "proof": [to_base64(step) for step in inclusion_proof(index, checkpoint.size)],
            "checkpoint": checkpoint.note,
        }
        return Response(ProofView(body).data)


class ReceiptOfAct(GuardedView):
    serializer_class = ReceiptView
    needs: ClassVar = READ

    @extend_schema(operation_id="show_receipt")
    def get(self, request: Request, act_id: UUID) -> Response:
        """Show what became of an act by the receipt that its caller was given."""
        found = receipt(act_id)
        if found.index is None and not Act.objects.filter(id=act_id).exists():
            raise Http404(f"No act has the receipt {act_id}.")
        if found.index is None:
            detail = "The act is recorded and not sequenced yet: ask again in a second."
        elif not found.checkpoint:
            detail = f"The act is entry {found.index}; no checkpoint covers it yet: ask again in a second."
        else:
            detail = f"The act is entry {found.index}, and the checkpoint proves it."
        body = {
            "act_id": act_id,
            "sequenced": found.index is not None,
            "proved": bool(found.checkpoint),
            "detail": detail,
            "index": found.index,
            "leaf_hash": to_base64(found.leaf_hash) if found.leaf_hash is not None else None,
            "proof": [to_base64(step) for step in found.proof],
            "checkpoint": found.checkpoint,
        }
        return Response(ReceiptView(body).data)


class ReceiptProof(GuardedView):
    needs: ClassVar = READ

    @extend_schema(operation_id="show_receipt_proof", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, act_id: UUID) -> HttpResponse:
        """The receipt as a file that proves the act offline: a C2SP tlog-proof."""
        return HttpResponse(
            tlog_proof(act_id),
            content_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{act_id}.tlog-proof"'},
        )


class NewestCheckpoint(GuardedView):
    needs: ClassVar = READ

    @extend_schema(operation_id="show_checkpoint", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """The newest signed checkpoint: a C2SP signed note."""
        return HttpResponse(_checkpoint().note, content_type="text/plain; charset=utf-8")


def _entry(index: int) -> Entry:
    found = Entry.objects.filter(index=index).first()
    if found is None:
        raise Http404(f"The trail has no entry {index}.")
    return found


def _checkpoint() -> Checkpoint:
    found = latest_checkpoint()
    if found is None:
        raise NotFound("The trail has no checkpoint yet: a worker signs one (manage.py worker).")
    return found
