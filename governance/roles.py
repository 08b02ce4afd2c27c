"""The roles, as data: who they are in one sentence, and which permissions each has."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Roles of which one person has at most one.
EXCLUSIVE = ("owner", "validator", "risk_officer", "compliance_officer", "auditor", "service")
_FILE = Path(__file__).resolve().parent.parent / "fixtures" / "roles.json"


@dataclass(frozen=True, kw_only=True)
class Role:
    name: str
    title: str
    description: str
    permissions: frozenset[str]


@cache
def roles() -> dict[str, Role]:
    document = json.loads(_FILE.read_bytes())
    return {
        entry["id"]: Role(
            name=entry["id"],
            title=entry["title"],
            description=entry["description"],
            permissions=frozenset(entry["permissions"]),
        )
        for entry in document["roles"]
    }


def permissions_of(names: Iterable[str]) -> frozenset[str]:
    """The permissions of an account that has these roles; unknown names grant nothing."""
    known = roles()
    return frozenset().union(*(known[name].permissions for name in names if name in known))
