"""Every address of the service, on one screen."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView

from audits.api.health import trail_health
from audits.api.problems import no_such_address
from audits.api.tiles import policy
from audits.api.verifiers import verify_archive, verify_page
from audits.urls import published
from governance.api.decisions import keys

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/v1/", include("governance.api.urls")),
    path("api/v1/", include("registry.urls")),
    path("api/v1/", include("audits.urls")),
    re_path("^api/", no_such_address),
    path("verify.html", verify_page, name="verify-page"),
    path("verify.pyz", verify_archive, name="verify-archive"),
    path("healthz/trail", trail_health, name="trail-health"),
    path(".well-known/countersign/keys.json", keys, name="keys"),
    path(".well-known/countersign/trail-policy", policy, name="trail-policy"),
    path("tlog/", include(published)),
]
