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
from django.utils.safestring import SafeString

from audits.admin.history import lines_of, names_of
from audits.admin.panels import Panel, Table, code, digest, fact, mark, prose, text, time
from audits.admin.tags import utc
from audits.admin.trail_status import trail_status
from audits.admin.verbs import Done, Occasion, Verb, VerbAdmin
from audits.merkle.tree import leaf_hash
from audits.models import Entry
from audits.trail.verification import verify

_OPS = {"I": "inserted", "U": "updated", "D": "deleted", "S": "as it stood"}


class LogPages(Paginator):
    """Pages over the log: indexes have no holes, so the whole is not counted row by row."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if isinstance(rows, QuerySet) and not rows.query.where:
            last = rows.order_by("-index").values_list("index", flat=True).first()
            return 0 if last is None else last + 1
        return len(rows) if isinstance(rows, Sequence) else rows.count()


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
    detail_template = "countersign/entry.html"
    list_display = ("index", "when", "what", "who", "about", "why")
    list_display_links = ("index", "what")
    list_filter = ("at",)
    search_fields = ("kind",)
    search_help_text = (
        "A kind (governance.approval.granted), a subject or the end of one, an actor (user:7), an index, or text: and "
        "any words of an entry"
    )
    ordering = ("-index",)
    paginator = LogPages
    verbs = (VerifyTrail(),)

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
        return super().changelist_view(
            request, {"title": "The trail", "trail": trail_status(), **(extra_context or {})}
        )

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
    def about(self, row: Entry) -> str:
        return row.subject

    @admin.display(description="Reason")
    def why(self, row: Any) -> str:
        return str(row.line.reason)

    def detail_title(self, row: Entry) -> str:
        return f"Entry {row.index}"

    def detail_context(self, request: HttpRequest, row: Entry) -> dict[str, Any]:
        body = bytes(row.body)
        document = orjson.loads(body)
        status = trail_status()
        return {
            **super().detail_context(request, row),
            "pretty": json.dumps(document, indent=2, ensure_ascii=False),
            "length": len(body),
            "trail": status,
            "panels": [_act(row, document), _changes(document), _proof(row, body)],
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
            code(json.dumps(change["diff"], ensure_ascii=False, sort_keys=True)),
        )
        for change in document["changes"]
    ]
    table = Table(head=("", "Table", "Row", "Columns"), rows=rows, empty="The act changed no governed row.")
    return Panel(title="What it changed", table=table)


def _proof(row: Entry, body: bytes) -> Panel:
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
