"""The form at the door. It never says which of the two was wrong, whether the account exists, or that it waits."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm

from audits.models import User
from governance.services.attempts import AT_THE_DOOR, is_locked


class DoorForm(AdminAuthenticationForm):
    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "User name and password do not belong together. Both mind capital letters. After ten wrong "
        "passwords an account waits for a quarter of an hour.",
    }

    def clean(self) -> dict[str, Any]:
        """No password is tried for an account that waits."""
        account = User.objects.filter(username=self.cleaned_data.get("username") or "").first()
        if account is not None and is_locked(account, kind=AT_THE_DOOR):
            raise self.get_invalid_login_error()
        return super().clean()
