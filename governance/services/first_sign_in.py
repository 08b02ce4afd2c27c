"""The first account of a new installation: somebody must be able to make the others.

Its password lies in the data directory, readable by the operator alone, until the person changes it.
"""

from pathlib import Path

from django.conf import settings

from audits.local_secrets import local_secret
from audits.models import User
from audits.trail import Actor
from governance.services.people import create_account

USERNAME = "officer"


def password_file() -> Path:
    return Path(settings.DATA_DIR) / "secrets" / "first-sign-in"


def ensure_first_account() -> None:
    """Make the account of the first compliance officer where there is no account that can sign in."""
    if User.objects.filter(is_staff=True).exists():
        return
    create_account(
        actor=Actor.system("setup", via="command"),
        username=USERNAME,
        full_name="First Officer",
        roles=["compliance_officer"],
        password=local_secret(password_file()),
        reason="The first account of this installation.",
    )
