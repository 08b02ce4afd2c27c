"""Every page of the top floor, imported so that it registers."""

from governance.admin import (
    decisions,
    dossiers,
    inventory,
    people,
    rules,
    tokens,
    versions,
)

__all__ = ["decisions", "dossiers", "inventory", "people", "rules", "tokens", "versions"]
