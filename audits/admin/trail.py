"""The trail in the admin: its entries, each with the exact bytes that were hashed.

Shows and verifies; nothing here could change an entry, and the database would refuse.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import orjson
from django.apps import apps
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

from audits.admin.bundles import ExportHistory, ExportPeriod
from audits.admin.erasing import EraseReason
from audits.admin.exporting import ExportList
from audits.admin.history import lines_of, names_of
from audits.admin.panels import Panel, Table, Value, code, digest, fact, folded, mark, prose, text, time
from audits.admin.past import label_of
from audits.admin.tags import utc
from audits.admin.trail_status import trail_status
from audits.admin.verbs import Done, Occasion, Verb, VerbAdmin
from audits.documents.formatting import ABSENT, format_time
from audits.errors import DomainError
from audits.merkle.encoding import to_base64
from audits.merkle.errors import VerificationError
from audits.merkle.tree import leaf_hash, verify_inclusion
from audits.models import Checkpoint, Entry
from audits.services.verification import ask_verification
from audits.trail.entries import whole_entry
from audits.trail.log import bundle_of, inclusion_proof, latest_checkpoint, tlog_proof
from audits.trail.search import Asked, UnclearSearch, find
from audits.trail.values import fields_of

_OPS = {"I": "inserted", "U": "updated", "D": "deleted", "S": "as it stood", "E": "text erased"}

# Of what a search finds.
FOUND = 1000
_CUT = 120  # Characters of a value in the list of changes.


class LogPages(Paginator):  # type: ignore[type-arg] # Only the type checker's takes a parameter.
    """Pages over the log: indexes have no holes, so the whole is not counted row by row."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if isinstance(rows, QuerySet) and not rows.query.where:
            last = rows.order_by("-index").values_list("index", flat=True).first()
            return 0 if last is None else last + 1
        return len(rows) if isinstance(rows, Sequence) else rows.count()


class TimeFilter(admin.DateFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "time"


class VerifyTrail(Verb):
    """Have a worker re-compute everything, now."""

    name = "verify"
    title = "Verify the trail now"
    form_class = Form
    on_list = True
    weight = "primary"
    submit = "Verify"

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        return (
            "Every entry is hashed again into the signed tree; every governed row and every stored file is compared "
            "with what the trail says.",
            "A worker does it, and you can watch. It takes as long as the trail and the files are large.",
            "What it comes to is kept, and is an act in the trail.",
        )

    def perform(self, occasion: Occasion, form: Form) -> Done:
        run = ask_verification(actor=occasion.actor)
        return Done(
            sentence="A worker was asked to verify the trail.",
            url=reverse("admin:audits_verification_run", args=[run.pk]),
        )


@admin.register(Entry)
class EntryAdmin(VerbAdmin):
    view_permission = "audits.view_trail"
    list_title = "The trail"
    detail_template = "countersign/entry.html"
    list_display = ("index", "when", "what", "who", "about", "why")
    list_display_links = ("index", "what")
    list_filter = (("at", TimeFilter),)
    search_fields = ("kind",)
    search_help_text = (
        "A subject (registry.modelversion:<id>), an actor (user:7), a kind or the beginning of one "
        "(governance.approval), an index, or words: of an entry, of a reason, of a text beside it"
    )
    ordering = ("-index",)
    paginator = LogPages
    verbs = (VerifyTrail(), ExportList("trail"), EraseReason(), ExportPeriod(), ExportHistory())

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Entry]", search_term: str
    ) -> "tuple[QuerySet[Entry], bool]":
        """The newest that fit, at most as many as ``FOUND``: each search is one or two look-ups in an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isdigit() and len(term) < 19:
            return queryset.filter(index=int(term)), False
        try:
            found = find(asked_by(term), limit=FOUND)
        except UnclearSearch as error:
            messages.warning(request, error.message)
            return queryset.none(), False
        if found.more:
            messages.info(request, f"These are the newest {FOUND}; add words, or ask for fewer by time.")
        if found.unsearched:
            messages.warning(request, f"{found.unsearched} entries are not searched yet: no worker has taken them in.")
        return queryset.filter(index__in=found.indexes), False

    def more_urls(self) -> list[URLPattern]:
        return [
            *super().more_urls(),
            path("<str:object_id>/receipt/", self.page(require_safe(self.receipt_view)), name="audits_entry_receipt"),
            path("<str:object_id>/proof/", self.page(require_safe(self.proof_view)), name="audits_entry_proof"),
            path("<str:object_id>/bundle/", self.page(require_safe(self.bundle_view)), name="audits_entry_bundle"),
        ]

    def receipt_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The entry's receipt: a C2SP tlog-proof."""
        row = self.find(request, object_id)
        try:
            return _file(tlog_proof(row.act_id), f"entry-{row.index}.tlog-proof", "text/plain; charset=utf-8")
        except DomainError as error:
            raise Http404(error.message) from error

    def proof_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The inclusion proof (RFC 9162, section 2.1.3), hashes in Base64."""
        row, checkpoint, proof = self._proved(request, object_id)
        document = {
            "index": row.index,
            "size": checkpoint.size,
            "leaf_hash": to_base64(bytes(row.leaf_hash)),
            "proof": [to_base64(step) for step in proof],
            "checkpoint": checkpoint.note,
        }
        return _file(json.dumps(document, indent=1), f"entry-{row.index}-proof.json", "application/json")

    def bundle_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The proof bundle of this entry alone: what is on its page, for whoever checks it without us."""
        row = self.find(request, object_id)
        try:
            data = bundle_of([row.index], about={"selected": f"Entry {row.index} of the trail."})
        except DomainError as error:
            raise Http404(error.message) from error
        return _file(data, f"entry-{row.index}-bundle.json", "application/json")

    def _proved(self, request: HttpRequest, object_id: str) -> tuple[Entry, Checkpoint, tuple[bytes, ...]]:
        row: Entry = self.find(request, object_id)
        checkpoint = latest_checkpoint()
        if checkpoint is None or checkpoint.size <= row.index:
            raise Http404(f"No checkpoint covers entry {row.index} yet: a worker signs one within a second.")
        return row, checkpoint, inclusion_proof(row.index, checkpoint.size)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        lines = {line.index: line for line in lines_of(changes.result_list)}
        for entry in changes.result_list:
            entry.line = lines[entry.index]
        return changes

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"trail": trail_status(), **(extra_context or {})})

    @admin.display(description="Time", ordering="index")
    def when(self, row: Any) -> SafeString | str:
        return utc(row.at)

    @admin.display(description="Act", ordering="kind")
    def what(self, row: Any) -> str:
        return str(row.line.what)

    @admin.display(description="Who", ordering="actor")
    def who(self, row: Any) -> str:
        return str(row.line.who)

    @admin.display(description="About")
    def about(self, row: Entry) -> SafeString:
        """What kind of thing, and the beginning of its id; a click shows all that was done to it."""
        kind, _, key = row.subject.partition(":")
        return format_html('<a href="?q={}">{} {}</a>', row.subject, kind.rpartition(".")[2], key[:8])

    @admin.display(description="Reason")
    def why(self, row: Any) -> str:
        return row.line.reason or ABSENT

    def detail_title(self, row: Entry) -> str:
        return f"Entry {row.index}"

    def detail_context(self, request: HttpRequest, row: Entry) -> dict[str, Any]:
        body = bytes(row.body)
        document = orjson.loads(whole_entry(row))
        status = trail_status()
        return {
            **super().detail_context(request, row),
            "pretty": json.dumps(document, indent=2, ensure_ascii=False),
            "length": len(body),
            "trail": status,
            "panels": [_act(row, document), _changes(document), _leaf(row, body), _inclusion(row, body)],
        }


def asked_by(term: str) -> Asked:
    """What a line typed into the search box asks for."""
    if re.fullmatch(r"(user|system|token):\S+", term):
        return Asked(actor=term)
    if re.fullmatch(r"[a-z_.]+:\S+", term):
        return Asked(subject=term)
    if re.fullmatch(r"[a-z]+\.[a-z_]+(\.[a-z_]+)?", term):
        return Asked(kind=term)
    return Asked(text=term)


def _file(data: str | bytes, name: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(data, content_type=content_type, headers=headers)


def _act(row: Entry, document: dict[str, Any]) -> Panel:
    (line,) = lines_of([row])
    return Panel(
        title="The act",
        facts=[
            fact("What", line.what),
            fact("Kind", code(row.kind)),
            fact(
                "Who", f"{names_of([row.actor]).get(row.actor, row.actor)} ({row.actor}, via {document['act']['via']})"
            ),
            fact("About", code(row.subject)),
            fact("Time", time(row.at)),
            fact("Reason", prose(line.reason or "none given")),
            fact("Receipt", code(row.act_id)),
        ],
    )


def _changes(document: dict[str, Any]) -> Panel:
    labels = {change["table"]: _labels(change["table"]) for change in document["changes"]}
    rows = [
        (
            text(_OPS.get(change["op"], change["op"])),
            text(thing_of(change["table"])),
            _row_of(change["table"], change["key"]),
            prose(_diff(change["diff"], labels[change["table"]])),
        )
        for change in document["changes"]
    ]
    table = Table(head=("", "What", "Row", "Fields"), rows=rows, empty="The act changed no governed row.")
    return Panel(title="What it changed", table=table)


def _models() -> dict[str, Any]:
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}


def thing_of(table: str) -> str:
    """A table as people call what it holds."""
    model = _models().get(table)
    return capfirst(str(model._meta.verbose_name)) if model is not None else table


def _labels(table: str) -> dict[str, str]:
    model = _models().get(table)
    return {} if model is None else {column: label_of(model, column) for column in fields_of(model)}


def _row_of(table: str, key: str) -> Value:
    """The row, as a link to its past where it has a page."""
    model = _models().get(table)
    try:
        url = (
            "" if model is None else reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_past", args=[key])
        )
    except NoReverseMatch:
        url = ""
    return text(key, url=url)


def _diff(diff: dict[str, Any], labels: dict[str, str]) -> str:
    return "\n".join(_told(labels.get(column, column), value) for column, value in diff.items())


def _told(name: str, value: object) -> str:
    """One column: its value, or before and after; long ones cut, since the entry below holds them whole."""
    match value:
        case [before, after]:
            return f"{name}: {_short(before)} \N{RIGHTWARDS ARROW} {_short(after)}"
        case {"committed": _}:
            return f"{name}: a text of which the trail holds a commitment"
    return f"{name}: {_short(value)}"


def _short(value: object) -> str:
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= _CUT else f"{said[:_CUT]}\N{HORIZONTAL ELLIPSIS}"


def _leaf(row: Entry, body: bytes) -> Panel:
    stored = bytes(row.leaf_hash)
    now = leaf_hash(body)
    held = mark("met", "the bytes hash to the stored leaf") if now == stored else mark("unmet", "they differ")
    return Panel(
        title="The leaf",
        facts=[
            fact("Leaf hash, as stored", digest(stored.hex())),
            fact("Leaf hash, computed now", digest(now.hex())),
            fact("Compared", held),
        ],
        note="A leaf is the SHA-256 of a zero byte and the bytes below (RFC 9162, section 2.1.1).",
    )


def _inclusion(row: Entry, body: bytes) -> Panel:
    """The proof against the newest checkpoint, made and checked now (RFC 9162, section 2.1.3)."""
    title = "Its place in the signed log"
    checkpoint = latest_checkpoint()
    if checkpoint is None or checkpoint.size <= row.index:
        return Panel(title=title, note="No checkpoint covers this entry yet: a worker signs one within a second.")
    root = bytes(checkpoint.root)
    try:
        proof = inclusion_proof(row.index, checkpoint.size)
        verify_inclusion(leaf=leaf_hash(body), index=row.index, size=checkpoint.size, proof=proof, root=root)
        found = mark("met", "the entry is in the log that was signed")
    except (DomainError, VerificationError) as error:
        proof, found = (), mark("unmet", f"the proof does not hold: {error}")
    return Panel(
        title=title,
        facts=[
            fact("Found", found),
            fact("Checkpoint", text(f"{checkpoint.size} entries, {format_time(checkpoint.signed_at)}")),
            fact("Root", digest(root.hex())),
            fact("Proof", folded("\n".join(step.hex() for step in proof), f"{len(proof)} hashes from leaf to root")),
        ],
        note="Checked for this page with the stored bytes. The proof bundle of a version lets a stranger do the same.",
    )
