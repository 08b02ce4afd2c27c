"""Who may do what is governed in full, and no password, token or stored digest of one is anywhere in the trail."""

import hashlib
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from audits.models import User
from audits.trail.governed import governed_tables
from audits.trail.installation import DERIVED_TABLES, TRAIL_TABLES
from governance.services import people, tokens
from tests.database import Database
from tests.people import PASSWORD, acting, person

# Accounts, roles, who has which, and tokens; with the columns of which only a SHA-256 is recorded.
POWERS: dict[str, set[str]] = {
    "audits_user": {"password"},
    "audits_user_groups": set(),
    "audits_user_user_permissions": set(),
    "auth_group": set(),
    "auth_group_permissions": set(),
    "governance_apitoken": {"digest"},
}


def test_accounts_roles_membership_and_tokens_are_governed_and_their_secrets_digested() -> None:
    governed = {found.table: found.capture for found in governed_tables()}
    assert {table: set(governed[table].secret) for table in POWERS} == POWERS


def _everything_kept() -> str:
    """All that the trail's tables hold, bytes as the text that they are."""
    rows = []
    with connection.cursor() as cursor:
        for table in (*TRAIL_TABLES, *DERIVED_TABLES):
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            rows += [text for (text,) in cursor.fetchall()]
        cursor.execute("SELECT convert_from(body || coalesce(content, ''), 'UTF8') FROM audits_entry")
        rows += [text for (text,) in cursor.fetchall()]
    return "\n".join(rows)


def _as_bytes(text: str) -> str:
    """As PostgreSQL shows bytes."""
    return text.encode().hex()


def test_no_secret_is_in_the_trail_and_its_digest_is(office: Database) -> None:
    officer = acting(person("compliance_officer"))
    account = people.create_account(
        actor=officer, username="nora", full_name="Nora Nilsen", roles=["auditor"], password=PASSWORD
    )
    first = account.password
    people.change_password(actor=acting(account), account=account, password=f"{PASSWORD} again")
    bot = person("service")
    issued = tokens.issue_token(
        actor=officer,
        account=bot,
        name="deploy",
        scopes=["governance.request_decision"],
        expires_at=timezone.now() + timedelta(days=30),
    )
    tokens.revoke_token(actor=officer, token=issued.token, reason="Lost.")
    office.sequence()

    kept = _everything_kept()
    assert "governance.token.issued" in kept
    hashes = [first, *User.objects.values_list("password", flat=True)]
    pieces = [piece for stored in hashes for piece in stored.split("$")[2:]]
    assert len(pieces) > len(PASSWORD.split())
    for secret in (PASSWORD, issued.secret, issued.token.digest, *hashes, *pieces):
        assert secret not in kept
        assert _as_bytes(secret) not in kept
    for stored in (first, person("owner").password, issued.token.digest):
        assert f"sha256:{hashlib.sha256(stored.encode()).hexdigest()}" in kept
