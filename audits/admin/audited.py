"""The admin of a table that is only read: a list and a page per row. What changes rows are verbs, elsewhere.

No permission to add, change or delete exists here for anybody, and no URL that would; being a superuser grants nothing.
"""

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin import ModelAdmin, ShowFacets
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

from audits.admin.panels import Panel
from audits.admin.past import READS, has_past, past_of, past_page

# Only the type checker's ModelAdmin takes a parameter.
if TYPE_CHECKING:
    _Admin = ModelAdmin[Any]
else:
    _Admin = ModelAdmin


class AuditedAdmin(_Admin):
    """Lists rows and shows one; ``view_permission`` names the permission that reading takes."""

    # The site takes only pages that bear this mark.
    audited: ClassVar[bool] = True
    view_permission: ClassVar[str]
    detail_template: ClassVar[str] = "countersign/detail.html"
    # Queries of a row's page; a list has Django's list_select_related.
    detail_related: ClassVar[Sequence[str]] = ()
    # What the list is called where the table's name says it badly.
    list_title: ClassVar[str] = ""
    actions = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return request.user.has_perm(self.view_permission)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """The list and the row's page: not one URL of Django's that writes."""
        return [
            path("", self.page(require_safe(self.changelist_view)), name=self.url_name("changelist")),
            *self.more_urls(),
            *self.past_urls(),
            # Named as Django's own lists expect it; it shows and changes nothing.
            path("<str:object_id>/", self.page(require_safe(self.detail_view)), name=self.url_name("change")),
        ]

    def more_urls(self) -> list[URLPattern]:
        """Further pages of this admin, before the row's page."""
        return []

    def past_urls(self) -> list[URLPattern]:
        """The page of a row's past, where the trail holds the rows of this table."""
        if not has_past(self.model):
            return []
        view = self.page(require_safe(self.past_view))
        return [path("<str:object_id>/past/", view, name=self.url_name("past"))]

    def url_name(self, what: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{what}"

    def page(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """The view behind the site's door."""

        def wrapper(*args: object, **kwargs: object) -> HttpResponse:
            return self.admin_site.admin_view(view)(*args, **kwargs)

        wrapper.model_admin = self  # type: ignore[attr-defined]
        return update_wrapper(wrapper, view)

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """The row, or 404; 403 for who may not read this table."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related(*self.detail_related)
        try:
            return rows.get(pk=self.opts.pk.to_python(object_id))
        except (self.model.DoesNotExist, ValidationError, ValueError, OverflowError) as error:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.") from error

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": self.called(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def called(self) -> str:
        return self.list_title or capfirst(str(self.opts.verbose_name_plural))

    def detail_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": row,
            "title": self.detail_title(row),
            "list_title": self.called(),
            "list_url": f"admin:{self.url_name('changelist')}",
            **self.detail_context(request, row),
        }
        if "past" not in context:
            context["past"] = past_of(request, row)
        return TemplateResponse(request, self.detail_template, context)

    def past_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The row as it was, beside the row as it is; of a row that is gone, what the trail holds."""
        if not self.has_view_permission(request) or not request.user.has_perm(READS):
            raise PermissionDenied
        try:
            key = self.opts.pk.to_python(object_id)
        except ValidationError as error:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.") from error
        row = self.get_queryset(request).select_related(*self.detail_related).filter(pk=key).first()
        found = past_page(request, self.model, key)
        if row is None and not found["known"]:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}, and there never was.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": row,
            "title": f"Past of {self.detail_title(row)}" if row else f"Past of {self.opts.verbose_name} {object_id}",
            "list_title": self.called(),
            "list_url": f"admin:{self.url_name('changelist')}",
            "back_url": reverse(f"admin:{self.url_name('change')}", args=[key]) if row else "",
            **found,
        }
        return TemplateResponse(request, "countersign/past.html", context)

    def detail_title(self, row: Any) -> str:
        return f"{capfirst(str(self.opts.verbose_name))} {row}"

    def detail_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page says beyond its title."""
        return {"panels": self.panels(request, row)}

    def panels(self, request: HttpRequest, row: Any) -> list[Panel]:
        return []
