"""The form at the door. It never says which of the two was wrong, nor whether the account exists."""

from django.contrib.admin.forms import AdminAuthenticationForm


class DoorForm(AdminAuthenticationForm):
    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "User name and password do not belong together. Both mind capital letters.",
    }
