"""Puts rows into every governed table, in acts, so that attacks have something to change."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from audits.artifacts import store
from audits.trail import Actor, act
from audits.trail.governed import governed_tables
from governance import events
from tests.database import Connection, Database

ROBOT = Actor.system("filling", via="test")


def fill_every_table(database: Database, *, rows: int = 2) -> None:
    """``rows`` rows in each governed table, one act a table; then an act that changes people's data again."""
    made: dict[type[models.Model], list[models.Model]] = {}
    with database.superuser() as superuser, _own_rules_off(superuser):
        for model in _in_order():
            with act(events.RolesAssigned(roles=["owner"]), actor=ROBOT, subject="test"):
                made[model] = [_made(model, number, made) for number in range(rows)]
    for model, instances in made.items():
        if model._meta.db_table == "audits_user":
            with act(events.RolesAssigned(roles=["owner"]), actor=ROBOT, subject=instances[0], reason="Moved to Bern."):
                model._default_manager.filter(pk=instances[0].pk).update(email="moved@example.org", is_staff=True)


@contextmanager
def _own_rules_off(superuser: Connection) -> Iterator[None]:
    """Rows made by a robot keep no separation of duties."""
    found = superuser.execute(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND t.tgname NOT LIKE 'audits\\_%%' AND c.relname = ANY(%s)",
        [[governed.table for governed in governed_tables()]],
    ).fetchall()
    for table, name in found:
        superuser.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER "{name}"')
    yield
    for table, name in found:
        superuser.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER "{name}"')


def _in_order() -> list[type[models.Model]]:
    """Governed models, each after those that it refers to."""
    tables = {governed.table for governed in governed_tables()}
    waiting = [model for model in apps.get_models(include_auto_created=True) if model._meta.db_table in tables]
    ordered: list[type[models.Model]] = []
    while waiting:
        ready = [model for model in waiting if not _needs(model) & (set(waiting) - {model})]
        assert ready, f"these models refer to each other in a circle: {waiting}"
        ordered += ready
        waiting = [model for model in waiting if model not in ready]
    return ordered


def _needs(model: type[models.Model]) -> set[type[models.Model]]:
    return {
        field.related_model
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and isinstance(field.related_model, type)
    }


def _made(model: type[models.Model], number: int, made: dict[type[models.Model], list[models.Model]]) -> models.Model:
    values = {
        field.attname: _value(model, field, number, made)
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField)
    }
    instance = model(**values)
    instance.save(force_insert=True)
    return instance


def _value(
    model: type[models.Model],
    field: models.Field,  # type: ignore[type-arg]
    number: int,
    made: dict[type[models.Model], list[models.Model]],
) -> object:
    capture = {governed.table: governed.capture for governed in governed_tables()}[model._meta.db_table]
    if field.name in capture.files:
        return store.put_bytes(f"{model._meta.label} {number}".encode()).digest
    if field.name in capture.file_lists:
        return [{"name": "a", "sha256": store.put_bytes(f"{model._meta.label} figure".encode()).digest}]
    if isinstance(field, models.ForeignKey):
        related = field.related_model
        if related in made:
            return made[related][number].pk
        # Not governed: Django's own lists.
        return list(related._default_manager.values_list("pk", flat=True)[:2])[number]
    if isinstance(field, models.UUIDField):
        return field.get_default()
    if isinstance(field, models.BooleanField):
        return number == 0
    if isinstance(field, models.IntegerField):
        return 7 + number
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.JSONField):
        return {"bb": 1.50, "a": ["é", None, "\u2028"]}
    if isinstance(field, ArrayField):
        return ["a", "b"]
    if isinstance(field, models.DecimalField):
        return "1.50"
    if isinstance(field, models.FloatField):
        return 0.1
    if isinstance(field, models.CharField | models.TextField):
        text = f'{field.name} "{number}" é\n'
        return text[: field.max_length] if field.max_length else text
    raise NotImplementedError(f"no value for {model._meta.label}.{field.name}: add its type here")
