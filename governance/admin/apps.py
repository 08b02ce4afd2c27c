"""Django's admin with Countersign's own site."""

from django.contrib.admin.apps import AdminConfig


class CountersignAdminConfig(AdminConfig):
    default_site = "governance.admin.site.CountersignAdminSite"
