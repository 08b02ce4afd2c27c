"""The admin site itself, in a module of its own: beside ``@admin.register`` it would silently lose models.

Shows nothing to an account without a role but which role to ask for.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from django.apps import apps
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, re_path, reverse

from governance.roles import Role, roles

# In the order in which an officer needs them.
NAVIGATION: tuple[tuple[str, str], ...] = (
    ("registry.registeredmodel", "Models"),
    ("registry.modelversion", "Versions"),
    ("audits.evidence", "Evidence"),
    ("governance.decision", "Decisions"),
    ("governance.dossier", "Dossiers"),
    ("registry.datasetversion", "Datasets"),
    ("registry.assessment", "Assessments"),
    ("registry.deployment", "Deployments"),
    ("registry.predictionbatch", "Predictions"),
    ("registry.intake", "Uploads"),
    ("registry.environment", "Environments"),
    ("governance.policy", "Policies"),
    ("governance.checklist", "Checklists"),
    ("audits.user", "People"),
    ("governance.apitoken", "Tokens"),
    ("audits.entry", "Trail"),
)

View = Callable[..., HttpResponse]


class CountersignAdminSite(AdminSite):
    site_header = "Countersign"
    site_title = "Countersign"
    index_title = "What waits for you"
    site_url = None  # There is no other site to view.
    enable_nav_sidebar = False
    index_template = "countersign/waiting.html"
    login_template = "countersign/login.html"
    logout_template = "countersign/logged_out.html"
    # What a person may reach who has no role.
    open_to_all: ClassVar[frozenset[str]] = frozenset({"logout", "password_change"})

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take pages that only read. What other packages bring along (groups, jobs) would write around every act."""
        # Known by its mark: importing the class here would register pages on a site that is not made yet.
        if getattr(admin_class, "audited", False):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The site's pages and each model's; none of Django's that write or that answer to scripts."""

        def door(view: View) -> View:
            return self.admin_view(view)

        urls: list[URLPattern | URLResolver] = [
            path("", door(self.index), name="index"),
            path("login/", self.login, name="login"),
            path("logout/", door(self.logout), name="logout"),
            path("password_change/", door(self.password_change), name="password_change"),
        ]
        for model, pages in self._registry.items():
            urls.append(path(f"{model._meta.app_label}/{model._meta.model_name}/", include(pages.urls)))
        urls.append(re_path(r"(?P<url>.*)$", door(self.catch_all_view)))
        return urls

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # type: ignore[override] # Any view will do.
        """Django's door (signed in, never cached, CSRF), and behind it the question for a role."""

        def behind(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if getattr(view, "__name__", "") in self.open_to_all or request.user.get_all_permissions():
                return view(request, *args, **kwargs)
            return self._without_role(request)

        behind.__name__ = getattr(view, "__name__", "view")
        if getattr(view, "csrf_exempt", False):
            behind.csrf_exempt = True  # type: ignore[attr-defined]
        return super().admin_view(behind, cacheable)

    def _without_role(self, request: HttpRequest) -> HttpResponse:
        context = {**self.each_context(request), "title": "You have no role yet", "roles": _for_people()}
        return TemplateResponse(request, "countersign/no_role.html", context, status=403)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Not used: the navigation is our own."""
        return []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "navigation": self._navigation(request), "log_entries": ()}

    def _navigation(self, request: HttpRequest) -> list[dict[str, object]]:
        if not self.has_permission(request):
            return []
        found = []
        for label, title in NAVIGATION:
            model = apps.get_model(label)
            pages = self._registry.get(model)
            if pages is None or not pages.has_view_permission(request):
                continue
            url = reverse(f"admin:{label.replace('.', '_')}_changelist", current_app=self.name)
            found.append({"title": title, "url": url, "here": request.path.startswith(url)})
        return found

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from governance.admin.door import DoorForm

        self.login_form = DoorForm
        return super().login(request, extra_context)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from governance.admin.waiting import waiting_for

        return super().index(request, {"waiting": waiting_for(request.user), **(extra_context or {})})  # type: ignore[arg-type]

    def password_change(  # type: ignore[override] # Django's stubs promise its own template.
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from governance.admin.password import change_own_password

        return change_own_password(request, self)


def _for_people() -> list[Role]:
    """The roles that a person can ask for: a service does not sign in."""
    return [role for role in roles().values() if role.name != "service"]
