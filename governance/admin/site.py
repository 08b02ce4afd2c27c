"""The admin site itself, in a module of its own: beside ``@admin.register`` it would silently lose models."""

from django.contrib.admin import AdminSite


class CountersignAdminSite(AdminSite):
    site_header = "Countersign"
    site_title = "Countersign"
    index_title = "What waits for you"
