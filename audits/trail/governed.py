"""Which tables the trail governs, and which it does not and why.

Every model of the project is in exactly one of the two lists; a test walks them.
"""

from dataclasses import dataclass

from django.apps import apps
from django.db import models

from audits.models.governed import Capture, Governed
from audits.trail.encoding import UnsupportedColumn

# Models of other packages whose rows decide who may do what.
ADOPTED: dict[str, Capture] = {
    "auth.Group": Capture(),
    "auth.Group_permissions": Capture(),
}

# Why each other table is not governed.
UNGOVERNED: dict[str, str] = {
    "audits.Act": "the trail itself: append-only by its own guards",
    "audits.Disclosure": "the trail itself: append-only by its own guards",
    "audits.Entry": "the trail itself: append-only by its own guards",
    "audits.Checkpoint": "the trail itself: append-only by its own guards",
    "audits.Cosignature": "what witnesses say of the trail: append-only by its own guards",
    "audits.Timestamp": "what an authority says of the trail: append-only by its own guards",
    "audits.VerificationRun": "how a verification comes on, for a page; what it came to is governed",
    "auth.Permission": "made by Django at each migration; Countersign grants by roles, never by these rows",
    "contenttypes.ContentType": "made by Django from the code at each migration",
    "sessions.Session": "a cookie's other half: opened by a sign-in, which is an act",
    "admin.LogEntry": "never written: the trail is the log",
    "procrastinate.*": "the queue of jobs: what a job does is an act of its own",
}


@dataclass(frozen=True, kw_only=True)
class GovernedTable:
    """One governed table: its name, its key column, and how its columns are recorded."""

    label: str
    table: str
    key: str
    capture: Capture


def governed_tables() -> list[GovernedTable]:
    """Every governed table, by name. Through tables of governed models are governed as well."""
    found: list[GovernedTable] = []
    for model in apps.get_models(include_auto_created=True):
        capture = _capture_of(model)
        if capture is not None:
            key = model._meta.pk.column
            if key is None:
                raise UnsupportedColumn(f"{model._meta.label} has no key column, by which the trail knows a row.")
            found.append(GovernedTable(label=model._meta.label, table=model._meta.db_table, key=key, capture=capture))
    return sorted(found, key=lambda governed: governed.table)


def _capture_of(model: type[models.Model]) -> Capture | None:
    if model._meta.label in ADOPTED:
        return ADOPTED[model._meta.label]
    if issubclass(model, Governed):
        return model.capture
    # The model that a many-to-many table was made for; Django's stubs take it for a flag.
    owner: object = model._meta.auto_created
    if isinstance(owner, type) and issubclass(owner, Governed):
        return Capture()
    return None


def why_ungoverned(model: type[models.Model]) -> str | None:
    """The reason on the list, or None where the model is on neither list."""
    return UNGOVERNED.get(model._meta.label) or UNGOVERNED.get(f"{model._meta.app_label}.*")
