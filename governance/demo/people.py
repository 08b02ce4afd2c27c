"""The people of the demo, one a role, and the service that deploys. Their passwords lie in the data directory."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audits.local_secrets import local_secret
from audits.models import User
from audits.trail import Actor
from governance.services.people import create_account
from governance.services.signing import FreshAuthentication, authenticate_freshly

PEOPLE = {
    "owner": ("olivia.owner", "Olivia Owner"),
    "validator": ("victor.validator", "Victor Validator"),
    "risk_officer": ("rita.risk", "Rita Risk"),
    "compliance_officer": ("carol.compliance", "Carol Compliance"),
    "auditor": ("arthur.auditor", "Arthur Auditor"),
    "service": ("deployer", "Deployment service"),
}


@dataclass(frozen=True, kw_only=True)
class Player:
    """One role's account, and its password for signing."""

    account: User
    password: str

    def actor(self) -> Actor:
        return Actor.person(self.account, via="demo")

    def sign(self) -> FreshAuthentication:
        return authenticate_freshly(account=self.account, password=self.password)


def password_file() -> Path:
    return Path(settings.DATA_DIR) / "secrets" / "demo-password"


def players() -> dict[str, Player]:
    """The demo's accounts by role, made where they are missing."""
    password = local_secret(password_file())
    made = {}
    for role, (username, name) in PEOPLE.items():
        account = User.objects.filter(username=username).first() or create_account(
            actor=Actor.system("demo", via="command"),
            username=username,
            full_name=name,
            roles=[role],
            password=None if role == "service" else password,
            reason=f"The demonstration's {role.replace('_', ' ')}.",
        )
        made[role] = Player(account=account, password=password)
    return made
