"""Verbs: what people do to a row, each a URL of its own. GET shows what will happen; POST asks the service to do it.

Decides nothing: the service decides, and records a refusal where it does so. What was typed is never lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from audits.admin.audited import AuditedAdmin
from audits.admin.panels import Panel
from audits.errors import DomainError
from audits.models import User
from audits.trail import Actor


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A verb as a page offers it, or says why it does not: then ``refusal`` is the reason in words."""

    title: str
    url: str
    refusal: str = ""
    weight: str = "plain"


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """One use of a verb: who, on which row (None for verbs on the whole list), with which argument of the URL."""

    actor: Actor
    account: User
    row: Any = None
    argument: str = ""
    # What a verb reads once and needs again: its own affair.
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a verb leaves: a sentence, and where to go; or a page that must be shown once; or a file."""

    sentence: str
    url: str = ""
    page: str = ""
    response: HttpResponse | None = None
    context: Mapping[str, object] = field(default_factory=dict)


class Verb:
    """One verb. Subclasses say what it will do and call one service in ``perform``."""

    name: ClassVar[str]
    title: ClassVar[str]
    form_class: ClassVar[type[Form]]
    weight: ClassVar[str] = "plain"
    # On the whole table, not on a row.
    on_list: ClassVar[bool] = False
    # Whether the URL carries an argument after the name.
    takes_argument: ClassVar[bool] = False
    template: ClassVar[str] = "countersign/verb.html"
    # What the button says.
    submit: ClassVar[str] = "Do it"

    def heading(self, occasion: Occasion) -> str:
        return self.title if occasion.row is None else f"{self.title}: {occasion.row}"

    def refusal(self, occasion: Occasion) -> str:
        """Why the person may not do this now, in words; empty where they may. For the page: the service decides."""
        return ""

    def consequences(self, occasion: Occasion) -> Sequence[str]:
        """What will happen, sentence by sentence."""
        return ()

    def panels(self, occasion: Occasion) -> Sequence[Panel]:
        """What the person should look at first."""
        return ()

    def form(self, occasion: Occasion, data: Any = None) -> Form:
        return self.form_class(data)

    def context(self, occasion: Occasion) -> dict[str, object]:
        return {}

    def perform(self, occasion: Occasion, form: Form) -> Done:
        """Call the service; DomainError says why not."""
        raise NotImplementedError


class VerbAdmin(AuditedAdmin):
    """An audited admin whose rows have verbs."""

    verbs: ClassVar[Sequence[Verb]] = ()

    def more_urls(self) -> list[URLPattern]:
        return [*super().more_urls(), *(self._route(verb) for verb in self.verbs)]

    def _route(self, verb: Verb) -> URLPattern:
        route = f"{verb.name}/" if verb.on_list else f"<str:object_id>/{verb.name}/"
        if verb.takes_argument:
            route += "<str:argument>/"

        def view(request: HttpRequest, object_id: str = "", argument: str = "") -> HttpResponse:
            return self.verb_view(request, verb, object_id, argument)

        view.__name__ = f"{verb.name}_view"
        guarded = sensitive_post_parameters()(require_http_methods(["GET", "HEAD", "POST"])(view))
        return path(route, self.page(guarded), name=self.url_name(verb.name))

    def occasion(self, request: HttpRequest, row: Any = None, argument: str = "") -> Occasion:
        account = cast(User, request.user)
        return Occasion(actor=Actor.person(account, via="admin"), account=account, row=row, argument=argument)

    def offers(self, request: HttpRequest, row: Any = None) -> list[Offer]:
        """The verbs on this row (on the list without one), each with the reason where it is not for this person."""
        return self.offers_on(self.occasion(request, row))

    def offers_on(self, occasion: Occasion) -> list[Offer]:
        """As ``offers``, with an occasion that the page has read things into already."""
        row = occasion.row
        return [
            Offer(
                title=verb.title,
                url=self.verb_url(verb, row),
                refusal=verb.refusal(occasion),
                weight=verb.weight,
            )
            for verb in self.verbs
            if verb.on_list == (row is None) and not verb.takes_argument
        ]

    def verb_url(self, verb: Verb, row: Any = None, argument: str = "") -> str:
        args = [*([] if row is None else [row.pk]), *([argument] if argument else [])]
        return reverse(f"admin:{self.url_name(verb.name)}", args=args)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"offers": self.offers(request), **(extra_context or {})})

    def detail_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {"offers": self.offers(request, row), **super().detail_context(request, row)}

    def verb_view(self, request: HttpRequest, verb: Verb, object_id: str, argument: str) -> HttpResponse:
        # 1. Who may not read the row learns nothing about it.
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = None if verb.on_list else self.find(request, object_id)
        occasion = self.occasion(request, row, argument)
        # 2. GET shows; it changes nothing.
        if request.method != "POST":
            refusal = verb.refusal(occasion)
            form = None if refusal else verb.form(occasion)
            return self._show(request, verb, occasion, form, refusal=refusal, status=403 if refusal else 200)
        # 3. POST goes to the service whatever the page offered, so that a refusal is decided and recorded there.
        form = verb.form(occasion, request.POST)
        if not form.is_valid():
            return self._show(request, verb, occasion, form, status=400)
        try:
            done = verb.perform(occasion, form)
        except DomainError as error:
            return self._show(request, verb, occasion, form, problem=error.message, status=error.status)
        if done.response is not None:
            return done.response
        if done.page:
            context = {**self._context(request, verb, occasion), "sentence": done.sentence, **done.context}
            return TemplateResponse(request, done.page, context)
        messages.success(request, done.sentence)
        return HttpResponseRedirect(done.url or self._way_back(occasion))

    def _show(
        self,
        request: HttpRequest,
        verb: Verb,
        occasion: Occasion,
        form: Form | None,
        *,
        status: int,
        refusal: str = "",
        problem: str = "",
    ) -> HttpResponse:
        context = {
            **self._context(request, verb, occasion),
            "form": form,
            "refusal": refusal,
            "problem": problem,
            "consequences": verb.consequences(occasion),
            "panels": verb.panels(occasion),
            **verb.context(occasion),
        }
        return TemplateResponse(request, verb.template, context, status=status)

    def _context(self, request: HttpRequest, verb: Verb, occasion: Occasion) -> dict[str, object]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": occasion.row,
            "verb": verb,
            "title": verb.heading(occasion),
            "list_title": self.called(),
            "list_url": f"admin:{self.url_name('changelist')}",
            "back_url": self._way_back(occasion),
        }

    def _way_back(self, occasion: Occasion) -> str:
        if occasion.row is None:
            return reverse(f"admin:{self.url_name('changelist')}")
        return reverse(f"admin:{self.url_name('change')}", args=[occasion.row.pk])
