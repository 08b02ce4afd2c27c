"""The trail in the admin: its entries, each with the exact bytes that were hashed.

Shows and verifies; nothing here could change an entry, and the database would refuse.
"""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audits.admin.erasing import EraseReason
from audits.admin.exporting import ExportList
from audits.admin.history import lines_of, names_of
from audits.admin.panels import Panel, Table, code, digest, fact, folded, mark, prose, text, time
from audits.admin.tags import utc
from audits.admin.trail_status import trail_status
from audits.admin.verbs import Done, Occasion, Verb, VerbAdmin
from audits.documents.formatting import ABSENT, format_time
from audits.errors import DomainError
from audits.merkle.errors import VerificationError
from audits.merkle.tree import leaf_hash, verify_inclusion
from audits.models import Entry
from audits.trail.entries import whole_entry
from audits.trail.log import inclusion_proof, latest_checkpoint
from audits.trail.verification import verify

_OPS = {"I": "inserted", "U": "updated", "D": "deleted", "S": "as it stood"}

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
    """Re-compute everything, now."""

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
            "Nothing is written. It takes as long as the trail and the files are large.",
        )

    def perform(self, occasion: Occasion, form: Form) -> Done:
        report = verify()
        said = "Everything that was checked holds." if report.ok else "Something differs: read what, below."
        return Done(sentence=said, page="countersign/verification.html", context={"report": report})


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
        "A kind (governance.approval.granted), a subject or the end of one, an actor (user:7), an index, or text: and "
        "any words of an entry"
    )
    ordering = ("-index",)
    paginator = LogPages
    verbs = (VerifyTrail(), ExportList("trail"), EraseReason())

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Entry]", search_term: str
    ) -> "tuple[QuerySet[Entry], bool]":
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("text:"):
            words = term.removeprefix("text:").strip()
            return queryset.extra(where=["position(%s in convert_from(body, 'UTF8')) > 0"], params=[words]), False
        found = Q(kind__icontains=term) | Q(subject=term) | Q(subject__endswith=f":{term}") | Q(actor=term)
        if term.isdigit() and len(term) < 19:
            found |= Q(index=int(term))
        return queryset.filter(found), False

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
    rows = [
        (
            text(_OPS.get(change["op"], change["op"])),
            code(change["table"]),
            code(change["key"]),
            prose("\n".join(_told(name, value) for name, value in change["diff"].items())),
        )
        for change in document["changes"]
    ]
    table = Table(head=("", "Table", "Row", "Columns"), rows=rows, empty="The act changed no governed row.")
    return Panel(title="What it changed", table=table)


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
